"""Which part of the package may import which, and where a thing is at home."""

import ast
from collections.abc import Iterator

import pytest
from helpers import CALL_ID, WIRE_NAMES
from package_imports import MODULES, Module, imported, own_imports

BASE = {
    *("errors", "privacy", "settings", "models", "calls", "_common"),
    *("call_events", "event_settings", "control_commands", "command_settings"),
    *("numbers", "contact_settings", "webhook_settings"),
}
CORE = {
    *BASE,
    *("process", "protocol", "transport", "observe", "dispatch", "client"),
    *("_client_parts", "events"),
}
LOADED = {
    *CORE,
    *("events", "config", "contacts", "ledger", "campaign", "_start", "_public_names"),
}

# Each part of the package and the other parts that it may import.
MAY_IMPORT: dict[str, set[str]] = {
    "_start": set(),
    "__init__": {"_start", "_public_names"},
    "privacy": set(),
    "process": set(),
    "errors": {"privacy"},
    "_common": {"errors", "privacy"},
    "settings": {"_common", "errors"},
    "call_events": {"privacy"},
    "event_settings": {"_common", "call_events", "errors", "privacy"},
    "calls": {"_common", "errors", "privacy"},
    "control_commands": {"_common", "calls", "errors", "privacy"},
    "command_settings": {"_common", "calls", "control_commands", "errors"},
    "models": BASE - {"models"},
    "protocol": BASE,
    "transport": {*BASE, "protocol"},
    "observe": {"_common", "call_events", "errors"},
    "dispatch": {*BASE, "observe", "protocol", "transport"},
    "_client_parts": {*BASE, "observe", "transport", "dispatch", "events"},
    "blocking": {*BASE, "client", "observe", "dispatch"},
    "client": {*BASE, "_client_parts", "observe", "transport", "dispatch"},
    "_public_names": LOADED - {"_start", "_public_names"},
    "numbers": {"_common", "errors", "privacy"},
    "contact_settings": {"_common", "errors", "numbers"},
    "webhook_settings": {"_common", "errors", "privacy"},
    "contacts": BASE,
    "webhook": {*BASE, "ledger", "observe"},
    "live_page": {*CORE, "control", "ledger", "reports"},
    "events": {*BASE, "observe", "protocol", "transport"},
    "exporters": CORE,
    "ledger": BASE,
    "rules": {*BASE, "ledger"},
    "reports": {*BASE, "contacts", "ledger"},
    "campaign": {*CORE, "contacts", "ledger", "rules"},
    "workers": {*CORE, "contacts", "ledger", "campaign", "rules"},
    "control": {*CORE, "contacts", "ledger", "campaign", "rules"},
    "config": {*BASE, "rules"},
    "testing": {*BASE, "protocol", "contacts"},
    "pytest_plugin": set(),
    "cli": {
        *CORE,
        *("_start", "__init__", "campaign", "config", "contacts", "events", "ledger"),
        *("exporters", "live_page", "webhook"),
        *("control", "reports", "rules", "testing", "workers"),
    },
    "__main__": {"cli"},
}
# The fixtures that are shipped open a client for whoever asks for one, and only then.
LATE_IMPORTS = {("pytest_plugin", "__init__"), ("pytest_plugin", "testing")}

PURE = [
    "errors",
    "privacy",
    "models",
    "settings",
    "calls",
    "call_events",
    "command_settings",
    "control_commands",
    "event_settings",
    "webhook_settings",
    "_common.base_url",
    "_common.call_class",
    "_common.cell_marks",
    "_common.drafts",
    "_common.extras",
    "_common.first_lines",
    "_common.lazy_names",
    "_common.masking",
    "_common.number_form",
    "_common.reason_words",
    "_common.reasons",
    "_common.text",
    "_common.validators",
    "protocol",
    "control._control_port",
    "control._control_words",
    "control._worker_facts",
    "cli._figure_words",
    "cli._limit_words",
    "cli._next_steps",
    "cli._run_view",
    "cli._screen_lines",
    "cli._screen_parts",
    "cli._time_left",
    "observe._activities",
    "observe._events",
    "events._channel_course",
    "dispatch._allotted_pacing",
    "dispatch._breaker",
    "dispatch._call_history",
    "dispatch._calls_in_progress",
    "dispatch._channel",
    "dispatch._end_rules",
    "dispatch._health",
    "dispatch._limits",
    "dispatch._pacing",
    "dispatch._pause_status",
    "dispatch._phase",
    "dispatch._repeated_ids",
    "dispatch._retry",
    "dispatch._shared_pause",
    "dispatch._shared_places",
    "dispatch._statistics",
    "dispatch._throttle",
    "dispatch._unmatched_calls",
    "ledger._call_ends_port",
    "ledger._differences",
    "ledger._history_records",
    "ledger._import_marks",
    "ledger._ledger_address",
    "ledger._ledger_clock",
    "ledger._ledger_port",
    "ledger._occupied_slots",
    "ledger._pabx_addresses",
    "ledger._reader_port",
    "ledger._reconciliation",
    "ledger._records",
    "ledger._result_feed_port",
    "ledger._schedule_port",
    "ledger._schedule_records",
    "ledger._single_run",
    "ledger._state",
    "ledger._codes",
    "ledger._stored_contacts",
    "ledger._stored_ends",
    "ledger._stored_numbers",
    "ledger._stored_records",
    "ledger._stored_schedule",
    "ledger.postgres._stored_texts",
    "numbers",
    "reports._campaign_parts",
    "reports._campaign_tally",
    "reports._campaign_view",
    "reports._end_tally",
    "reports._html_parts",
    "reports._latencies",
    "reports._list_figures",
    "reports._list_sections",
    "reports._listed_views",
    "reports._pabx_caps",
    "reports._page_sections",
    "reports._page_style",
    "reports._report_page",
    "reports._shown_texts",
    "reports._summary_lines",
    "reports._svg_charts",
    "reports._time_buckets",
    "reports._time_sections",
    "reports._view_building",
    "reports._waits_building",
    "reports._words",
    "rules._attempt_caps",
    "rules._attempt_history",
    "rules._block_list",
    "rules._block_rows",
    "rules._callbacks",
    "rules._called_number",
    "rules._calling_hours",
    "rules._calling_rules",
    "rules._contact_admission",
    "rules._day_calendar",
    "rules._dialling_areas",
    "rules._gate",
    "rules._gate_answers",
    "rules._hours_gate",
    "rules._open_spans",
    "rules._originating_numbers",
    "rules._recall_rules",
    "rules._rule_checks",
    "rules._short_calls",
    "rules._stop_rules",
    "webhook._webhook_body",
    "_common.time_texts",
    "cli._contact_names",
    *("dispatch._argument_checks", "dispatch._needs", "dispatch._places"),
    *("dispatch._counted_pacing", "dispatch._shared_caps", "dispatch._turn"),
    "exporters._label_values",
    "ledger._marked_ids",
    "ledger._personal_texts",
    "ledger._provenance",
    *("ledger.transfer._copied_blocks", "ledger.transfer._copied_tables"),
    *("ledger.transfer._postgres_tables", "ledger.transfer._sqlite_tables"),
    "live_page._page_place",
    "testing.simulator._event_delivery",
    "testing.simulator._fault_traits",
    "testing.simulator._fault_kinds",
    "testing.simulator._event_fault_kinds",
    "testing.simulator._request_validator",
    "testing.simulator._request_templates",
    "transport._reuse_rule",
    "workers._beat_port",
    "workers._slicing_settings",
]
IMPURE = {
    "aiohttp",
    "anyio",
    "asyncio",
    "io",
    "logging",
    "os",
    "random",
    "secrets",
    "selectors",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "threading",
    "time",
}


# A test for each part, and not for each module: thousands of tests take their time only
# by being many. What is wrong is told for all modules at once.
every_part = pytest.mark.parametrize("part", MAY_IMPORT)


def modules_of(part: str) -> dict[str, Module]:
    """The modules of a part of the package, by name."""
    return {name: module for name, module in MODULES.items() if module.part == part}


def only_wrong(found: dict[str, set[str]]) -> dict[str, set[str]]:
    """What was found in those modules where there is anything."""
    return {name: things for name, things in found.items() if things}


def test_every_module_is_of_a_part() -> None:
    """What each part may import is said for all parts that there are."""
    assert {module.part for module in MODULES.values()} == MAY_IMPORT.keys()


def is_pure(name: str) -> bool:
    """Whether a module is one of the pure ones."""
    return any(name == pure or name.startswith(f"{pure}.") for pure in PURE)


def says_it_is_pure(module: Module) -> bool:
    """Whether the docstring of a module says that it is pure."""
    return (ast.get_docstring(module.tree) or "").startswith("PURE:")


def docstrings(tree: ast.Module) -> set[int]:
    """The identities of all nodes that are docstrings, of attributes too."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def texts(module: Module) -> Iterator[str]:
    """Yield all texts of a module that are not docstrings."""
    skipped = docstrings(module.tree)
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ):
            yield node.value


@every_part
def test_direction_of_imports(part: str) -> None:
    """A module imports only from parts of the package that its own may import."""
    allowed = {*MAY_IMPORT[part], part}
    found = {
        name: {
            other
            for other in own_imports(module)
            if other.partition(".")[0] not in allowed
            and (name, other) not in LATE_IMPORTS
        }
        for name, module in modules_of(part).items()
    }

    assert only_wrong(found) == {}


def test_only_the_command_line_imports_testing() -> None:
    """The simulator is imported by itself and by the command line."""
    importers = {
        module.part
        for module in MODULES.values()
        if any(
            name.partition(".")[0] == "testing"
            and (module.name, name) not in LATE_IMPORTS
            for name in own_imports(module)
        )
    }

    assert importers <= {"testing", "cli"}


@every_part
def test_purity(part: str) -> None:
    """What is or says it is pure imports nothing that waits, tells time or does I/O."""
    found = {
        name: {other.partition(".")[0] for other in imported(module)} & IMPURE
        for name, module in modules_of(part).items()
        if is_pure(name) or says_it_is_pure(module)
    }

    assert only_wrong(found) == {}


@every_part
def test_pure_modules_import_pure_modules(part: str) -> None:
    """A pure module imports no module of the package that is not pure."""
    found = {
        name: {other for other in own_imports(module) if not is_pure(other)}
        - {"__init__"}
        for name, module in modules_of(part).items()
        if is_pure(name)
    }

    assert only_wrong(found) == {}


def test_purity_covers_what_exists() -> None:
    """Every module that is said to be pure exists."""
    assert set(PURE) <= set(MODULES)


def test_home_of_aiohttp() -> None:
    """Only the four parts that speak HTTP import the library for that."""
    users = {
        module.part
        for module in MODULES.values()
        if any(name.partition(".")[0] == "aiohttp" for name in imported(module))
    }

    assert users == {"transport", "testing", "webhook", "live_page"}


@every_part
def test_home_of_the_wire_names(part: str) -> None:
    """The vendor's field names are written in one file and nowhere else."""
    wire = {*WIRE_NAMES.values(), CALL_ID}
    found = {
        name: {
            text
            for text in texts(module)
            if text in wire or CALL_ID in text or "chamada-preditiva" in text
        }
        for name, module in modules_of(part).items()
        if name != "protocol._names"
    }

    assert only_wrong(found) == {}


def test_no_import_cycles() -> None:
    """No module imports itself through others, for type checking or late either."""
    graph = {
        name: {
            other for other in own_imports(module) if (name, other) not in LATE_IMPORTS
        }
        for name, module in MODULES.items()
    }
    finished: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in finished:
            for other in sorted(graph[name] - {name}):
                visit(other, (*path, name))
            finished.add(name)

    for name in graph:
        visit(name, ())
