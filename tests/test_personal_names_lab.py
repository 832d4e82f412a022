"""A personal contact's name is for its owner's phone, whatever becomes of the call; a shared one goes with the call."""

from __future__ import annotations

import asyncio

import pytest

from tests.asterisk.agi_peers import header_lines
from tests.lab import Lab
from tests.lab.call import Call

pytestmark = pytest.mark.lab

CLIENT = "89161234567"
SECRET = "Секрет"
SHARED = "Фронкин"


@pytest.fixture(params=["personal", "shared"])
async def name(request: pytest.FixtureRequest, lab: Lab) -> str:
    """The client as 101 has him: his own contact, or (the control) everybody's. 101's phone shows either."""
    await lab.pbxd()
    personal = request.param == "personal"
    await lab.know(SECRET if personal else SHARED, CLIENT, owner="101" if personal else "")
    return SECRET if personal else SHARED


def check_other_phone(offered: Call, name: str) -> None:
    """See that somebody else's phone shows a shared name, and of a personal one nothing in any header."""
    assert offered.shown.name == (SHARED if name == SHARED else "trunk")
    assert all(SECRET not in str(shown) for shown in (*offered.identities, offered.pai, offered.invite.address("From")))


async def test_a_blind_transfer_leaves_it_behind(lab: Lab, name: str) -> None:
    client = lab.call_in("101", CLIENT, name="trunk")
    owner = await lab.phone("101").answered()
    assert owner.name == name
    await client.until_hears(owner)
    owner.refer("102")
    other = await lab.phone("102").incoming()
    check_other_phone(other, name)
    other.answer()
    await client.until_hears(other)
    other.refer("101")
    assert (await lab.phone("101").incoming()).name == name


async def test_a_pickup_leaves_it_behind(lab: Lab, name: str) -> None:
    client = lab.call_in("101", CLIENT, name="trunk")
    assert (await lab.phone("101").incoming()).name == name
    await lab.until_ringing("101")
    picker = lab.phone("102").dial("*8")
    await client.until_hears(picker)
    await picker.until(lambda: picker.identities, "the picker's phone to be told who it is")
    check_other_phone(picker, name)


async def test_a_call_that_goes_on_to_others_leaves_it_behind(lab: Lab, name: str) -> None:
    await lab.command("dialplan add extension 0301,1,Gosub(pbxd-lookup,s,1(101)) into lab-did")
    await lab.command("dialplan add extension 0301,2,Goto(lab-ring,102,1) into lab-did")
    try:
        lab.call_in("74951230301", CLIENT, name="trunk")
        check_other_phone(await lab.phone("102").incoming(), name)
    finally:
        await lab.command("dialplan remove extension 0301@lab-did")


@pytest.mark.parametrize("phones", ["PJSIP/101&PJSIP/102", "PJSIP/102&PJSIP/101"])
async def test_a_phone_that_rings_beside_the_owners_does_not_show_it(lab: Lab, name: str, phones: str) -> None:
    dial = f"Dial({phones},20,b(pbxd-name^s^1(101)))"
    await lab.command("dialplan add extension 0301,1,Gosub(pbxd-lookup,s,1(101)) into lab-did")
    await lab.command(f'dialplan add extension 0301,2,"{dial}" into lab-did')
    try:
        lab.call_in("74951230301", CLIENT, name="trunk")
        assert (await lab.phone("101").incoming()).name == name
        check_other_phone(await lab.phone("102").incoming(), name)
    finally:
        await lab.command("dialplan remove extension 0301@lab-did")


async def test_a_second_phone_of_the_owner_can_be_named(lab: Lab, name: str) -> None:
    dial = "Dial(PJSIP/101&PJSIP/102&PJSIP/103,20,b(pbxd-name^s^1(101^103)))"
    await lab.command("dialplan add extension 0301,1,Gosub(pbxd-lookup,s,1(101)) into lab-did")
    await lab.command(f'dialplan add extension 0301,2,"{dial}" into lab-did')
    try:
        lab.call_in("74951230301", CLIENT, name="trunk")
        for owners in ("101", "103"):
            assert (await lab.phone(owners).incoming()).name == name
        check_other_phone(await lab.phone("102").incoming(), name)
    finally:
        await lab.command("dialplan remove extension 0301@lab-did")


async def test_click_to_call_leaves_it_behind(lab: Lab, name: str) -> None:
    assert lab.daemon
    await lab.daemon.spawn("call", "101", name)
    agent = await lab.phone("101").incoming()
    assert agent.name == name
    agent.answer()
    far = await lab.trunk.answered()
    await agent.until_hears(far)
    agent.refer("102")
    offered = await lab.phone("102").incoming()
    assert SECRET not in str(offered.shown)
    assert SECRET not in offered.pai.name


async def test_who_reaches_the_port_is_not_the_dialplan(lab: Lab, name: str) -> None:
    """C4: `for` by FastAGI needs no token, so that whoever can connect claims to be any channel."""
    assert lab.daemon
    host, _colon, port = str(lab.daemon.config["agi"]["listen"]).rpartition(":")
    for channel in (b"PJSIP/trunk-00000000", b"PJSIP/101-00000000"):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = b"".join(header_lines(CLIENT, "lookup?for=101")).replace(b"PJSIP/trunk-00000000", channel)
        writer.write(head)
        heard = b""
        while line := await reader.readline():
            heard += line
            writer.write(b"200 result=1 (0123456789abcdef0123456789abcdef)\n")
        writer.close()
        assert SECRET not in heard.decode()
        assert ("found" in heard.decode()) == (name == SHARED)
