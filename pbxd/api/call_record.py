"""A call's record, and a gap in the history, as JSON."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pbxd.calls.record import Direction, GapCause, Origin, Outcome, Source
from pbxd.http.answers import Answer
from pbxd.telephony import Reason, State

Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]  # RFC 3339 in UTC, with microseconds
Seconds = Annotated[float, Field(ge=0)]


class PartyAnswer(Answer):
    """One end of a call."""

    number: str | None
    """E.164 if it can be read as a number, else as the PBX had it."""
    name: str | None
    """The present name of who had the number when the call came."""
    company: str | None
    contact: int | None
    extension: str | None
    """Of an employee."""
    shown_name: str | None
    """What was shown when the call came."""


class AgentAnswer(Answer):
    """An employee's part in a call."""

    extension: str
    ring_seconds: Seconds
    talk_seconds: Seconds


class StepAnswer(Answer):
    """One step of a call's story."""

    at: Instant
    what: str
    """A code, the same in every language: called, rang, dialled, queued, answered, held, …"""
    who: str | None
    """An extension or a number."""
    detail: str | None
    times: int = 1
    """How often it happened, where a long story counts repetitions."""


class RecordGapAnswer(Answer):
    """A time in a call in which the PBX was not heard."""

    since: Annotated[Instant, Field(alias="from")]
    to: Instant | None
    """Null while it lasts."""
    filled: Source | None
    """The PBX log that this time was read from later."""


class CallAnswer(Answer):
    """A call's record. Each instant from `started` to `ended` is in exactly one of the six kinds of seconds."""

    id: str
    pbx: str
    linkedid: str
    """Of the call's first channel."""
    direction: Direction
    origin: Origin
    caller: PartyAnswer
    """Who began; of a click-to-call, the agent."""
    callee: PartyAnswer
    """The number called by an incoming call, else who was called."""
    queue: str | None
    """The last one."""
    queues: tuple[str, ...]
    started: Instant
    """When its first channel was made."""
    answered: Instant | None
    """When a person and the other party were bridged."""
    ended: Instant | None
    menu_seconds: Seconds
    wait_seconds: Seconds
    """In a queue."""
    ring_seconds: Seconds
    talk_seconds: Seconds
    hold_seconds: Seconds
    voicemail_seconds: Seconds
    answered_by: tuple[str, ...]
    """Who talked, in order: extensions, or numbers outside."""
    agents: tuple[AgentAnswer, ...]
    """Every employee whose phone rang or who talked."""
    recordings: tuple[str, ...]
    """Files as the PBX names them."""
    outcome: Outcome | None
    """Null while the call lasts."""
    cause: int | None
    """Q.850."""
    story: tuple[StepAnswer, ...]
    gaps: tuple[RecordGapAnswer, ...]
    clock: Literal["pbx", "arrival"]
    """Whose times these are: the PBX's own, or when we heard."""
    source: Source
    joined: tuple[str, ...]
    """Ids of other clients' calls whose parties were joined to this one's."""
    external: Annotated[
        dict[str, str], Field(description="What other programs call it, by system.", examples=[{"bitrix24": "123"}])
    ]
    state: State | None = None
    """Of a call made here, until some minutes after its end: where it stands."""
    reason: Reason | None = None
    """Of a call made here: why it ended."""


class GapAnswer(Answer):
    """A time of which the history may lack whole calls."""

    id: int
    pbx: str
    since: Annotated[Instant, Field(alias="from")]
    to: Instant
    why: GapCause
    calls: int | None
    """How many calls are lost, where that is known."""
    filled: Instant | None
    """When it was filled from the PBX log."""
    filled_from: Source | None
    filled_calls: int | None
    """How many calls were found or completed then."""
