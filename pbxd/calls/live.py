"""A call while it lasts: its legs, who talks with whom, and where its time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from pbxd.calls.events import DialResult, Endpoint
from pbxd.calls.record import CallRecord, Gap, Party, Step
from pbxd.numbers import NumberRules, ParsedNumber, parse

_GOES_ON = frozenset({"rang", "dialled", "answered", "met", "queued", "parked"})  # a hang-up before wasn't the end
_ONE_END_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class Leg:
    """One channel of a call."""

    channel: str
    endpoint: Endpoint
    number: str  # what the channel says of itself; for one we dialled, the number dialled
    dialled: str
    connected: str = ""  # who is at the other end, by who dialled it or by the last list
    up: bool = False
    ringing: bool = False
    called: bool = False  # it was dialled by the PBX, it didn't call us
    source: str | None = None  # the channel that dialled it; none where a program had the PBX do it
    agents: bool = False  # a phone of the agent a click-to-call was made for
    result: DialResult | Literal[""] = ""
    forward: str = ""  # where the phone sent the call on to (a 302)
    bridge: str = ""  # where it converses; a holding place (a parking lot) isn't one
    guests: list[Leg] = field(default_factory=list)  # of the conference it is in, of whatever call; else nobody
    talked: bool = False  # it was told of as an answer
    gave_away: bool = False  # it transferred who it talked with
    holding: bool = False
    parked: bool = False
    voicemail: bool = False
    queue: str = ""
    pair: str = ""  # the other end, when this is plumbing
    left_by_itself: bool = False
    told_to_leave: bool = False
    cause: int = 0
    stale: bool = False  # not heard of since the link was lost

    @property
    def is_party(self) -> bool:
        """Whether a person or the outside world is at the far end."""
        return self.endpoint.kind != "plumbing"

    @property
    def has_company(self) -> bool:
        """Whether another party is in the conference it is in."""
        return any(other is not self and other.is_party for other in self.guests)

    @property
    def is_ringing(self) -> bool:
        """Whether somebody's phone rings.

        A trunk may send early media instead of a ringing state: a call to the outside rings from its first moment.
        """
        if self.up or self.result:
            return False
        return self.ringing or (self.called and self.endpoint.kind == "trunk")


@dataclass(slots=True, eq=False)
class LiveCall:
    """A conversation under way. Times are epoch seconds (UTC) of the PBX."""

    record: CallRecord
    rules: NumberRules
    at: float  # of the last thing that happened
    linkedids: list[str] = field(default_factory=list)  # its own, and those of calls that became part of it
    legs: dict[str, Leg] = field(default_factory=dict)
    caller: Leg | None = None
    target: Leg | None = None  # whom we called last
    reached: Leg | None = None  # somebody outside whom a program called before any employee
    ender: Leg | None = None  # the last party that hung up a conversation, or the caller that gave up
    purpose: str = ""  # whom a click-to-call is for, until there is a caller
    direct: Leg | None = None  # whom an incoming call rang first, without a queue
    part: str = "menu"
    ringing: frozenset[str] = frozenset()  # employees whose phones ring
    talkers: frozenset[str] = frozenset()  # employees who talk
    voicemail: bool = False
    over: bool = False
    unheard: bool = False  # its beginning was heard by nobody
    resumed: bool = False  # who began it is known, though not by his channel: an earlier process's record says it
    merged: LiveCall | None = None  # the older call this one became part of

    def advance(self, at: float) -> None:
        """Give the time since the last event to the part the call was in; an earlier `at` counts as no time."""
        if at > self.at:
            passed = at - self.at
            self.record.seconds[self.part] += passed
            for extension in self.ringing:
                self.record.agent(extension).ring_seconds += passed
            for extension in self.talkers:
                self.record.agent(extension).talk_seconds += passed
            self.at = at

    def tell(self, what: str, who: Leg | str | None = None, detail: str | None = "") -> None:
        """Add a line to the story."""
        if what in _GOES_ON:
            self.ender = None
        name = self.identity(who) if isinstance(who, Leg) else who
        self.record.add(Step(moment(self.at), what, name or None, detail or None))

    def tell_end(self, *, unheard: bool = False) -> None:
        """End the story; who left in the moment of the end isn't told of by himself."""
        story = self.record.story
        while story and story[-1].what == "left" and self.at - story[-1].at.timestamp() < _ONE_END_SECONDS:
            story.pop()
        ender = None if unheard else self.ender
        self.tell("ended", ender, "" if ender else "unheard" if unheard else "pbx")

    @property
    def by_program(self) -> bool:
        """Whether a program makes the call, so that an employee whom it rings is its caller."""
        return self.record.origin != "dialled"

    def identity(self, leg: Leg) -> str | None:
        """Return the extension or the E.164 number (else the number as it came) of who is at the far end of a leg."""
        if leg.endpoint.kind == "extension":
            return leg.endpoint.name
        return readable(leg.number, self.rules).number

    def talking(self) -> list[Leg]:
        """Return the parties that can hear another party now, in the order of their legs."""
        parties = [leg for leg in self.legs.values() if leg.bridge and leg.endpoint.kind != "plumbing"]
        if len(parties) < 2:  # noqa: PLR2004 - somebody to hear
            return [leg for leg in parties if leg.has_company]
        if len({leg.bridge for leg in parties}) == 1:
            return parties
        rooms = _rooms(self.legs.values())
        heard = Counter(rooms[leg.channel] for leg in parties)
        return [leg for leg in parties if heard[rooms[leg.channel]] > 1 or leg.has_company]

    def settle(self) -> bool:
        """Find the part the call is in now, note an answer; return whether anything people can see changed."""
        talking = self.talking()
        ringing = [leg for leg in self.legs.values() if leg.is_ringing]
        before = (self.part, len(self.record.answered_by), self.record.answered)
        self.part = self._part_now(talking, ringing)
        if self.part == "talk":  # who talks while the other party is held has not answered it
            self._note_answer(talking)
        self.ringing = self._agents(ringing)
        self.talkers = self._agents(talking) if self.part == "talk" else frozenset()
        return before != (self.part, len(self.record.answered_by), self.record.answered)

    def _part_now(self, talking: list[Leg], ringing: list[Leg]) -> str:
        waits = False
        held = False
        for leg in self.legs.values():
            if leg.voicemail:
                return "voicemail"
            held = held or leg.holding or leg.parked
            waits = waits or bool(leg.queue)
        if held:
            return "hold"
        if talking:
            return "talk"
        if ringing:
            return "ring"
        return "wait" if waits else "menu"

    def _agents(self, legs: list[Leg]) -> frozenset[str]:
        """Return the employees among the legs, each of whom has a part in the call from now on."""
        if not legs:
            return frozenset()
        extensions = dict.fromkeys(leg.endpoint.name for leg in legs if leg.endpoint.kind == "extension")
        for extension in extensions:
            self.record.agent(extension)
        return frozenset(extensions)

    def _note_answer(self, talking: list[Leg]) -> None:
        if self.record.answered is None:
            self.record.answered = moment(self.at)
        for leg in talking:
            if leg is not self.caller:
                self._note_talker(leg)
                if not leg.talked:
                    leg.talked = True
                    self.tell("answered", leg)
            for guest in leg.guests:
                if guest.channel not in self.legs and guest.is_party and self._note_talker(guest):
                    self.tell("met", guest)

    def _note_talker(self, leg: Leg) -> bool:
        """Note who talked; return whether that is news."""
        who = self.identity(leg)
        if not who or who in self.record.answered_by:
            return False
        self.record.answered_by.append(who)
        return True

    def absorb(self, younger: LiveCall, at: float) -> None:
        """Make a younger call a part of this one."""
        younger.advance(at)
        self.advance(younger.at)
        self.legs |= younger.legs
        younger.legs.clear()
        younger.merged = self
        younger.over = True
        younger.record.merged_into = self.record.id
        younger.record.ended = moment(younger.at)
        self.record.story = sorted([*self.record.story, *younger.record.story], key=lambda step: step.at)
        for other in younger.record.agents:
            agent = self.record.agent(other.extension)
            agent.ring_seconds += other.ring_seconds
            agent.talk_seconds += other.talk_seconds
        self.record.recordings += younger.record.recordings
        self.voicemail = self.voicemail or younger.voicemail
        self.target = younger.target or self.target

    def resume(self, at: float) -> None:
        """Go on, at `at`, from an earlier process's record.

        What wasn't heard counts as talk after an answer, else as menu; the gap says that nobody knows.
        """
        record = self.record
        if record.gaps and record.gaps[-1].to is None:
            since = record.gaps.pop().since  # the link was lost before the process was
        else:
            since = max([step.at for step in record.story], default=record.started)
        record.gaps.append(Gap(since, max(since, moment(at))))
        unheard = at - record.started.timestamp() - sum(record.seconds.values())
        record.seconds["talk" if record.answered else "menu"] += max(0.0, unheard)
        self.at = max(at, record.started.timestamp())
        self.resumed = True

    def open_gap(self, at: float) -> None:
        """From `at` on nothing is heard of the call; it stays one gap when the link is lost again within it."""
        if not self.record.gaps or self.record.gaps[-1].to is not None:
            self.record.gaps.append(Gap(moment(at), None))

    def close_gap(self, at: float) -> None:
        """Note that the call is heard of again."""
        gaps = self.record.gaps
        if gaps and gaps[-1].to is None:
            gaps[-1] = Gap(gaps[-1].since, max(moment(at), gaps[-1].since))


def moment(at: float) -> datetime:
    """Turn epoch seconds into an aware UTC time."""
    return datetime.fromtimestamp(at, UTC)


@lru_cache(maxsize=4096)
def read(text: str, rules: NumberRules) -> ParsedNumber:
    """Read a number as `numbers.parse` does; the same few numbers come back in every event of a call."""
    return parse(text, rules)


def readable(text: str, rules: NumberRules) -> Party:
    """Return a party by the text the PBX has for it: E.164 or an extension where it reads as one, else as it came."""
    parsed = read(text, rules)
    match parsed.kind:
        case "e164":
            return Party(number=parsed.value)
        case "internal":
            return Party(number=parsed.value, extension=parsed.value)
        case "withheld":
            return Party()
        case "unreadable":
            return Party(number=text or None)


def _rooms(legs: Iterable[Leg]) -> dict[str, str]:
    """Name for every conversing leg the room it hears: a bridge, and all that plumbing pairs join to it."""
    by_channel = {leg.channel: leg for leg in legs}
    names = {leg.bridge: leg.bridge for leg in by_channel.values() if leg.bridge}
    for leg in by_channel.values():
        other = by_channel.get(leg.pair)
        if leg.bridge and other is not None and other.bridge:
            mine, theirs = names[leg.bridge], names[other.bridge]
            if mine != theirs:
                names = {bridge: mine if name == theirs else name for bridge, name in names.items()}
    return {leg.channel: names[leg.bridge] for leg in by_channel.values() if leg.bridge}
