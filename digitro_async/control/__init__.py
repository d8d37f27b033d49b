"""Orders to the processes that dial a ledger, and how they stand."""

from typing import TYPE_CHECKING

from digitro_async._common.lazy_names import lazy_names
from digitro_async.control._control_port import (
    AddList,
    CampaignStatus,
    Control,
    PABXState,
    WorkerStatus,
)
from digitro_async.control._socket_place import find_socket

__all__ = [
    "AddList",
    "CampaignStatus",
    "Control",
    "ControlServer",
    "PABXState",
    "PostgresControl",
    "RunControl",
    "SocketControl",
    "WorkerStatus",
    "find_socket",
    "worker_facts",
]

if TYPE_CHECKING:
    from digitro_async.control._control_server import ControlServer
    from digitro_async.control._postgres_control import PostgresControl
    from digitro_async.control._run_control import RunControl
    from digitro_async.control._socket_control import SocketControl
    from digitro_async.control._worker_facts import worker_facts
else:
    # Each is loaded when it is asked for: one needs a database's driver, and who looks
    # at a ledger that nobody dials needs none of them.
    __getattr__ = lazy_names(
        __name__,
        "_socket_control",
        "_worker_facts",
        "_control_server",
        "_run_control",
        "_postgres_control",
    )
