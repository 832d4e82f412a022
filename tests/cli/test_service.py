"""What the daemon loads: memory is what it has for years, and what nobody uses should not be in it."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tomllib
from pathlib import Path

LOADED = "import json, sys; import pbxd.cli.system.run; print(json.dumps(sorted(sys.modules)))"
NOT_NEEDED = {"alembic", "asyncpg", "sqlalchemy.dialects.postgresql"}


async def test_the_daemon_leaves_out_what_only_others_need() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LOADED, stdout=asyncio.subprocess.PIPE)
    out, _nothing = await process.communicate()
    loaded = set(json.loads(out))
    assert {"structlog", "sqlalchemy.ext.asyncio"} <= loaded
    assert not loaded & NOT_NEEDED, "an index with postgresql_where loads the dialect: tables._partial doesn't"


def test_no_dependency_brings_rich() -> None:
    """structlog loads it wherever it is installed, for tracebacks in colour that the daemon never prints: 3 MB."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [re.split(r"[^\w-]", line)[0].lower() for line in project["dependencies"]]
    assert "structlog" in needed
    assert not {"rich", "pygments"} & set(needed)
