"""Certificates for servers that https shall or shall not trust; openssl makes them."""

import functools
import hashlib
import ssl
import subprocess
import tempfile
from pathlib import Path

import attrs

_CA = """[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


@attrs.frozen
class Certificate:
    """A certificate that vouches for itself, and its server's context."""

    file: Path
    context: ssl.SSLContext

    def new_context(self) -> ssl.SSLContext:
        """Return another context of a server that shows it, to be changed."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file, self.file.parent / "key.pem")
        return context

    @property
    def fingerprint(self) -> str:
        """Its SHA-256."""
        der = ssl.PEM_cert_to_DER_cert(self.file.read_text())
        return hashlib.sha256(der).hexdigest()


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="digitro-tls-")


@functools.cache
def certificate(
    subject: str = "IP:127.0.0.1",
    *,
    expired: bool = False,
    early: bool = False,
    authority: bool = False,
) -> Certificate:
    """Return a certificate for that subject, made at the first asking.

    Args:
        subject: Its alternative name.
        expired: Whether it ended years ago.
        early: Whether it begins in many years.
        authority: Whether an authority signed it, and not its own key.
    """
    folder = Path(tempfile.mkdtemp(dir=_folder().name))
    file, key, request = (folder / name for name in ("cert.pem", "key.pem", "csr.pem"))
    make = (
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        f"-subj /CN=test -addext subjectAltName={subject} -keyout {key}"
    )
    if expired or early:
        dates = (2020, 2020) if expired else (2048, 2049)
        (folder / "ca.conf").write_text(_CA.format(folder=folder))
        (folder / "index.txt").touch()
        (folder / "serial").write_text("01\n")
        _run(f"{make} -new -out {request}")
        _run(
            f"openssl ca -selfsign -batch -notext -config {folder / 'ca.conf'} "
            f"-keyfile {key} -in {request} -out {file} "
            f"-startdate {dates[0]}0101000000Z -enddate {dates[1]}0102000000Z"
        )
    elif authority:
        root = certificate("DNS:root.example").file
        signer = f"-CA {root} -CAkey {root.parent / 'key.pem'}"
        _run(f"{make.replace('CN=test', 'CN=pabx')} -x509 {signer} -days 2 -out {file}")
    else:
        _run(f"{make} -x509 -days 2 -out {file}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return Certificate(file, context)


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True, capture_output=True)
