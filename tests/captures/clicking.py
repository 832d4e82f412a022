"""Click-to-call: the agent's own phone first, then the client, through the context pbxd ships."""

from __future__ import annotations

import itertools
import time

from tests.captures.stage import CLIENT, Stage, a_while
from tests.lab.phone import rejecting

CONVERSATION = 1.5  # seconds
_numbers = itertools.count(1)


def click(stage: Stage, *, agent_ring: int = 25) -> None:
    """Ask for the call as the daemon does: our own channel id, the client as caller id of the agent's leg."""
    record = f"01JDCAPTURE{next(_numbers):015d}"
    stage.lab.admin.send(
        "Originate",
        {
            "Channel": "PJSIP/101",
            "ChannelId": f"pbxd-{record}-{int(time.time())}.1",
            "Context": "pbxd-call",
            "Exten": CLIENT,
            "Priority": "1",
            "Timeout": str(agent_ring * 1000),
            "CallerID": f'"Ромашка" <{CLIENT}>',
            "Async": "true",
            "Variable": [
                f"PBXD_DIAL=PJSIP/{CLIENT}@trunk",
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
    await a_while(2)
    client.answer()
    await phone.until_hears(client)
    await a_while(CONVERSATION)
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


FLOWS = {
    flow.__name__: flow
    for flow in (
        click_to_call_answered,
        click_to_call_client_busy,
        click_to_call_agent_away,
        click_to_call_agent_rejects,
    )
}
