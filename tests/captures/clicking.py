"""Click-to-call: the agent's own phone first, then the client, through the context pbxd ships."""

from __future__ import annotations

import itertools
import time

from tests.captures.stage import CLIENT, Stage, a_while, converse, taken_over
from tests.lab.phone import rejecting

_numbers = itertools.count(1)


def click(stage: Stage, *, agent_ring: int = 25, device: str = "PJSIP/101", trunk: str = "PJSIP/{}@trunk") -> None:
    """Ask for the call as the daemon does: our own channel id, the client as caller id of the agent's leg."""
    record = f"01JDCAPTURE{next(_numbers):015d}"
    epoch = int(time.time())
    other = {"OtherChannelId": f"pbxd-{record}-{epoch}.2"} if device.startswith("Local/") else {}
    stage.lab.admin.send(
        "Originate",
        {
            "Channel": device,
            "ChannelId": f"pbxd-{record}-{epoch}.1",
            **other,
            "Context": "pbxd-call",
            "Exten": CLIENT,
            "Priority": "1",
            "Timeout": str(agent_ring * 1000),
            "CallerID": f'"Ромашка" <{CLIENT}>',
            "Async": "true",
            "Variable": [
                f"PBXD_DIAL={trunk.format(CLIENT)}",
                "PBXD_CALLERID=+74951230000",
                "PBXD_RING=60",
                "PBXD_DIGITS=",
            ],
        },
    )


async def click_to_call_answered(stage: Stage) -> None:
    click(stage)
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    client = await stage.client.incoming()
    await converse(phone, client, ring=2)
    phone.hangup()


async def click_to_call_client_busy(stage: Stage) -> None:
    stage.client.behaviour = rejecting(486, 1)
    click(stage)
    phone = await stage.phone("101").answered()
    await phone.until_ended()


async def click_to_call_agent_away(stage: Stage) -> None:
    """The agent's phone rings for four seconds in vain."""
    click(stage, agent_ring=4)
    phone = await stage.phone("101").incoming()
    await phone.until_ended()


async def click_to_call_agent_rejects(stage: Stage) -> None:
    click(stage)
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.reject(603)


ALL_PHONES_OF_106 = "Local/106@pbxd-agent/n"  # dialing.device = "Local/{extension}@pbxd-agent/n"


async def click_to_call_devices(stage: Stage) -> None:
    """Both phones of 106 ring; the second is taken."""
    click(stage, device=ALL_PHONES_OF_106)
    first, second = await stage.phone("106").incoming(), await stage.phone("106b").incoming()
    await a_while(1)
    second.answer()
    await first.until_ended()
    client = await stage.client.incoming()
    await converse(second, client, ring=2)
    client.hangup()


async def click_to_call_devices_away(stage: Stage) -> None:
    """Both phones of 106 ring for four seconds in vain."""
    click(stage, device=ALL_PHONES_OF_106, agent_ring=4)
    first = await stage.phone("106").incoming()
    await first.until_ended()


async def click_to_call_devices_refused(stage: Stage) -> None:
    """One phone of 106 refuses, the other is taken; the client is busy."""
    stage.phone("106").behaviour = rejecting(486, 1)
    stage.client.behaviour = rejecting(486, 1)
    click(stage, device=ALL_PHONES_OF_106)
    second = await stage.phone("106b").incoming()
    await a_while(2)
    second.answer()
    await second.until_ended()


async def click_to_call_by_context(stage: Stage) -> None:
    """All phones of 106, and the client through the dialplan's own outbound route, as on FreePBX."""
    click(stage, device=ALL_PHONES_OF_106, trunk="Local/{}@from-internal/n")
    first = await stage.phone("106").incoming()
    await a_while(1)
    first.answer()
    client = await stage.client.incoming()
    await taken_over(first, client)


FLOWS = {
    flow.__name__: flow
    for flow in (
        click_to_call_answered,
        click_to_call_client_busy,
        click_to_call_agent_away,
        click_to_call_agent_rejects,
        click_to_call_devices,
        click_to_call_devices_away,
        click_to_call_devices_refused,
        click_to_call_by_context,
    )
}
