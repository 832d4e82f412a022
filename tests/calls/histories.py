"""Histories of calls as events: those of the captures, permutations of them, and made-up ones that keep their rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.translate import Translator
from pbxd.calls import events as ev
from tests.packets import parse_capture

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
FLOWS = sorted(path.parent.name for path in CAPTURES.glob("*/expected.json"))
CHANNEL_FIELDS = ("channel", "source", "target", "one", "two", "by", "second", "picker")


@cache
def events_of(flow: str) -> tuple[ev.Event, ...]:
    """Return what a capture's stream means."""
    translator = Translator(Endpoints(r"^\d{2,5}$"))
    stream = (CAPTURES / flow / "stream.ami").read_bytes()
    found = (translator.translate(packet) for packet in parse_capture([stream]))
    return tuple(event for event in found if event is not None)


def channels_of(event: ev.Event) -> list[str]:
    """Return the channels an event names, in the order of its fields; a parker's extension is none."""
    named = [getattr(event, name, None) for name in CHANNEL_FIELDS]
    if isinstance(event, ev.Parked):
        named = [event.channel]
    return [channel for channel in named if channel]


def shuffled(events: Sequence[ev.Event], random: Random) -> list[ev.Event]:
    """Return the events in another order that means the same.

    Events of channels that no dial, bridge, Local pair, pickup or transfer has tied yet may come in any order; but a
    channel after which others are named (their linkedid) exists before them, and snapshots stay where they are.
    """
    after = _order(events)
    waiting = [len(before) for before in after]
    followers: list[list[int]] = [[] for _event in events]
    for number, before in enumerate(after):
        for earlier in before:
            followers[earlier].append(number)
    ready = [number for number, count in enumerate(waiting) if count == 0]
    order = []
    while ready:
        number = ready.pop(random.randrange(len(ready)))
        order.append(events[number])
        for follower in followers[number]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                ready.append(follower)
    return order


def _order(events: Sequence[ev.Event]) -> list[set[int]]:
    """Return, for every event, those that must come before it."""
    tied: dict[str, set[str]] = {}  # who is tied to a channel, itself included
    last: dict[str, int] = {}  # the last event of a channel and all that are tied to it
    bridges: dict[str, set[str]] = {}
    barrier = -1
    after: list[set[int]] = []
    for number, event in enumerate(events):
        channels = set(channels_of(event))
        before = {barrier} - {-1}
        if isinstance(event, ev.SnapshotBegan | ev.SnapshotEnded | ev.LinkLost | ev.ChannelSeen | ev.QueueSeen):
            before, barrier = set(range(number)), number
        if isinstance(event, ev.ChannelCreated) and event.linkedid in last:
            before.add(last[event.linkedid])  # it may come any time later, but not before its namesake
        if isinstance(event, ev.BridgeEntered):
            inside = bridges.setdefault(event.bridge, set())
            inside.add(event.channel)
            channels |= inside
        elif isinstance(event, ev.BridgeLeft):
            bridges.get(event.bridge, set()).discard(event.channel)
        company = channels.union(*(tied.get(channel, set()) for channel in channels))
        before |= {last[channel] for channel in company if channel in last}
        for channel in company:
            tied[channel] = company
            last[channel] = number
        after.append(before)
    return after


@dataclass
class Rules:
    """What may follow what on one channel, learnt from histories: (kind of endpoint, what was before, what comes)."""

    known: set[tuple[str, str, str]] = field(default_factory=set)

    def learn(self, events: Sequence[ev.Event]) -> None:
        self.known.update(_steps(events))

    def accept(self, events: Sequence[ev.Event]) -> bool:
        """Whether every step of a history is known."""
        return set(_steps(events)) <= self.known


def _steps(events: Sequence[ev.Event]) -> Iterator[tuple[str, str, str]]:
    """Yield what follows what on each channel; other channels named in an event are there, but take no step."""
    endpoints: dict[str, str] = {}
    before: dict[str, str] = {}
    for event in events:
        channels = channels_of(event)
        if not channels:
            continue
        subject = channels[0]
        if isinstance(event, ev.DialBegan | ev.DialEnded):
            subject = event.target
        elif isinstance(event, ev.PickedUp):
            subject = event.picker
        if isinstance(event, ev.ChannelCreated | ev.ChannelSeen):
            endpoints.setdefault(subject, event.endpoint.kind)
        kind = type(event).__name__
        yield endpoints.get(subject, "unknown"), before.get(subject, "nothing"), kind
        before[subject] = kind


@cache
def rules() -> Rules:
    """Return the rules of all captures."""
    learnt = Rules()
    for flow in FLOWS:
        learnt.learn(events_of(flow))
    return learnt


@cache
def next_steps(endpoint: str, before: str) -> list[str]:
    """Return what may come after `before` on a channel that is there, by the rules of all captures."""
    known = {kind for whose, earlier, kind in rules().known if (whose, earlier) == (endpoint, before)}
    return sorted(known - {"ChannelCreated", "ChannelSeen"})


@dataclass
class Maker:
    """Makes a history up: each channel takes steps that channels of the captures took, in whatever company."""

    random: Random
    at: float = 1000.0
    endpoints: dict[str, ev.Endpoint] = field(default_factory=dict)
    linkedids: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)

    def make(self, length: int) -> Iterator[ev.Event]:
        """Yield a history of so many events; channels may still be there at its end."""
        for number in range(length):
            self.at += self.random.choice((0.0, 0.001, 0.5, 3.0))
            living = [channel for channel, kind in self.before.items() if kind != "ChannelEnded"]
            if not living or self.random.random() < 0.15:
                yield self._create(number, living)
                continue
            channel = self.random.choice(living)
            kinds = next_steps(self.endpoints[channel].kind, self.before[channel])
            if kinds:
                yield self._step(channel, self.random.choice(kinds), living)

    def _create(self, number: int, living: list[str]) -> ev.Event:
        channel = f"{1000 + number}.{number}"
        linkedid = self.random.choice([channel, *(self.linkedids[other] for other in living)])
        kind, name = self.random.choice(
            [("extension", "101"), ("extension", "102"), ("trunk", "trunk"), ("local", "Local/1@x;1")]
        )
        endpoint = ev.Endpoint(kind, name)  # type: ignore[arg-type]
        self.endpoints[channel], self.linkedids[channel] = endpoint, linkedid
        self.before[channel] = "ChannelCreated"
        return ev.ChannelCreated(self.at, channel, linkedid, endpoint, "89161112233", "102")

    def _step(self, channel: str, kind: str, living: list[str]) -> ev.Event:
        self.before[channel] = kind
        other = self.random.choice(living)
        values: dict[str, object] = {
            "at": self.at, "channel": channel, "linkedid": self.linkedids[channel], "target": channel,
            "source": self.random.choice([None, other]), "one": channel, "two": other, "by": channel, "second": other,
            "picker": channel, "bridge": self.random.choice(["b", "c", "d"]), "by_party": self.random.random() < 0.5,
            "cause": self.random.choice([0, 16, 17, 21, 26, 127]), "dialled": "84950000000", "number": "102",
            "result": self.random.choice(["answered", "busy", "no-answer", "cancelled", "congestion", "unavailable"]),
            "queue": "sales", "space": "701", "file": "", "answered": True, "timed_out": False,
            "kind": self.random.choice(["", "", "holding", "conference"]),
        }  # fmt: skip
        if kind == "Transferred":
            values["kind"] = self.random.choice(["blind", "attended"])
        if kind == "PickedUp":
            values["target"] = other
        if kind in {"Parked", "Unparked"}:
            values["by"] = ""
        made = getattr(ev, kind)
        event: ev.Event = made(**{name: values[name] for name in made.__slots__ if name in values})
        return event
