"""PURE: the event channel of one PABX, which may open later, close, or change."""

from digitro_async.errors import ConfigurationError

__all__ = ["CHANNEL_NOT_FOUND", "NO_CHANNEL", "Channel"]

NO_CHANNEL = "no_channel"
"""Code of the pause of a PABX whose channel is not known."""


CHANNEL_NOT_FOUND = "status_404"
"""Code of the pause of a PABX that did not find the channel of a call."""


class Channel:
    """The id of the event channel that the commands to one PABX belong to.

    Args:
        pabx: Name of the PABX.
        channel_id: The id, None where it is not known yet.

    Attributes:
        id: The id, None while there is none.
        is_expected: Whether somebody gives ids, so that calls wait for one.
    """

    __slots__ = ("_pabx", "id", "is_expected")

    def __init__(self, pabx: str, channel_id: int | None) -> None:
        self._pabx = pabx
        self.id = channel_id
        self.is_expected = False

    def set(self, channel_id: int | None) -> None:
        """Take another id; None says that there is none now, and one will be given."""
        self.id = channel_id
        self.is_expected = True

    def missing_error(self) -> ConfigurationError:
        """Return the error of a call for which nobody will give an id."""
        return ConfigurationError(
            f"channel_id of PABX {self._pabx} is not set: give the id of its event"
            " channel to PABX(), as channel_id in the configuration file, or to the"
            " client by set_channel_id()",
            pabx=self._pabx,
            reason=NO_CHANNEL,
        )
