"""``digitro worker``: dials the campaigns of a database, beside as many as wanted."""

from pathlib import Path
from typing import Annotated

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from digitro_async.cli._arguments import AtLeastOne, MaxAttempts, Switch
from digitro_async.cli._command_loop import run_tuned, to_its_end
from digitro_async.cli._counts import RunCounts
from digitro_async.cli._exit import Course, Exit
from digitro_async.cli._ledger_options import check_is_there
from digitro_async.cli._metrics_options import (
    NO_METRICS,
    MetricsOptions,
    MetricsToServe,
)
from digitro_async.cli._named_ledger import NamedLedger
from digitro_async.cli._open_client import open_client
from digitro_async.cli._page_serving import (
    NOT_SERVED,
    ServeOptions,
    Serving,
    serving_page,
)
from digitro_async.cli._result_sending import sending_results
from digitro_async.cli._retention import forgetting
from digitro_async.cli._rules_options import RULES_AS_CONFIGURED, HeedOptions
from digitro_async.cli._run_config import load_run_config
from digitro_async.cli._shared_worker import Working, shared_worker
from digitro_async.cli._take_results import take_results
from digitro_async.cli._waiting_campaigns import print_waiting_campaigns
from digitro_async.config import Config
from digitro_async.errors import ConfigurationError
from digitro_async.ledger import LedgerAddress, ledger_address
from digitro_async.workers import SlicingSettings, WorkerSettings

__all__ = ["worker"]

Seconds = Annotated[float, Parameter(validator=Number(gt=0))]


@attrs.frozen(kw_only=True)
class WorkOptions:
    """The sizes and times of a worker, in seconds.

    Attributes:
        slice_size: Contacts that are taken at once; the same for every worker.
        slices: Slices of one campaign that are dialled at once.
        lease: Seconds after its last sign of life until others may have its contacts.
        come_again: Seconds until a contact that could not be called comes up again.
        look: Seconds between two looks for work.
        cap_lease: Seconds after its last sign of life until others may have its share
            of a cap.
        beat: Seconds between two signs of life to the database.
        answer: Most seconds until the database answers one.
        misses: Answers missed in a row at which the process ends, with exit code 75.
    """

    slice_size: AtLeastOne = 200
    slices: AtLeastOne = 3
    lease: Seconds = 30.0
    come_again: Seconds = 15.0
    look: Seconds = 1.0
    cap_lease: Seconds = 10.0
    beat: Seconds = 1.0
    answer: Seconds = 3.0
    misses: AtLeastOne = 5

    def slicing(self) -> SlicingSettings:
        """Return the sizes and times of slices."""
        return SlicingSettings(
            size=self.slice_size,
            concurrency=self.slices,
            lease=self.lease,
            renew=self.lease / 6,
            look=self.look,
            come_again=self.come_again,
            clean_up=self.lease / 6,
        )

    def signs(self) -> WorkerSettings:
        """Return the times of signs of life."""
        return WorkerSettings(
            beat=self.beat,
            timeout=self.answer,
            lease=self.cap_lease,
            misses=self.misses,
        )


DEFAULTS = WorkOptions()


def worker(
    *,
    ledger: str | None = None,
    ledger_env: str | None = None,
    campaign: Annotated[list[str] | None, Parameter(negative="")] = None,
    config: Path = Path("digitro.toml"),
    until_done: Switch = False,
    max_attempts: MaxAttempts = 5,
    partial: Switch = False,
    no_wait_for_ends: Switch = False,
    heed: HeedOptions = RULES_AS_CONFIGURED,
    metrics: MetricsOptions = NO_METRICS,
    options: Annotated[WorkOptions, Parameter(name="*")] = DEFAULTS,
    serve: ServeOptions = NOT_SERVED,
) -> Exit:
    """Dial the campaigns of a database, beside other workers.

    Args:
        ledger: Address of the database: ``postgresql://user@host/database``.
        ledger_env: Environment variable with the value of ``--ledger``.
        campaign: Name of a campaign; it may be given several times. By default every
            one in which something is left to be dialled.
        config: Configuration file.
        until_done: End when nothing is left to be dialled, and not at SIGTERM alone.
        max_attempts: Attempts over all runs after which a contact is left pending.
        partial: Dial the contacts of lists whose import stopped as well.
        no_wait_for_ends: With --until-done: end with the last answer.
        heed: The rules by which contacts are called.
        metrics: Where metrics are served.
        options: Sizes and times.
        serve: The live page; it shows the campaigns that are named, or all there are.
    """
    serve.check()
    metrics.check()
    address = NamedLedger(ledger=ledger, ledger_env=ledger_env).address()
    if address.server is None:
        raise ConfigurationError(
            "--ledger must be postgresql://user@host/database: workers share a "
            "database; a file has one process that dials it (digitro dial)"
        )
    loaded, course = load_run_config(config), Course()
    working = Working(
        campaigns=tuple(campaign or ()),
        max_attempts=max_attempts,
        partial=partial,
        until_done=until_done,
        wait_for_ends=not no_wait_for_ends,
        rules=heed.load(loaded),
        wait=heed.seconds(loaded),
        slicing=options.slicing(),
        signs=options.signs(),
    )
    for name in working.campaigns:
        check_is_there(ledger_address(address, campaign=name))
    return to_its_end(
        course,
        lambda: run_tuned(
            _work(address, loaded, working, course, metrics=metrics, serve=serve)
        ),
    )


async def _work(
    address: LedgerAddress,
    config: Config,
    working: Working,
    course: Course,
    *,
    metrics: MetricsToServe,
    serve: Serving,
) -> Exit:
    counts = RunCounts()
    async with (
        sending_results(config, address, course, campaigns=working.campaigns),
        forgetting(config, address, working.campaigns),
        open_client(config, metrics) as client,
        shared_worker(address, config, client, working) as results,
        serving_page(
            serve,
            config,
            client,
            address,
            campaigns=working.campaigns,
            max_attempts=working.max_attempts,
        ),
    ):
        code = await take_results(client, results, counts, course, total=None)
        if working.until_done:
            await print_waiting_campaigns(
                address, working.campaigns, working.max_attempts
            )
    if not working.until_done and course.interrupted and not course.failure:
        course.interrupted = False  # that is how it is told to end
        return Exit.DONE
    return Exit.DONE if code is None else code
