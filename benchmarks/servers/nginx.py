"""A server that nobody here wrote: nginx, with a configuration made for one run.

It runs as an unprivileged child on free ports of 127.0.0.1, out of a temporary folder.
Its one worker looks at the method, the path, the key and the length of every request
and answers with an id made of the connection's number and the request's number in it.
"""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from benchmarks.harness.work import API_KEY, PATH, WrongRunError

_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"
"""Folders that hold nginx on systems where PATH does not lead to it."""

_CONFIG = """\
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
{affinity}
error_log stderr crit;
events {{ worker_connections 1000; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  default_type application/json;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    {tls}
    location / {{ return 404; }}
    location = {path} {{
      if ($request_method != POST) {{ return 405; }}
      if ($http_x_api_key != {key}) {{ return 401; }}
      if ($content_length = "") {{ return 411; }}
      return 200 '{{"ID_CHAMADA": "$connection-$connection_requests/00"}}';
    }}
  }}
}}
"""

_TLS = """\
listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_protocols TLSv1.3;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;"""

_OPENSSL = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = benchmark
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@attrs.frozen(kw_only=True)
class Address:
    """The address of a server.

    Attributes:
        port: Port on 127.0.0.1 for http.
        tls_port: Port for https, None where there is none.
        ca_file: PEM file with the authority that https has to trust.
    """

    port: int
    tls_port: int | None = None
    ca_file: str | None = None


def find_nginx() -> str | None:
    """Return the path of the program, None where it is not installed."""
    path = f"{os.environ.get('PATH', os.defpath)}:{_PLACES}"
    return shutil.which("nginx", path=path)


def missing(*, tls: bool) -> str | None:
    """Return the name of a program that is needed and not installed, if any."""
    if find_nginx() is None:
        return "nginx"
    if tls and shutil.which("openssl") is None:
        return "openssl"
    return None


@contextlib.contextmanager
def nginx_serving(core: int | None, *, tls: bool = False) -> Iterator[Address]:
    """Run nginx and give its address; it ends with the block.

    Args:
        core: Core to run on, None for any.
        tls: Whether it serves https on a second port.

    Raises:
        WrongRunError: If it is not installed or did not start.
    """
    program = find_nginx()
    if program is None:
        raise WrongRunError("nginx is not installed")
    with (
        tempfile.TemporaryDirectory(prefix="nginx-") as name,
        _held_ports() as (port, tls_port),
    ):
        folder = Path(name)
        if tls:
            _make_certificate(folder)
        text = _CONFIG.format(
            folder=folder,
            affinity="" if core is None else f"worker_cpu_affinity {1 << core:b};",
            port=port,
            path=PATH,
            key=API_KEY,
            tls=_TLS.format(folder=folder, port=tls_port) if tls else "",
        )
        config = folder / "nginx.conf"
        config.write_text(text, encoding="ascii")
        command = [program, "-e", "stderr", "-p", name, "-c", str(config)]
        server = _start(command, folder)
        try:
            _await_start(server, port)
            yield Address(
                port=port,
                tls_port=tls_port if tls else None,
                ca_file=str(folder / "authority.pem") if tls else None,
            )
        finally:
            server.terminate()
            server.wait(30)


def version() -> str | None:
    """Return nginx's version, None where it is not installed."""
    program = find_nginx()
    if program is None:
        return None
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"nginx/(\S+)", said.stderr)
    return found and found[1]


def _start(command: list[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start it; root's has nobody's rights, and nothing but the folder is its own."""
    if os.geteuid() != 0:
        return subprocess.Popen(command)
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return subprocess.Popen(
        command, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]
    )


@contextlib.contextmanager
def _held_ports() -> Iterator[tuple[int, int]]:
    """Hold two ports that nobody else is given.

    On Linux nginx may listen on them all the same; elsewhere they are let go of.
    """
    with socket.socket() as one, socket.socket() as other:
        for held in (one, other):
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], other.getsockname()[1]
        if not sys.platform.startswith("linux"):
            one.close()
            other.close()
        yield ports


def _await_start(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 20
    while server.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.02)
    raise WrongRunError("nginx did not start")


def _make_certificate(folder: Path) -> None:
    """Make an authority and a certificate for 127.0.0.1 that it vouches for.

    Two of them, because some clients refuse a server that is its own authority.
    """
    config = folder / "openssl.conf"
    config.write_text(_OPENSSL, encoding="ascii")
    for name, signed in (
        ("authority", ""),
        ("server", f"-CA {folder}/authority.pem -CAkey {folder}/authority.key"),
    ):
        make = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
            f"-days 2 -config {config} -extensions {name} {signed} "
            f"-keyout {folder}/{name}.key -out {folder}/{name}.pem"
        )
        done = subprocess.run(make.split(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise WrongRunError(f"no certificate: {done.stderr.strip()}")
