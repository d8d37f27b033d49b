"""A server below HTTP that follows a script on each connection."""

from digitro_async.testing.hostile._hostile_connection import HostileConnection
from digitro_async.testing.hostile._hostile_pabx import (
    HostilePABX,
    Script,
    answer_all,
    count_posts,
)

__all__ = [
    "HostileConnection",
    "HostilePABX",
    "Script",
    "answer_all",
    "count_posts",
]
