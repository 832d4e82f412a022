from __future__ import annotations

import pytest

from tests.lab import Lab

pytestmark = pytest.mark.lab


async def test_a_call_from_outside_is_offered_with_its_name_and_answered(lab: Lab) -> None:
    client = lab.call_in("101", "89161234567", name="Фронкин «Игорь» Ы")
    offered = await lab.phone("101").incoming()
    assert (offered.name, offered.number) == ("Фронкин «Игорь» Ы", "89161234567")
    assert offered.state == "ringing"
    offered.answer()
    await client.until_talking()
    await offered.until_hears(client)
    await client.until_hears(offered)
    client.hangup()
    await offered.until_ended()
    assert offered.ended_by == "them"
