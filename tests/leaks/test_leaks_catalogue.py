"""No fault of the catalogue shows anything private, on any connection, however made."""

from typing import Any

import pytest
from leak_places import Watch
from leaks import API_KEY, call_with_canaries
from test_leaks import watched
from test_leaks_product import log_the_body

scene: Any = pytest.importorskip("fault_scene")
CATALOGUE: Any = pytest.importorskip("fault_catalogue").CATALOGUE
EACH = 20
"""The ordinary run plays one case in this number; ``-m long`` plays the others."""

CASES = [
    pytest.param(case, marks=[pytest.mark.long] * bool(number % EACH), id=case.id)
    for number, case in enumerate(CATALOGUE)
]


@pytest.mark.parametrize("case", CASES)
async def test_catalogue(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No case of the catalogue shows a private value."""
    if not case.is_possible:
        pytest.skip(f"needs {case.needs}")
    async with watched() as watch:
        await replay(case, watch, monkeypatch)


@pytest.mark.parametrize("case", CATALOGUE[::100], ids=lambda case: case.id)
async def test_a_seeded_leak(case: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leak in the library is found by the replay of a case."""
    log_the_body(monkeypatch)
    with Watch() as watch:
        await replay(case, watch, monkeypatch)

    assert [one for one in watch.leaks() if one.startswith("log digitro_async")]


async def replay(case: Any, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Play a case and take all that can be shown of it."""
    clients: list[Any] = []
    open_client = scene.Scene.client

    async def client(self: Any, *given: Any, **settings: Any) -> Any:
        clients.append(await open_client(self, *given, **settings))
        return clients[-1]

    monkeypatch.setattr(scene.Scene, "client", client)
    call = call_with_canaries()
    played = await scene.play(case, call=call, api_key=API_KEY)
    watch.take("end", played.error)
    watch.take("end", played.result)
    watch.take("clients", clients)
    for one in clients:
        watch.take("statistics", one.statistics())
