"""What the daemon loads: memory is what it has for years, and what nobody uses should not be in it."""

from __future__ import annotations

import asyncio
import json
import sys

LOADED = "import json, sys; from pbxd.cli.system.run import load; load(); print(json.dumps(sorted(sys.modules)))"
NOT_NEEDED = {"rich.console", "pygments", "alembic", "asyncpg", "sqlalchemy.dialects.postgresql"}


async def test_the_daemon_leaves_out_what_only_others_need() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LOADED, stdout=asyncio.subprocess.PIPE)
    out, _nothing = await process.communicate()
    loaded = set(json.loads(out))
    assert {"structlog", "sqlalchemy.ext.asyncio"} <= loaded
    assert not loaded & NOT_NEEDED, "an index with postgresql_where loads the dialect: tables._partial doesn't"
