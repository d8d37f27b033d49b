"""``digitro worker`` and ``digitro dial`` over a database, as they are typed."""

from pathlib import Path

import pytest
from command_line import run_digitro
from postgres_server import database, needs_postgres

pytestmark = needs_postgres
