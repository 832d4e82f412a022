"""The look-up over HTTP, dialplan/pbxd-curl.conf, on the real Asterisk: names, ranks, and Asterisk's own limit."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.daemon import Daemon
from tests.lab.processes import until

pytestmark = pytest.mark.lab

CALLER = "89161234567"
NAME = 'Фронкин, "Ромашка" & Ко'
LIMIT = 0.5
RESULTS = ("PBXD_STATUS", "PBXD_CONTACT", "CALLERID(name)", "QUEUE_PRIO")
CONTEXTS = ("from-trunk", "from-internal")
DIALLED = "74951230997"  # to the tone, by way of the other look-up


@pytest.fixture
async def pbxd(lab: Lab) -> AsyncIterator[Daemon]:
    daemon = await lab.pbxd()
    token = (await daemon.cli("tokens", "create", "asterisk", "--scope", "lookup", "--as-any"))["token"]
    await lab.ami_action("Setvar", Variable="PBXD_URL", Value=daemon.url)
    await lab.ami_action("Setvar", Variable="PBXD_TOKEN", Value=token)
    for context in CONTEXTS:
        await lab.command(f"dialplan add extension {DIALLED},1,Gosub,pbxd-lookup-curl,s,1 into {context}")
        await lab.command(f"dialplan add extension {DIALLED},2,Goto,lab-did,0999,1 into {context}")
    yield daemon
    for context in CONTEXTS:
        await lab.command(f"dialplan remove extension {DIALLED}@{context}")
    await lab.ami_action("Setvar", Variable="PBXD_CURL_SECONDS", Value="")


async def through(lab: Lab, number: str, name: str = "") -> tuple[dict[str, str], float]:
    """Call in; return what the look-up left on the channel and the seconds it took."""
    return await found_of(lab, lab.call_in(DIALLED, number, name=name))


async def found_of(lab: Lab, call: Call) -> tuple[dict[str, str], float]:
    await call.until_talking()
    channel = next(one["Channel"] for one in await lab.channels())
    found = {
        result: (await lab.ami_action("Getvar", Channel=channel, Variable=result)).get("Value", "")
        for result in RESULTS
    }
    call.hangup()
    await call.until_ended()

    async def over() -> bool:
        return not await lab.channels()

    await until(over, "the call to be over")
    return found, call.times["talking"] - call.times["new"]


@pytest.mark.usefixtures("pbxd")
async def test_a_client_is_named_and_ranked_over_http(lab: Lab) -> None:
    contact = await lab.know(NAME, CALLER, vip=True)
    await lab.ami_action("Setvar", Variable="PBXD_CURL_SECONDS", Value="10")  # here names are judged, not times
    found, _seconds = await through(lab, CALLER)
    assert found == {
        "PBXD_STATUS": "found",
        "PBXD_CONTACT": str(contact),
        "CALLERID(name)": NAME.replace('"Ромашка"', "«Ромашка»"),
        "QUEUE_PRIO": "10",
    }
    found, _seconds = await through(lab, "89161234568", name="from trunk")
    assert found == {
        "PBXD_STATUS": "unknown", "PBXD_CONTACT": "", "CALLERID(name)": "from trunk", "QUEUE_PRIO": "",
    }  # fmt: skip


async def test_asterisk_itself_ends_the_wait_for_one_that_hangs(lab: Lab, pbxd: Daemon) -> None:
    pbxd.freeze()
    for _ in range(2):
        found, seconds = await through(lab, CALLER, name="from trunk")
        assert found["PBXD_STATUS"] == "error"
        assert found["CALLERID(name)"] == "from trunk"
        assert LIMIT - 0.1 < seconds < LIMIT + 10  # it would hang for ever
    pbxd.thaw()


async def test_one_that_is_away_and_a_wrong_token_cost_nothing(lab: Lab, pbxd: Daemon) -> None:
    await lab.ami_action("Setvar", Variable="PBXD_TOKEN", Value="wrong")
    found, _seconds = await through(lab, CALLER)
    assert found["PBXD_STATUS"] == "error"
    await pbxd.kill()
    took = []
    for _ in range(3):
        found, seconds = await through(lab, CALLER)
        assert found["PBXD_STATUS"] == "error"
        took.append(seconds)
    assert min(took) < LIMIT  # on a busy machine one call may take longer, though nobody waits


async def test_an_extension_from_outside_is_no_colleague(lab: Lab, pbxd: Daemon) -> None:
    """C5, as it is by FastAGI: `inside=1` is said of our own extensions' channels alone."""
    await lab.ami_action("Setvar", Variable="PBXD_CURL_SECONDS", Value="10")

    async def employees_known() -> bool:
        _status, answer = await pbxd.api("/api/v1/lookup?number=101&inside=1")
        return bool(answer["status"] == "employee")

    await until(employees_known, "the employees of the PBX in the book")
    found, _seconds = await through(lab, "101", name="from trunk")
    assert (found["PBXD_STATUS"], found["CALLERID(name)"]) == ("unknown", "from trunk")
    found, _seconds = await found_of(lab, lab.phone("101").dial(DIALLED))  # the control: the colleague himself
    assert found["PBXD_STATUS"] == "employee"
