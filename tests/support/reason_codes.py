"""Finds every reason that the package can give an error, in its code."""

import ast
from collections.abc import Iterator
from typing import Final

from package_imports import MODULES

from digitro_async._common.reasons import REFUSED_STATUSES, Failure
from digitro_async.call_events import ChannelReason
from digitro_async.protocol import Classification, Observation, classify_evidence

__all__ = ["CALL_REASONS", "CHANNEL_REASONS", "OTHER_REASONS", "PAUSE_REASONS"]

# Functions and classes that take a reason by its place.
_PLACES: Final = {
    "Classification": 2,
    "UnreadableBodyError": 0,
    "_open": 0,
    "_unreadable": 0,
    "pause_until_resume": 0,
}
_OF_OTHERS: Final = {"LedgerError", "SourceError", "DigitroError"}
"""Errors that are about no single call."""
_OF_CHANNELS: Final = {"Gap", "ChannelClosed", "StreamError"}
"""What tells why an event channel ended, or why events are missing."""
CHANNEL_REASONS: Final = set(map(str, ChannelReason))
"""Reasons of event channels, beside those of any connection."""


def _constants(node: ast.expr | None, names: dict[str, str]) -> Iterator[str]:
    """Yield the texts that an expression can be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body, names)
        yield from _constants(node.orelse, names)
    elif isinstance(node, ast.Name) and node.id in names:
        yield names[node.id]


def _texts_of(tree: ast.Module) -> dict[str, str]:
    """Return the module's own names of texts."""
    found: dict[str, str] = {}
    for node in tree.body:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign):
            targets, value = [node.target], node.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            named = [one.id for one in targets if isinstance(one, ast.Name)]
            found |= dict.fromkeys(named, value.value)
    return found


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _assigned(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name that an assignment binds, with its value."""
    for target in node.targets:
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = zip(target.elts, node.value.elts, strict=False)
        else:
            pairs = zip([target], [node.value], strict=False)
        for one, value in pairs:
            yield getattr(one, "attr", getattr(one, "id", "")), value


def _of_call(node: ast.Call) -> Iterator[tuple[str, ast.expr | None]]:
    called = _called(node)
    for word in node.keywords:
        if word.arg == "reason":
            yield called, word.value
    place = _PLACES.get(called)
    if place is not None and len(node.args) > place:
        yield called, node.args[place]


def _of_function(node: ast.FunctionDef) -> Iterator[tuple[str, ast.expr | None]]:
    arguments = [*node.args.args, *node.args.kwonlyargs]
    defaults = [*node.args.defaults, *node.args.kw_defaults]
    for argument, default in zip(reversed(arguments), reversed(defaults), strict=False):
        if argument.arg == "reason":
            yield "", default
    if node.name.startswith("_code_of"):
        for one in ast.walk(node):
            if isinstance(one, ast.Return):
                yield "UnreadableBodyError", one.value


def _found_in(tree: ast.Module, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each reason of a module, with the name of what takes it."""
    for node in ast.walk(tree):
        given: list[tuple[str, ast.expr | None]] = []
        if isinstance(node, ast.Call):
            given += _of_call(node)
        elif isinstance(node, ast.Assign):
            given += [("", one) for name, one in _assigned(node) if name == "reason"]
        elif isinstance(node, ast.FunctionDef):
            given += _of_function(node)
        for taker, value in given:
            for text in _constants(value, names):
                yield taker, text


def _collect() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the reasons of calls and all others, each with what takes it."""
    calls: dict[str, set[str]] = {}
    others: dict[str, set[str]] = {}
    texts: dict[str, str] = {}
    for module in MODULES.values():
        texts |= _texts_of(module.tree)
    for module in MODULES.values():
        if module.part in {"cli", "testing"}:
            continue
        for taker, reason in _found_in(module.tree, texts):
            if taker in _OF_CHANNELS:
                continue
            is_other = module.part in {"ledger", "workers"} or taker in _OF_OTHERS
            if reason:
                (others if is_other else calls).setdefault(reason, set()).add(taker)
    for reason in others:  # a variable that no call's error takes
        if calls.get(reason) == {""}:
            del calls[reason]
    return calls, others


def _of_statuses() -> set[str]:
    """Return the reasons that a status alone gives."""
    found: set[str] = set()
    for status in range(100, 1000):
        result: Classification = classify_evidence(Observation(True, status))
        found.add(result.reason)
    return found - {""}


PAUSE_REASONS: Final = {
    *("unknown_run", "unknown_budget", "not_sent_run", "rejected_run", "operator"),
    "ordered",
}
"""Reasons of a ``PABXPausedError``, beside those of the answer that paused the PABX."""

CALL_REASONS, OTHER_REASONS = _collect()
for one in (*map(str, Failure), *_of_statuses()):
    CALL_REASONS.setdefault(one, set())
assert {f"status_{status}" for status in REFUSED_STATUSES} <= set(CALL_REASONS)
assert set(CALL_REASONS) >= PAUSE_REASONS
for one in PAUSE_REASONS:
    del CALL_REASONS[one]
