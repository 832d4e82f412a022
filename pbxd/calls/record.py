"""The record of one call, as people and programs see it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

Direction = Literal["incoming", "outgoing", "internal"]
Origin = Literal["dialled", "click-to-call", "originated"]
Outcome = Literal[
    "answered", "voicemail", "abandoned", "missed", "busy", "no-answer", "rejected", "failed", "cancelled"
]
Source = Literal["ami", "cel", "cdr"]
GapCause = Literal["link", "restart", "pbxd", "overflow", "storage"]
_LONG_STORY = 60  # steps; few calls have more than twenty
_LATELY = 10  # steps among which a repetition is looked for
_MOST_ENTRIES = 200  # of a story and of each other list in a record
_FIRST_ENTRIES = 150
PARTS = ("menu", "wait", "ring", "talk", "hold", "voicemail")


@dataclass(slots=True)
class Party:
    """One end of a call. `name`, `company` and `contact` come from the book at the time of the call."""

    number: str | None = None  # E.164 if it can be read, else as the PBX had it
    name: str | None = None
    company: str | None = None
    contact: int | None = None
    extension: str | None = None  # set when the party is an employee


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the story: the time, what happened, to or by whom (extension or number), and a detail."""

    at: datetime
    what: str
    who: str | None = None
    detail: str | None = None
    times: int = 1  # how often it happened; a long story counts repetitions, `at` is the first


@dataclass(slots=True)
class Agent:
    """An employee's part in a call: how long their phones rang, and how long they talked."""

    extension: str
    ring_seconds: float = 0.0
    talk_seconds: float = 0.0
    rings: int = 0  # how often their phones began to ring


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap in a call: a time without events from the PBX. `to` is None while it lasts.

    `filled`: the PBX log from which it was filled later, if it was.
    """

    since: datetime
    to: datetime | None
    filled: Source | None = None


@dataclass(frozen=True, slots=True)
class HistoryGap:
    """A gap in the history: a time in which whole calls may be missing.

    `why` is the cause. `link`: the link to the PBX was down. `restart`: the PBX was down. `pbxd`: pbxd was down.
    `overflow`: pbxd could not keep up with the PBX's events. `storage`: the database was away for so long that `calls`
    ended calls were dropped. Times are UTC by the PBX's clock, as in records.
    """

    pbx: str
    since: datetime
    to: datetime
    why: GapCause
    calls: int | None = None  # how many are lost, if known


@dataclass(slots=True)
class CallRecord:
    """One conversation from its first channel to its last hang-up. Times are UTC, durations are seconds."""

    id: str
    pbx: str
    linkedid: str
    started: datetime
    direction: Direction = "incoming"
    origin: Origin = "dialled"
    caller: Party = field(default_factory=Party)
    callee: Party = field(default_factory=Party)
    queue: str | None = None
    queues: list[str] = field(default_factory=list)
    answered: datetime | None = None
    ended: datetime | None = None
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PARTS, 0.0))
    answered_by: list[str] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)  # everyone whose phone rang or who talked, the caller included
    recordings: list[str] = field(default_factory=list)  # files as the PBX names them
    outcome: Outcome | None = None
    cause: int | None = None  # Q.850
    story: list[Step] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    clock: Literal["pbx", "arrival"] = "pbx"
    source: Source = "ami"  # how we know of it: from events as it happened, or from the PBX's log later
    merged_into: str | None = None  # the id of the call of which this one became a part
    joined: list[str] = field(
        default_factory=list
    )  # ids of other clients' calls whose parties were joined to this one's

    def agent(self, extension: str) -> Agent:
        """Return an employee's part in the call; it begins now if there was none."""
        for agent in self.agents:
            if agent.extension == extension:
                return agent
        self.agents.append(Agent(extension))
        return self.agents[-1]

    def add_queue(self, queue: str) -> None:
        """Note that the call waits in a queue now."""
        self.queue = queue
        if queue not in self.queues[-1:]:
            self.queues.append(queue)

    def add(self, step: Step) -> None:
        """Add a step to the story.

        A long story counts what happened again shortly before, so that no record grows without end.
        """
        story = self.story
        if len(story) >= _LONG_STORY:
            for place in range(len(story) - 1, len(story) - 1 - _LATELY, -1):
                if _same(story[place], step):
                    story[place] = replace(story[place], times=story[place].times + 1)
                    return
        story.append(step)
        self.trim()

    def trim(self) -> None:
        """Shorten lists that became too long: keep the first and the last entries."""
        for entries in (self.story, self.queues, self.recordings, self.gaps, self.answered_by, self.joined):
            if len(entries) > _MOST_ENTRIES:
                del entries[_FIRST_ENTRIES : len(entries) - _MOST_ENTRIES + _FIRST_ENTRIES]

    def copy(self) -> CallRecord:
        """Return a copy that later events don't change."""
        return replace(
            self,
            caller=replace(self.caller),
            callee=replace(self.callee),
            queues=list(self.queues),
            seconds=dict(self.seconds),
            answered_by=list(self.answered_by),
            agents=[replace(agent) for agent in self.agents],
            recordings=list(self.recordings),
            story=list(self.story),
            gaps=list(self.gaps),
            joined=list(self.joined),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the public form: RFC 3339 UTC times with fractions, durations in seconds."""
        return {
            "id": self.id,
            "pbx": self.pbx,
            "linkedid": self.linkedid,
            "direction": self.direction,
            "origin": self.origin,
            "caller": _party_json(self.caller),
            "callee": _party_json(self.callee),
            "queue": self.queue,
            "queues": list(self.queues),
            "started": instant(self.started),
            "answered": instant(self.answered),
            "ended": instant(self.ended),
            **{f"{part}_seconds": round(self.seconds[part], 6) for part in PARTS},
            "answered_by": list(self.answered_by),
            "agents": [
                {
                    "extension": agent.extension,
                    "ring_seconds": round(agent.ring_seconds, 6),
                    "talk_seconds": round(agent.talk_seconds, 6),
                }
                for agent in self.agents
            ],
            "recordings": list(self.recordings),
            "outcome": self.outcome,
            "cause": self.cause,
            "story": [
                {"at": instant(step.at), "what": step.what, "who": step.who, "detail": step.detail}
                | ({"times": step.times} if step.times > 1 else {})
                for step in self.story
            ],
            "gaps": [{"from": instant(gap.since), "to": instant(gap.to), "filled": gap.filled} for gap in self.gaps],
            "clock": self.clock,
            "source": self.source,
            "joined": list(self.joined),
        }


def _same(known: Step, step: Step) -> bool:
    return (known.what, known.who, known.detail) == (step.what, step.who, step.detail)


def moment(at: float) -> datetime:
    """Turn epoch seconds into an aware UTC time."""
    return datetime.fromtimestamp(at, UTC)


def instant(at: datetime | None) -> str | None:
    """Write an instant as RFC 3339 in UTC with microseconds; None stays None."""
    if at is None:
        return None
    text = at.isoformat(timespec="microseconds")  # strftime takes five times as long
    if not text.endswith("+00:00"):
        text = at.astimezone(UTC).isoformat(timespec="microseconds")
    return text.removesuffix("+00:00") + "Z"


def _party_json(party: Party) -> dict[str, Any]:
    return {
        "number": party.number,
        "name": party.name,
        "company": party.company,
        "contact": party.contact,
        "extension": party.extension,
    }
