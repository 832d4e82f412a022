"""What goes on at the PBX while a page is looked at: calls with their cards, phones, callers in a queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pbxd.calls.presence import Presence
from pbxd.calls.record import Agent, CallRecord, Party
from tests.http.conftest import House
from tests.services.scripted_queue import Pbx
from tests.web.browser.contents import CALLERS, QUEUE, STRANGER
from tests.web.browser.site import ADMINISTRATOR, AGENT, COLLEAGUE, SUPERVISOR

LONG, VIP = CALLERS
WAITING = {"A": "01J0000000000000000000000A", "B": "01J0000000000000000000000B", "C": "01J0000000000000000000000C"}


def quiet(pbxd: House) -> None:
    """Nothing goes on."""
    pbxd.presences.clear()
    pbxd.phones.clear()


def call_rings(pbxd: House) -> None:
    """A client whose texts are the longest calls the agent."""
    pbxd.presences.append(_ringing("01RINGING", LONG))


def rings(pbxd: House, call: str, number: str) -> CallRecord:
    """A call rings at the agent's phone, and nothing else goes on."""
    there = _ringing(call, number)
    pbxd.presences[:] = [there]
    return there.record


def calls_go_on(pbxd: House) -> None:
    """The agent talks with a stranger, and a VIP calls."""
    record = _ringing("01TALKING", STRANGER, 95).record
    record.answered, record.answered_by = record.started, [AGENT.extension]
    pbxd.presences.append(Presence(record, "talk", {AGENT.extension: "talking"}))
    pbxd.presences.append(_ringing("01RINGING", VIP))


def callers_wait(pbxd: House) -> None:
    """Two VIPs and a stranger wait in one queue."""
    queue = Pbx(pbxd.pbx, "22.1.0", immediate=True)
    queue.callers = [["A", f"8{LONG[2:]}", 10], ["B", f"8{VIP[2:]}", 10], ["C", f"8{STRANGER[2:]}", 0]]
    pbxd.services.queues.call_of = WAITING.get


def phones_ring(pbxd: House) -> None:
    """One employee talks, one phone rings."""
    pbxd.phones |= {COLLEAGUE.extension: "talking", ADMINISTRATOR.extension: "ringing", SUPERVISOR.extension: "free"}


def _ringing(name: str, number: str, ago: int = 7) -> Presence:
    record = CallRecord(name, "pbx", f"1.{name}", datetime.now(UTC) - timedelta(seconds=ago), caller=Party(number))
    record.agents.append(Agent(AGENT.extension, rings=1))
    record.queue, record.queues = QUEUE, [QUEUE]
    return Presence(record, "ring", {AGENT.extension: "ringing"})
