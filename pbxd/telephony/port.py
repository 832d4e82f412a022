"""What pbxd needs of a PBX: the Protocol that each PBX adapter fulfils, and the values it speaks in. Pure.

`pbxd.asterisk.pbx` is the one adapter so far. A second PBX gets a package beside `asterisk/`.
Every method that asks the PBX raises UnavailableError when the PBX is away or doesn't answer in time, RefusedError when
the PBX refuses, and ProtocolError for an answer that can't be read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from pbxd.book.employees import Employee
from pbxd.calls.events import Endpoint, Event
from pbxd.settings import DialingSettings
from pbxd.telephony.plan import DialPlan, DialTemplates

DeviceState = Literal["free", "busy", "offline", "absent", "unknown"]  # absent: the PBX has no such device


@dataclass(slots=True)
class EventTimes:
    """The times of a PBX's events, which the adapter keeps up to date. They are the PBX's epoch seconds."""

    last: float | None = None  # the last time in the PBX's messages
    delay: float = 0.0  # by how many seconds more than usual its events are late
    clock: Literal["pbx", "arrival"] = "pbx"  # whose time its events have so far


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A caller in a queue, as the PBX lists them."""

    queue: str
    position: int  # from 1 on
    channel: str  # its unique id
    name: str  # what the PBX calls the channel, for logs and for `pbxd queues`
    number: str  # the caller id now; empty where there is none
    priority: int
    waited: int  # whole seconds
    local: bool  # a channel inside the PBX: who is behind it can change, and the number it was made with means nothing
    inside: bool  # one of our own extensions waits


@dataclass(frozen=True, slots=True)
class QueueList:
    """The PBX's queues, also those in which nobody waits, and everybody who waits in them."""

    names: tuple[str, ...]
    entries: tuple[QueueEntry, ...]  # by queue, in order


@dataclass(frozen=True, slots=True)
class Mark:
    """What pbxd did to a waiting caller: gave a VIP's rank, or raised the caller so as to keep the place."""

    kind: Literal["rank", "kept"]
    base: int  # the priority without us
    given: int  # and with us


class Pbx(Protocol):
    """A PBX, as far as calls, click-to-call, queues and employees need it."""

    @property
    def connected(self) -> bool:
        """Whether the PBX can be asked now."""

    @property
    def pending(self) -> bool:
        """Whether messages of the PBX wait to be taken."""

    # -- events

    async def take(self, most: int) -> Iterable[Event]:
        """Return the events of the next messages, `most` at most, in order; waits while there is none.

        A lost link and an overflow come as LinkLost. The adapter translates each while the caller iterates.
        """

    async def request_snapshot(self) -> int:
        """Have the PBX list its channels; the list comes as events. Return how many channels there are."""

    async def settle(self) -> None:
        """Wait until the PBX has sent the events of all that has happened so far."""

    # -- click-to-call

    def dial_templates(self, settings: DialingSettings) -> DialTemplates:
        """Read the dial strings of the configuration. Raises ConfigurationError, which names the key."""

    def choose_leg(self, call_id: str) -> str:
        """Choose the channel id of the agent's leg of a call."""

    def call_of(self, channel: str) -> str:
        """Return the id of the call whose leg has this chosen channel id; empty for any other channel."""

    def agent_of(self, endpoint: Endpoint) -> str:
        """Return the extension of the agent whose leg this is, empty where the endpoint doesn't say."""

    async def agent_state(self, plan: DialPlan) -> DeviceState:
        """Return the state of the phone that is rung first."""

    async def client_state(self, plan: DialPlan) -> DeviceState:
        """Return the state of the phone that is rung second; `unknown` unless it is a colleague's."""

    async def originate(self, plan: DialPlan, leg: str) -> None:
        """Ring the agent on a leg with this channel id; the PBX calls the client when the agent answers."""

    async def hang_up(self, leg: str) -> None:
        """End the agent's leg, and with it the client's."""

    # -- queues

    async def waiting(self, queue: str = "") -> list[QueueEntry]:
        """List who waits, in order; of every queue unless one is named."""

    async def queue_list(self) -> QueueList:
        """List all queues, and who waits in them."""

    async def can_move(self) -> bool:
        """Ask whether this PBX moves a caller who waits; if not, the log says so once."""

    async def move(self, entry: QueueEntry, priority: int) -> None:
        """Give a caller this priority, and put them behind all who have it or a higher one.

        Nothing happens to a caller who has left.
        """

    def doubt_moves(self) -> None:
        """Take note that the PBX accepted a move and moved nobody; the log says so once."""

    async def mark_of(self, entry: QueueEntry) -> Mark | None:
        """Read what the look-up at entry, or an earlier process, did to a caller; None where it did nothing."""

    async def put_mark(self, entry: QueueEntry, base: int, mark: Mark | None) -> None:
        """Write it to the caller's channel, where a later process and the next queue find it."""

    # -- people

    async def staff(self) -> list[Employee]:
        """List the employees that the PBX knows. What it refuses to tell is left out."""

    async def gone(self, extensions: Collection[str], *, beside: Collection[str]) -> set[str]:
        """Return those of the extensions that the PBX doesn't have any more; `beside`: others that it has."""
