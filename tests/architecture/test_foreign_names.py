"""The transport stands on public names of aiohttp, yarl and multidict alone."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import multidict
import pytest
import yarl
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import BaseConnector, Connection
from package_imports import MODULES

TRANSPORT = {
    name: module for name, module in MODULES.items() if name.startswith("transport")
}
REFLECTION = {"getattr", "setattr", "delattr", "hasattr"}
FOREIGN = ("aiohttp", "yarl", "multidict")


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _private_names() -> set[str]:
    """Return the private names of the classes that the transport touches."""
    classes = (
        *(aiohttp.ClientSession, aiohttp.TCPConnector, BaseConnector, Connection),
        *(aiohttp.ClientRequest, aiohttp.ClientResponse, aiohttp.StreamReader),
        *(aiohttp.Payload, ResponseHandler, yarl.URL, multidict.CIMultiDict),
    )
    found: set[str] = set()
    for one in classes:
        for base in inspect.getmro(one):
            if base.__module__.partition(".")[0] not in FOREIGN:
                continue
            found.update(vars(base))
            try:
                tree = ast.parse(inspect.getsource(base))
            except (OSError, TypeError):
                continue  # of an extension
            found.update(
                node.attr
                for node in ast.walk(tree)
                if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self"
            )
    return {name for name in found if _is_private(name)}


PRIVATE = _private_names()


def uses(tree: ast.AST) -> Iterator[str]:
    """Yield each private name of theirs that a module uses, and where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield from _in_subclass(node)
        elif isinstance(node, ast.ImportFrom):
            yield from _in_import(node)
        elif isinstance(node, ast.Attribute) and node.attr in PRIVATE:
            if ast.unparse(node.value) not in {"self", "cls"}:
                yield f"line {node.lineno}: {node.attr}"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in REFLECTION:
            yield from _in_reflection(node)


def _in_reflection(found: ast.Call) -> Iterator[str]:
    """Yield the private name that ``getattr`` or the like is given."""
    for given in found.args[1:2]:
        if isinstance(given, ast.Constant) and given.value in PRIVATE:
            yield f"line {found.lineno}: {given.value}"


def _in_import(found: ast.ImportFrom) -> Iterator[str]:
    """Yield the import if one of its names is private and theirs."""
    library, *parts = (found.module or "").split(".")
    names = [*parts, *(one.name for one in found.names)]
    if library in FOREIGN and any(map(_is_private, names)):
        yield f"line {found.lineno}: import of {found.module}"


def _in_subclass(found: ast.ClassDef) -> Iterator[str]:
    """Yield the private names of theirs in a class that inherits from one of theirs."""
    if not any("aiohttp." in ast.unparse(base) for base in found.bases):
        return
    for node in ast.walk(found):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            name = node.name
        elif isinstance(node, ast.Attribute):
            name = node.attr
        else:
            continue
        if name in PRIVATE:
            yield f"line {node.lineno}: {name}"


@pytest.mark.parametrize("name", TRANSPORT)
def test_no_private_name(name: str) -> None:
    """No module of the transport uses a private name of aiohttp, yarl or multidict."""
    assert list(uses(TRANSPORT[name].tree)) == []


@pytest.mark.parametrize(
    "source",
    [
        "session._request('POST')",
        "from aiohttp._http_parser import HttpParser",
        "from aiohttp.client import _RequestContextManager",
        "getattr(connection, '_key')",
        "class A(aiohttp.TCPConnector):\n def f(self): return self._loop",
        "class A(aiohttp.TCPConnector):\n async def _create_connection(self): ...",
    ],
)
def test_a_private_name_is_seen(source: str) -> None:
    """Whatever way a private name is used in, it is found."""
    assert list(uses(ast.parse(source)))


def test_the_lists_are_not_empty() -> None:
    """There are modules to look at, and names to look for."""
    assert {Path(one.path).name for one in TRANSPORT.values()} >= {"_connector.py"}
    assert {"_loop", "_conns", "_request", "_payload", "_release"} <= PRIVATE
