"""JSON by orjson where it is installed, for the clients that are written by hand."""

import json
from collections.abc import Callable
from typing import Any

dumps: Callable[[Any], bytes]
loads: Callable[[bytes], Any]
try:
    import orjson
except ImportError:
    loads = json.loads

    def dumps(value: Any) -> bytes:
        """Return the value as JSON."""
        return json.dumps(value).encode()

else:
    dumps, loads = orjson.dumps, orjson.loads
