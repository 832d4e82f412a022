"""The lab itself: what tests lean on is true on the real Asterisk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import Lab
from tests.lab.ami import decode
from tests.lab.cel import CelRow
from tests.lab.phone import answering, redirecting, rejecting, silent
from tests.lab.processes import until
from tests.lab.sipp import Agent, Caller

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


async def test_the_asserted_identity_is_the_caller(lab: Lab) -> None:
    lab.call_in("101", "anonymous", pai="89161234567")
    assert (await lab.phone("101").incoming()).number == "89161234567"


async def test_a_caller_who_gives_up_cancels_the_ringing_phone(lab: Lab) -> None:
    client = lab.call_in("101", "89161234567")
    offered = await lab.phone("101").incoming()
    client.hangup()
    await offered.until_ended()
    await client.until_ended()
    assert (offered.code, client.code) == (487, 487)


@pytest.mark.parametrize("code", [486, 603, 404])
async def test_a_refusal_reaches_the_caller(lab: Lab, code: int) -> None:
    lab.phone("102").behaviour = rejecting(code)
    call = lab.phone("101").dial("102")
    await call.until_ended()
    assert call.ended_by == "them"
    assert call.code >= 400
    assert lab.phone("102").calls[0].code == code


async def test_a_ring_all_queue_offers_to_every_phone_and_one_gets_it(lab: Lab) -> None:
    lab.call_in("ringall", "89161234567")
    offers = [await lab.phone(extension).incoming() for extension in ("101", "102", "103")]
    offers[1].answer()
    await offers[1].until_talking()
    for loser in (offers[0], offers[2]):
        await loser.until_ended()
        assert "completed elsewhere" in loser.end_reason


async def test_both_kinds_of_queue_member_ring_101(lab: Lab) -> None:
    for queue in ("sales", "support"):
        client = lab.call_in(queue, "89161234567")
        agent = await lab.phone("101").answered()
        await agent.until_hears(client)
        agent.hangup()
        await client.until_ended()


async def test_who_waits_is_seen_in_order(lab: Lab) -> None:
    await lab.talk("101", "89161234567")
    for queue in ("sales", "support"):
        for place, caller in enumerate(("89160000001", "89160000002"), 1):
            lab.call_in(queue, caller)
            await lab.until_waiting(queue, place)
        assert await lab.queue_order(queue) == ["89160000001", "89160000002"]


async def test_outbound_calls_reach_the_far_end_which_hears_digits(lab: Lab) -> None:
    call = lab.phone("101").dial("89995554433")
    far = await lab.trunk.answered()
    assert (far.dialled, far.number, far.pai.user) == ("89995554433", "+74951230000", "+74951230000")
    await call.until_talking()
    call.press("102*#")
    await far.until_digits("102*#")


async def test_a_phone_transfers_blindly_by_refer(lab: Lab) -> None:
    client, agent = await lab.talk("101", "89161234567")
    agent.refer("102")
    other = await lab.phone("102").answered()
    await client.until_hears(other)
    await agent.until_ended()


async def test_a_phone_transfers_after_a_consultation_by_replaces(lab: Lab) -> None:
    client, agent = await lab.talk("101", "89161234567")
    agent.hold()
    consult = lab.phone("101").dial("102")
    colleague = await lab.phone("102").answered()
    await consult.until_talking()
    agent.refer_to_call(consult)
    await client.until_hears(colleague)
    await colleague.until_hears(client)
    await agent.until_ended()
    await consult.until_ended()


async def test_feature_codes_transfer(lab: Lab) -> None:
    client, agent = await lab.talk("101", "89161234567")
    agent.press("##102")
    other = await lab.phone("102").answered()
    await client.until_hears(other)
    await agent.until_ended()
    other.press("*2103")
    third = await lab.phone("103").answered()
    await third.until_hears(other)
    other.hangup()
    await client.until_hears(third)


async def test_hold_plays_no_voice_and_unhold_gives_it_back(lab: Lab) -> None:
    client, agent = await lab.talk("101", "89161234567")
    await client.until_hears(agent)
    agent.hold()
    await until(lambda: not client.hears(agent), "silence")
    agent.unhold()
    await client.until_hears(agent)


async def test_a_colleague_picks_up(lab: Lab) -> None:
    client = lab.call_in("101", "89161234567")
    offered = await lab.phone("101").incoming()
    await lab.until_ringing("101")
    picker = lab.phone("102").dial("*8")
    await picker.until_talking()
    await offered.until_ended()
    await client.until_hears(picker)


async def test_parking_and_taking_back(lab: Lab) -> None:
    client, agent = await lab.talk("101", "89161234567")
    agent.press("##700")
    await agent.until_ended(timeout=30)
    retrieved = await lab.phone("102").dial("701").until_talking()
    await client.until_hears(retrieved)


async def test_a_phone_forwards_by_302(lab: Lab) -> None:
    lab.phone("101").behaviour = redirecting("102")
    client = lab.call_in("101", "89161234567")
    other = await lab.phone("102").answered()
    await client.until_hears(other)


async def test_two_devices_of_one_employee_ring(lab: Lab) -> None:
    client = lab.call_in("two-devices", "89161234567")
    first, second = await lab.phone("106").incoming(), await lab.phone("106b").incoming()
    second.answer()
    await client.until_hears(second)
    await first.until_ended()


async def test_105_is_away_until_it_registers(lab: Lab) -> None:
    away = await lab.phone("101").dial("105").until_ended()
    assert away.code == 404
    assert not lab.phone("105").calls
    await lab.phone("105").register()
    lab.phone("105").behaviour = answering(after=0.05)
    call = await lab.phone("101").dial("105").until_talking()
    call.hangup()
    await lab.phone("105").register(expires=0)
    await lab.until_state("105", "UNAVAILABLE")


async def test_a_silent_phone_leaves_the_caller_to_the_voicemail(lab: Lab) -> None:
    lab.phone("101").behaviour = silent
    client = lab.call_in("ring-then-voicemail", "89161234567")
    await client.until_talking()
    assert client.times["talking"] - client.times["new"] > 3
    await lab.until_cel(
        lambda rows: [row for row in rows if row.eventtype == "APP_START" and row.appname == "VoiceMail"],
        "voicemail in CEL",
    )


async def test_cel_tells_who_was_bridged_and_when(lab: Lab) -> None:
    client, agent = await lab.talk("101", "89167778899")  # a number no other test calls from
    client.hangup()
    await agent.until_ended()

    def mine() -> list[CelRow]:
        call = next((row.linkedid for row in lab.cel() if row.cid_num == "89167778899"), "")
        return [row for row in lab.cel() if row.linkedid == call]

    await until(lambda: "LINKEDID_END" in {row.eventtype for row in mine()}, "the end in CEL")
    bridged = [row for row in mine() if row.eventtype == "BRIDGE_ENTER"]
    assert {row.channame.split("-")[0] for row in bridged} == {"PJSIP/101", "PJSIP/trunk"}
    assert agent.times["talking"] - 0.5 < bridged[-1].eventtime < client.times["ended"]


async def test_a_capture_is_the_stream_of_the_shipped_user(lab: Lab, tmp_path: Path) -> None:
    async with lab.capture(tmp_path) as tap:
        client, agent = await lab.talk("101", "89161234567")
        client.hangup()
        await agent.until_ended()
        await tap.expect(lambda packet: packet.get("EventName") == "LINKEDID_END", "CEL over AMI")
        refused = await tap.action("Command", {"Command": "core show version"})
    assert refused["Message"] == "Permission denied"
    stream = (tmp_path / "stream.ami").read_bytes()
    assert stream.startswith(b"Asterisk Call Manager/")
    events = [decode(block) for block in stream.split(b"\r\n\r\n")]
    names = {packet.get("Event") for packet in events}
    assert {"Newchannel", "DialBegin", "BridgeEnter", "Hangup", "CEL"} <= names
    assert not names & {"VarSet", "Newexten", "DeviceStateChange", "NewConnectedLine", "DialState", "BridgeCreate"}
    assert {packet["EventName"] for packet in events if packet.get("Event") == "CEL"} <= {
        *("APP_START", "APP_END", "LINKEDID_END")
    }
    assert all("Timestamp" in packet for packet in events if packet.get("Event") == "Newchannel")
    assert (tmp_path / "arrivals.jsonl").read_text().startswith("[0, ")


async def test_sipp_calls_from_outside_and_hangs_up(lab: Lab) -> None:
    sipp = await lab.sipp_caller("101", Caller("89161234567", name="Фронкин", hold=1.5))
    agent = await lab.phone("101").answered()
    assert (agent.name, agent.number) == ("Фронкин", "89161234567")
    await agent.until_hears(sipp)
    await agent.until_ended()
    assert agent.ended_by == "them"
    await sipp.done()
    assert sipp.codes[-1] == 200


async def test_sipp_callers_are_refused_give_up_and_are_hung_up_on(lab: Lab) -> None:
    lab.phone("101").behaviour = rejecting(486)
    refused = await lab.sipp_caller("101", Caller("89160000001", pai="89160000009"))
    await refused.done()
    assert refused.codes[-1] == 486
    assert lab.phone("101").calls[0].number == "89160000009"
    impatient = await lab.sipp_caller("102", Caller("89160000002", patience=0.4))
    await (await lab.phone("102").incoming()).until_ended()
    await impatient.done()
    left = await lab.sipp_caller("103", Caller("89160000003"))
    agent = await lab.phone("103").answered()
    await agent.until_hears(left)
    agent.hangup()
    await left.done()


async def test_sipp_agents_answer_refuse_and_ring_in_vain(lab: Lab) -> None:
    answers = await lab.sipp_agent("101", Agent(ring=0.3, talk=1.5))
    client = lab.call_in("101", "89161234567", name="Фронкин «Ф»")
    invite = await answers.until_invited()
    assert (invite.address("From").name, invite.address("From").user) == ("Фронкин «Ф»", "89161234567")
    await client.until_talking()
    await client.until_hears(answers)
    await client.until_ended()
    assert client.ended_by == "them"
    await answers.done()
    refuses = await lab.sipp_agent("102", Agent(code=603))
    assert (await lab.call_in("102", "89161234567").until_ended()).code >= 400
    await refuses.done()
    rings = await lab.sipp_agent("103", Agent(ring=60))
    client = lab.call_in("103", "89161234567")
    await rings.until_invited()
    client.hangup()
    await rings.done()


async def test_a_softphone_registers_shows_the_caller_and_transfers(lab: Lab) -> None:
    softphone = await lab.baresip("107")
    client = lab.call_in("74951230107", "89161234567", name="Фронкин «Ф»")
    shown = await softphone.incoming()
    assert (shown.name, shown.user) == ("Фронкин «Ф»", "89161234567")
    await softphone.accept()
    await client.until_talking()
    await until(lambda: client.media and client.media.received > 5, "media")
    await softphone.transfer("102")
    other = await lab.phone("102").answered()
    await client.until_hears(other)
    await softphone.dial("103")
    assert (await lab.phone("103").incoming()).number == "107"
    await softphone.hangup()
