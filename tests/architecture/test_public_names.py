"""The exports of the package and its modules."""

import importlib
from types import ModuleType

import pytest
from package_imports import PACKAGE, ROOT, importable

import digitro_async
from digitro_async import errors, testing

# Modules that export nothing: test_names.py holds that there are no others.
SILENT = {f"{PACKAGE}._common", f"{PACKAGE}.pytest_plugin"}
COMMANDS = {
    *("AnswerBody", "CommandAccepted", "CommandAnswer", "CommandSettings"),
    *("DTMFDetection", "OtherCommand", "PasswordChange", "QueueRedirect"),
}
EVENTS = {
    *("CallEnd", "CallEndSettings", "CallEvent", "CallEvents", "CallPhase", "CallSeen"),
    *("ChannelClosed", "ChannelEvent", "ChannelOpened", "ChannelRequest"),
    *("Disposition", "EndEvidence", "EndRecorder", "EventChannelSettings", "Gap"),
    *("OtherEvent", "Subscription", "load_event_preset"),
}
ACTIVITIES = {
    *("ActivitiesLost", "Activity", "ActivityQueue", "ActivityStream", "CallEnded"),
    *("CallQueued", "CallRetried", "CallSent", "CallSettled", "Observing"),
}
EXPORTING = [name for name in importable() if name not in SILENT]
PARTS = sorted({f"{name}.".split(".")[1] for name in EXPORTING})


def order(name: str) -> tuple[int, str]:
    """The place of a name: constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


@pytest.mark.parametrize("part", PARTS)
def test_exported_names(part: str) -> None:
    """Whatever a module exports exists, is named once and stands in order."""
    for name in EXPORTING:
        if f"{name}.".split(".")[1] == part:
            module: ModuleType = importlib.import_module(name)
            exported: list[str] = module.__all__

            assert [one for one in exported if not hasattr(module, one)] == [], name
            assert exported == sorted(set(exported), key=order), name


def test_public_names() -> None:
    """The package exports the documented names and no others."""
    values = {
        "AnyDestination",
        "CallAccepted",
        "ClientEvent",
        "EventKind",
        "Health",
        "HealthStatus",
        "PABXHealth",
        "Campaign",
        "Config",
        "ContactRow",
        "CallResult",
        *("DispatchItem", "DispatchResults", "Dispatcher"),
        "DigitroClient",
        "Limit",
        "PABX",
        "PABXStatistics",
        "PauseSettings",
        "PauseStatus",
        "Personal",
        "PoolSettings",
        "PredictiveCall",
        "RateLimit",
        "Recorder",
        "RetrySettings",
        "Secret",
        "SessionManager",
        "Statistics",
        "TLSSettings",
        "TimeoutSettings",
        "Timings",
        "Transport",
        "UnsetFields",
        "load_config",
        "open_ledger",
        "tune_process",
    }

    assert set(digitro_async.__all__) == values | COMMANDS | EVENTS | ACTIVITIES | set(
        errors.__all__
    )
    assert {
        name for name in vars(digitro_async) if name.isidentifier() and name[0] != "_"
    } - {*digitro_async.__all__, "TYPE_CHECKING"} <= {
        path.stem for path in ROOT.iterdir() if not path.name.startswith("_")
    }


def test_public_names_of_testing() -> None:
    """The modules for users' tests have the documented names and no others."""
    servers = {"ChaosProxy", "FakePABX", "HostileConnection", "HostilePABX"}
    faults = {"Fault", "FaultKind", "FaultPlan"}
    faults |= {"EventFaultKind"}
    records = {"CallCourse", "ChannelCounts", "OverCap", "ReceivedCall", "Summary"}
    records |= {"SimulatedEvents"}
    events = {"CallScript", "EventDelivery", "EventForm", "HeartbeatForm"}
    toxics = {"Bandwidth", "Latency", "LimitData", "ResetPeer", "Slicer", "SlowClose"}
    toxics |= {"Timeout", "Toxic"}
    samples = {"sample_contacts", "write_sample_file"}
    simulator = faults | records | events

    assert set(testing.__all__) == servers | simulator | toxics | samples
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)


def test_it_says_that_it_is_typed() -> None:
    """The marker that makes type checkers believe the package is shipped."""
    assert (ROOT / "py.typed").is_file()
