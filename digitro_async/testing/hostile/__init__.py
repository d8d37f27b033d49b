"""A PABX that does to each connection what a script says, below HTTP."""

from digitro_async.testing.hostile._hostile_connection import HostileConnection
from digitro_async.testing.hostile._hostile_pabx import HostilePABX

__all__ = ["HostileConnection", "HostilePABX"]
