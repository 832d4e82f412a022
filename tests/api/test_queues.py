"""Who waits in the queues."""

from __future__ import annotations

from tests.api.examples import IGOR, add
from tests.http.conftest import House


async def test_queues_tell_who_waits(pbxd: House) -> None:
    await add(pbxd, IGOR)
    async with pbxd.local.get("/api/v1/queues") as answer:
        [caller] = (await answer.json())["items"]
    assert (caller["queue"], caller["position"], caller["name"], caller["vip"]) == ("sales", 1, "Фронкин Игорь", True)
    assert caller["number"] == "+74951234567"
