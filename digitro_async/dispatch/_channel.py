"""PURE: the event channel of one PABX, which may open later, close, or change."""

from collections.abc import Callable

from digitro_async.errors import ConfigurationError

__all__ = ["CHANNEL_NOT_FOUND", "NO_CHANNEL", "Channel"]

NO_CHANNEL = "no_channel"
"""Code of the pause of a PABX whose channel is not known."""


MOST_DEAD_IDS = 3
"""Most ids in a row that may be dead before the PABX is paused until ``resume``."""

CHANNEL_NOT_FOUND = "status_404"
"""Code of the pause of a PABX that did not find the channel of a call."""


class Channel:
    """The id of the event channel that the commands to one PABX belong to.

    Args:
        pabx: Name of the PABX.
        channel_id: The id, None where it is not known yet.

    Attributes:
        id: The id, None while there is none.
        on_dead: Told an id that commands found dead, by who opens another channel then;
            None where nobody does.
        is_expected: Whether somebody gives ids, so that calls wait for one.
    """

    __slots__ = ("_dead_run", "_pabx", "_taken", "id", "is_expected", "on_dead")

    def __init__(self, pabx: str, channel_id: int | None) -> None:
        self._pabx = pabx
        self.id = channel_id
        self.is_expected: bool = False
        self.on_dead: Callable[[int], object] | None = None
        self._dead_run = 0
        self._taken = 0

    @property
    def need(self) -> str:
        """What calls wait for while there is no id, in words."""
        if self.on_dead is not None:
            return "waits for its event channel to open"
        return "waits for a channel id" if self.is_expected else "has no channel id"

    @property
    def late_text(self) -> str:
        """What a call is told that waited for an id in vain."""
        if self.on_dead is not None:
            return (
                "No event channel opened in the time allowed; the log and"
                ' "digitro events listen" say why.'
            )
        return "No channel id was given in the time allowed: call set_channel_id."

    def set(self, channel_id: int | None) -> None:
        """Take another id; None says that there is none now, and one will be given."""
        self.id = channel_id
        self.is_expected = True

    def follow(self, on_dead: Callable[[int], object]) -> None:
        """Expect ids from somebody who opens another channel where one is dead."""
        self.is_expected = True
        self.on_dead = on_dead

    def lose(self, taken: int) -> bool:
        """Give up an id that a command found dead; return whether another one comes.

        Args:
            taken: Number of commands that the PABX has taken so far. Where it took
                none between several dead ids, the fault is not the channel's.
        """
        if self.on_dead is None or self.id is None:
            return False
        self._dead_run = self._dead_run + 1 if taken == self._taken else 1
        self._taken = taken
        if self._dead_run > MOST_DEAD_IDS:
            return False
        dead, self.id = self.id, None
        self.on_dead(dead)
        return True

    def missing_error(self) -> ConfigurationError:
        """Return the error of a call for which nobody will give an id."""
        return ConfigurationError(
            f"channel_id of PABX {self._pabx} is not set: give the id of its event"
            " channel to PABX(), as channel_id in the configuration file, or to the"
            " client by set_channel_id()",
            pabx=self._pabx,
            reason=NO_CHANNEL,
        )
