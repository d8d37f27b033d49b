"""Says what is wrong with a file of a certificate authority."""

import re
from pathlib import Path
from typing import Final

from digitro_async._common.text import words_of_os_error

__all__ = ["problem_of_ca_file"]

_CERTIFICATE: Final = re.compile(rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----")


def problem_of_ca_file(path: Path) -> str:
    """Return why a file can't be one of an authority; empty where it can."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return words_of_os_error(error)
    except ValueError:
        return "its name can't be used"
    if _CERTIFICATE.search(content):
        return ""
    if content.startswith(b"\x30\x82"):
        return "it is DER, not PEM: convert it with openssl x509 -inform der"
    if b"PRIVATE KEY-----" in content:
        return "it holds a private key, and no certificate"
    return "it holds no certificate in PEM"
