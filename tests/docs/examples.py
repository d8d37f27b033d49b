"""Runs Python blocks of the pages against simulators."""

import ast
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pages import blocks_of

from digitro_async.testing import FakePABX

__all__ = ["Tour", "filial", "tour"]

Tour = Callable[[str, str], Awaitable[dict[str, Any]]]


@pytest.fixture
async def filial() -> AsyncIterator[FakePABX]:
    """Start the simulator behind the second PABX of the examples."""
    async with FakePABX() as pabx:
        yield pabx


@pytest.fixture
def tour(fake_pabx: FakePABX, filial: FakePABX) -> Tour:
    """Run the Python blocks under headings, all in one namespace."""
    places = {
        "http://127.0.0.1:8089": fake_pabx.base_url,
        "http://127.0.0.1:8090": filial.base_url,
    }
    names: dict[str, Any] = {"__name__": "readme"}

    async def run(page: str, heading: str) -> dict[str, Any]:
        for block in blocks_of(page, heading, "python"):
            await run_block(f"{page}: {heading}", block, places, names)
        return names

    return run


async def run_block(
    where: str, block: str, places: dict[str, str], names: dict[str, Any]
) -> None:
    """Run a block in the namespace, awaiting what it awaits at its top level."""
    for shown, real in places.items():
        block = block.replace(shown, real)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code = compile(block, f"<{where}>", "exec", flags=flags)
    coroutine = eval(code, names)
    if inspect.isawaitable(coroutine):
        await coroutine
