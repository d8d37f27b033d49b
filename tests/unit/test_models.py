from models_made import CANARY, make_call

from digitro_async import errors
from digitro_async.errors import Outcome
from digitro_async.models import CallAccepted, CallResult, DispatchItem, Timings
from digitro_async.privacy import Personal


class TestResults:
    """The values that the library hands back."""

    def test_acceptances_are_values(self) -> None:
        """An acceptance can stand in a set although its answer can't."""
        accepted = CallAccepted("id", {"ID_CHAMADA": "id", "x": [1]})

        assert len({accepted, accepted}) == 1
        assert accepted == CallAccepted("id", {"ID_CHAMADA": "id", "x": [1]})
        assert accepted != CallAccepted("id", {})
        assert repr(accepted) == "CallAccepted(call_id='id')"

    def test_results_never_show_the_call(self) -> None:
        """The repr of a result tells the outcome and shows nobody's number."""
        call = make_call(destination=CANARY, user_data=CANARY)
        error = errors.RejectedError(detail=Personal(CANARY))
        result = CallResult(
            call=call, outcome=Outcome.REJECTED, error=error, key=CANARY
        )

        assert CANARY not in repr(result)
        assert "rejected" in repr(result)

    def test_results_by_default(self) -> None:
        """A result says no more than it was given."""
        result = CallResult(call=make_call(), outcome=Outcome.NOT_SENT)

        assert (result.call_id, result.error, result.pabx) == (None, None, None)
        assert (result.attempts, result.key, result.accepted) == (0, None, None)
        assert result.timings == Timings(None, 0.0, 0.0)
        assert len({result, result}) == 1

    def test_items_by_default(self) -> None:
        """An item is for any PABX and carries no key unless it is told to."""
        item = DispatchItem(call=make_call())

        assert (item.pabx, item.key) == (None, None)
