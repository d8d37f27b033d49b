"""RuledRun: a run of a campaign that applies rules of calling."""

from typing import Any

from digitro_async.campaign._campaign_run import CampaignRun
from digitro_async.campaign._ledger_recorder import LedgerRecorder
from digitro_async.campaign._ruled_recorder import RuledRecorder
from digitro_async.campaign._rules_in_force import RulesInForce
from digitro_async.models import CallResult

__all__ = ["RuledRun"]


class RuledRun(CampaignRun):
    """The results of a run that applies rules; see ``CampaignRun``.

    A contact that is tried several times has a result for each of its calls. One that
    was put off or refused before it came up has none; where that happened right before
    its intent, its result is ``NOT_SENT`` with the reason of the gate.

    Args:
        heeding: The rules.
        given: As for ``CampaignRun``.
    """

    def __init__(self, heeding: RulesInForce, *given: Any, **more: Any) -> None:
        self._heeding = heeding
        super().__init__(*given, **more)

    @property
    def heeding(self) -> RulesInForce:
        """The rules that it applies, with what came of them."""
        return self._heeding

    async def __anext__(self) -> CallResult:
        result = await super().__anext__()
        await self._heeding.put_back(result)
        return result

    def _make_recorder(self) -> LedgerRecorder:
        return RuledRecorder(self._ledger, self._owner, self._stop_for, self._heeding)

    async def _prepare(self) -> None:
        await self._heeding.begin(
            self._client.dispatcher.end_timeouts,
            stop=self.drain,
            fail=self._stop_for,
        )

    async def _give_back(self) -> None:
        self._heeding.end()
        await super()._give_back()
