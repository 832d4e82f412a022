"""Services on a database of their own, SQLite's and PostgreSQL's: typed requests in, typed answers out, no adapter."""

from __future__ import annotations

import re

import pytest

from pbxd.numbers import NumberRules
from pbxd.services.workspace import Workspace
from pbxd.storage.engine.database import Database


@pytest.fixture
def workspace(database: Database) -> Workspace:
    return Workspace(database, NumberRules("RU", "", re.compile(r"^\d{2,5}$")))
