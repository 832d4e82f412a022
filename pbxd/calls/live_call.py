"""A call while it lasts: its legs, who talks with whom, and what its time is spent on.

The file is over 300 lines long because it is the state of one object: what changes together stands together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from pbxd.calls.events import Endpoint
from pbxd.calls.legs import Leg, Room, rooms
from pbxd.calls.party_numbers import readable
from pbxd.calls.record import CallRecord, Gap, Party, Step, moment
from pbxd.numbers import NumberRules

_GOES_ON = frozenset({"rang", "dialled", "answered", "met", "queued", "parked"})  # a hang-up before these didn't end it
# A step this soon after a hang-up belongs to the end of the call. If the call goes on for longer (a survey), that
# hang-up did not end it.
_ONE_END_SECONDS = 0.4
_MOST_LENT = 2  # ended calls that a leg remembers having talked in; only "one" and "more than one" matter


@dataclass(slots=True, eq=False)
class LiveCall:
    """A call under way. Times are epoch seconds (UTC) of the PBX."""

    record: CallRecord
    rules: NumberRules
    at: float  # the time of the last event
    linkedids: list[str] = field(default_factory=list)  # its own, and those of calls that became a part of it
    legs: dict[str, Leg] = field(default_factory=dict)
    caller: Leg | None = None
    target: Leg | None = None  # the leg that was called last
    reached: Leg | None = None  # the outside party that a program called before any employee
    ender: Leg | None = None  # the last party that hung up a conversation, or the caller who gave up
    ender_at: float = 0.0  # when that was
    last: Leg | None = None  # the leg that ended last
    keyed: str = ""  # what the employee who began the call dialled
    given_to: str = ""  # the number of the last blind transfer, as it was dialled
    outside: str = ""  # the first number dialled at a trunk, as it was dialled
    destination: str = ""  # the number for which a program made the call, as the program stated it
    intended: bool = False  # only the caller id that a program set shows the callee
    direct: Leg | None = None  # the phone that an incoming call rang first, without a queue
    part: str = "menu"
    ringing: frozenset[str] = frozenset()  # employees whose phones ring
    rang_before: frozenset[str] = frozenset()  # who may have rung since before a gap, until the snapshot ends
    talkers: frozenset[str] = frozenset()  # employees who talk
    voicemail: bool = False
    over: bool = False
    began_in_gap: bool = False  # it began in a gap, so its first events are missing
    resumed: bool = False  # its caller is known from elsewhere: for one, from an earlier process's record
    seen: bool = False  # people may have seen it
    had_outside: bool = False  # one of its legs led outside
    merged: LiveCall | None = None  # the call of which it became a part
    lends: bool = False  # one of its legs talks in another call, with a client
    lent_to: list[LiveCall] = field(default_factory=list)  # the calls in which its ended legs talked
    lent_at: float = -math.inf  # until when one of its legs talked in another call
    guests: list[Leg] = field(default_factory=list)  # legs of other calls for which this one has a step "answered"

    def advance(self, at: float) -> None:
        """Add the time since the last event to the current part of the call; an earlier `at` adds nothing."""
        if at > self.at:
            passed = at - self.at
            self.record.seconds[self.part] += passed
            for extension in self.ringing:
                self.record.agent(extension).ring_seconds += passed
            for extension in self.talkers:
                self.record.agent(extension).talk_seconds += passed
            self.at = at

    def add_step(self, what: str, who: Leg | str | None = None, detail: str | None = "") -> None:
        """Add a step to the story."""
        if what in _GOES_ON:
            self.ender = None
        name = self.identity(who) if isinstance(who, Leg) else who
        self.record.add(Step(moment(self.at), what, name or None, detail or None))

    def add_end_step(self, *, in_gap: bool = False) -> None:
        """End the story. `in_gap`: nobody knows who ended the call.

        Parties who left at that same moment need no step of their own.
        """
        story = self.record.story
        while story and story[-1].what == "left" and self.at - story[-1].at.timestamp() < _ONE_END_SECONDS:
            story.pop()
        late = self.at - self.ender_at > _ONE_END_SECONDS and self.ender is not self.last
        ender = None if in_gap or late else self.ender
        self.add_step("ended", ender, "" if ender else "unheard" if in_gap else "pbx")

    @property
    def is_shown(self) -> bool:
        """Whether people can see the call, or could see it before; a call without any party is not shown."""
        return (
            self.seen or self.caller is not None or self.reached is not None or self.resumed or self.merged is not None
        )

    @property
    def has_outside(self) -> bool:
        """Whether it has, or had, an outside party."""
        known = self.had_outside or (self.resumed and self.record.direction != "internal")
        return known or any(leg.is_outside for leg in self.legs.values())

    @property
    def by_program(self) -> bool:
        """Whether a program made the call; an employee whose phone it rings is then the caller."""
        return self.record.origin != "dialled"

    def identity(self, leg: Leg) -> str | None:
        """Return the far end of a leg: the extension, the E.164 number, or else the number as it came."""
        if leg.endpoint.kind == "extension":
            return leg.endpoint.name
        return readable(leg.number, self.rules).number

    def update_state(self) -> bool:
        """Find the current part of the call and note an answer; return whether a visible fact changed."""
        there = rooms(self)
        talking = [leg for room in there for leg in room.talkers]
        if self.lends:
            self.lent_at = self.at
        self.lends = any(room.lends for room in there)
        ringing = [leg for leg in self.legs.values() if leg.is_ringing]
        ringing += [leg for own in self.legs.values() if own.bridge is None for leg in own.awaits if leg.is_ringing]
        before = (self.part, len(self.record.answered_by), self.record.answered, len(self.record.joined))
        self.part = self._part_now(talking, ringing)
        if self.part == "talk":  # a party that talks while the other is on hold has not answered
            self._note_answer(there, talking)
        began = self._note_ringing(self._agents(ringing))
        self.talkers = self._agents(talking) if self.part == "talk" else frozenset()
        for room in there:
            self._note_joined(room)
        after = (self.part, len(self.record.answered_by), self.record.answered, len(self.record.joined))
        return began or before != after

    def _note_ringing(self, ringing: frozenset[str]) -> bool:
        """Note whose phones ring now, and count those that begin to; return whether any does."""
        began = ringing - self.ringing - self.rang_before
        for extension in began:
            self.record.agent(extension).rings += 1
        self.ringing = ringing
        return bool(began)

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
        """Return the employees among the legs; each takes part in the call from now on."""
        if not legs:
            return frozenset()
        extensions = dict.fromkeys(leg.endpoint.name for leg in legs if leg.endpoint.kind == "extension")
        for extension in extensions:
            self.record.agent(extension)
        return frozenset(extensions)

    def _note_answer(self, there: list[Room], talking: list[Leg]) -> None:
        if self.record.answered is None:
            self.record.answered = moment(self.at)
        self._note_given([*talking, *(leg for room in there if room.conference for leg in room.others)])
        for leg in talking:
            if leg.call is not self and leg not in self.guests:
                self._note_guest(leg)
            if leg is not self.caller:
                self._note_talker(leg)
            if leg is not self.caller and leg.call is self and not leg.talked:
                leg.talked = True
                self.add_step("answered", leg)
        for room in there:
            self._note_conference(room)

    def _note_joined(self, room: Room) -> None:
        """Note the calls of other clients in the same room; each stays a call of its own."""
        if room.conference or not any(leg.is_outside for leg in room.own):
            return
        for call in [leg.call for leg in room.others if leg.is_outside]:
            if call is not None and call.record.id not in self.record.joined:
                self.record.joined.append(call.record.id)

    def _note_given(self, listeners: list[Leg]) -> None:
        """Take the first employee whom the client hears as the caller, if a program called the client first."""
        agents = [leg for leg in listeners if leg.endpoint.kind == "extension"]
        if self.caller is None and self.reached is not None and agents:
            self.give_to(agents[0])

    def _note_conference(self, room: Room) -> None:
        for guest in room.others if room.conference and room.talkers else ():
            if guest is not self.caller and self._note_talker(guest):
                self.add_step("met", guest)

    def note_hangup(self, leg: Leg, at: float) -> None:
        """Note who hung up. A second hang-up at the same moment is only its consequence."""
        if self.ender is None or at - self.ender_at > _ONE_END_SECONDS:
            self.ender, self.ender_at = leg, at

    @property
    def lent_to_the_end(self) -> bool:
        """Whether one of its legs talked in another call until this call ended."""
        return self.lends or self.at - self.lent_at < _ONE_END_SECONDS

    def give_to(self, leg: Leg) -> None:
        """Take the employee as the caller to whom a program connects a client that it called first."""
        self.caller = leg
        self.record.caller = Party(number=leg.endpoint.name, extension=leg.endpoint.name)

    def _note_guest(self, leg: Leg) -> None:
        """Add a step "answered" for a leg of another call that talks here.

        A joined call gets none: the transfer has a step already.
        """
        self.guests = [*(guest for guest in self.guests if guest.call is not None), leg]
        over = [call for call in leg.lent if call.over]
        leg.lent = [*over[-_MOST_LENT:], *(call for call in leg.lent if not call.over), self]
        joined = leg.call is not None and leg.call.record.id in self.record.joined
        if leg is not self.caller and not joined:
            self.add_step("answered", leg)

    def _note_talker(self, leg: Leg) -> bool:
        """Note who talked; return whether they are new."""
        who = self.identity(leg)
        if not who or who in self.record.answered_by:
            return False
        self.record.answered_by.append(who)
        return True

    def absorb(self, other: LiveCall, at: float) -> None:
        """Make another call a part of this one."""
        other.advance(at)
        self.advance(other.at)
        for leg in other.legs.values():
            leg.call = self
            leg.talked = leg.talked or leg in self.guests
        self.guests = [leg for leg in dict.fromkeys([*self.guests, *other.guests]) if leg.call is not self]
        self.lent_to += [call for call in other.lent_to if call not in self.lent_to]
        self.lent_at = max(self.lent_at, other.lent_at)
        self.ringing |= other.ringing  # these began to ring in the other call
        self.legs |= other.legs
        self.had_outside = self.had_outside or other.had_outside
        other.legs.clear()
        other.merged = self
        other.over = True
        other.record.merged_into = self.record.id
        other.record.ended = moment(max(other.at, other.record.started.timestamp()))
        record = self.record
        record.story = sorted([*record.story, *other.record.story], key=lambda step: step.at)
        self._add_agents(other)
        record.recordings += other.record.recordings
        for queue in other.record.queues:
            record.add_queue(queue)
        record.trim()
        self.voicemail = self.voicemail or other.voicemail
        self.target = other.target or self.target

    def forget_answers(self) -> None:
        """Forget who talked so far: some of the legs turn out to belong to other calls."""
        record = self.record
        record.story = [step for step in record.story if step.what == "called"]
        record.answered, record.answered_by, record.agents, record.joined = None, [], [], []
        self.ringing = self.talkers = frozenset()
        for leg in (*self.legs.values(), *self.guests):
            leg.talked = False
            leg.lent = [call for call in leg.lent if call is not self]
        self.guests, self.lent_to, self.lends, self.lent_at = [], [], False, -math.inf

    def absorb_finished(self, other: LiveCall) -> None:
        """Make a call that just ended a part of this one. Its last phone talked here. This call may have ended too."""
        record, end = self.record, self.record.ended or moment(self.at)
        other.merged, other.record.merged_into = self, record.id
        earlier = [step for step in other.record.story if step.at < end and step.what != "ended"]
        record.story = sorted([*earlier, *record.story], key=lambda step: step.at)
        self._add_agents(other)
        record.trim()

    def _add_agents(self, other: LiveCall) -> None:
        for theirs in other.record.agents:
            agent = self.record.agent(theirs.extension)
            agent.ring_seconds += theirs.ring_seconds
            agent.talk_seconds += theirs.talk_seconds

    def relabel(self, leg: Leg, endpoint: Endpoint, number: str = "") -> None:
        """Correct the far end of a leg, also in the steps that name it."""
        before = self.identity(leg)
        leg.endpoint, leg.number = endpoint, number or leg.number
        after = self.identity(leg)
        record = self.record
        if any(self.identity(other) == before for other in self.legs.values() if other is not leg):
            return
        record.story = [replace(step, who=after) if step.who == before else step for step in record.story]
        mine = next((agent for agent in record.agents if agent.extension == before), None)
        if mine is not None:
            record.agents.remove(mine)
        if mine is not None and endpoint.kind == "extension":
            agent = record.agent(endpoint.name)
            agent.ring_seconds += mine.ring_seconds
            agent.talk_seconds += mine.talk_seconds
            agent.rings = max(agent.rings, mine.rings)
            if before in self.ringing:
                self.ringing = self.ringing - {before} | {endpoint.name}

    def resume(self, at: float) -> None:
        """Continue, at `at`, from an earlier process's record.

        The time of the gap counts as talk after an answer, else as menu; the gap shows that this is not known.
        """
        record = self.record
        if record.gaps and record.gaps[-1].to is None:
            since = record.gaps.pop().since  # the link was lost before the process ended
        else:
            since = max([step.at for step in record.story], default=record.started)
        record.gaps.append(Gap(since, max(since, moment(at))))
        unknown = at - record.started.timestamp() - sum(record.seconds.values())
        record.seconds["talk" if record.answered else "menu"] += max(0.0, unknown)
        self.at = max(at, record.started.timestamp())
        self.resumed = True
        self.rang_before = frozenset(agent.extension for agent in record.agents if agent.rings or agent.ring_seconds)

    def open_gap(self, at: float) -> None:
        """Begin a gap at `at`; a gap that is open stays one gap."""
        if not self.record.gaps or self.record.gaps[-1].to is not None:
            self.record.gaps.append(Gap(moment(at), None))

    def close_gap(self, at: float) -> None:
        """End the open gap."""
        gaps = self.record.gaps
        if gaps and gaps[-1].to is None:
            gaps[-1] = Gap(gaps[-1].since, max(moment(at), gaps[-1].since))
