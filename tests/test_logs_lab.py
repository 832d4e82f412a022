"""What the daemon's log tells of people: nothing above DEBUG."""

from __future__ import annotations

import json

import pytest

from tests.lab import Lab
from tests.lab.processes import until

pytestmark = pytest.mark.lab
CLIENT, NAME, COMPANY = "89161234567", "Фронкин Игорь", "Ромашка"


async def test_a_known_clients_calls_leave_no_number_and_no_name(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await lab.know(NAME, CLIENT, company=COMPANY, vip=True)

    async def recorded() -> bool:
        calls = await daemon.calls()
        return len(calls) == 2 and all(call["ended"] for call in calls)

    client, agent = await lab.talk("sales", CLIENT)
    assert agent.name == NAME
    client.hangup()
    await agent.until_ended()
    await lab.until_free()
    calling = await daemon.spawn("call", "101", NAME)
    offered = await lab.phone("101").answered()
    far = await lab.trunk.answered()
    await far.until_hears(offered)
    far.hangup()
    await offered.until_ended()
    await calling.wait()
    await until(recorded, "both calls in the history")
    await daemon.stop()
    text = daemon.log_text()
    assert {"ready", "ami_connected", "call_originated", "call_attempt_ended"} <= {
        json.loads(line)["event"] for line in text.splitlines()
    }
    for secret in (CLIENT[1:], "916 123", NAME, NAME.split(maxsplit=1)[0], COMPANY):
        assert secret not in text
