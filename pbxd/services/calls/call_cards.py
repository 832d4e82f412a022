"""A call as one person's card shows it: what it is for them now, and who is at the other end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.calls.presence import Presence
from pbxd.calls.record import CallRecord, Party, Step
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.lookup.partial_index import excerpt
from pbxd.numbers import ParsedNumber, parse
from pbxd.services import companies, contacts
from pbxd.services.call_history import Call, last_calls, seen_record
from pbxd.services.calls.call_watch import CallWatch, people_in, present_of
from pbxd.services.calls.card_marks import CardMarks
from pbxd.services.click_to_call import ClickToCall
from pbxd.services.click_to_call.attempts import CallAttempt
from pbxd.services.contacts import FindContacts
from pbxd.services.events.live_feed import LiveFeed
from pbxd.services.events.present import Present
from pbxd.services.workspace import Workspace

CardState = Literal[
    "ringing",
    "ringing-agent",  # of a call made here: one's own phone rings first
    "ringing-client",
    "talking",
    "held",
    "transferred",
    "elsewhere",  # somebody else answered
    "ended",
]
_MOST_MATCHES = 6
_MOST_COLLEAGUES = 5
_LAST_CALLS = 5
_TRANSFERS = frozenset({"blind-transfer", "attended-transfer"})
_TAKEN = frozenset({"answered", "met", "picked-up", "unparked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCard:
    """A call for one person."""

    id: str
    incoming: bool
    state: CardState
    number: str = ""  # of the other party: E.164, an extension, or as the PBX had it; empty: hidden
    extension: str = ""  # of the other party, if it is a colleague
    seconds: float | None = None  # since this state began; of a call that ended, how long it was talked
    queue: str = ""
    called: str = ""  # the number that an incoming call was made to
    by: str = ""  # who transferred it to this person
    to: str = ""  # to whom this person transferred it
    answered_by: str = ""  # who else answered
    reason: str = ""  # why an outgoing call ended: a `Reason` of a call made here, else an `Outcome`
    missed: bool = False
    may_end: bool = False  # it was made here and goes on


@dataclass(frozen=True, slots=True)
class CardPerson:
    """Who is at the other end, as far as the viewer may know."""

    contact: Contact | None = None
    matches: Sequence[Contact] = ()  # several with this number: the viewer chooses
    more: int = 0  # matches beside these
    colleagues: Sequence[Contact] = ()  # other people of the contact's company
    last_calls: Sequence[Call] = field(default=())
    # Without a contact, what a look-up says of the number.
    name: str = ""  # what several contacts have in common, a company's, or an employee's who calls from outside
    company: str = ""
    company_id: int = 0  # of the company whose own number it is; 0: it is no company's, or not for the viewer
    employee: str = ""  # the extension of the employee whose mobile it is
    vip: bool = False


@dataclass(frozen=True, slots=True)
class CallCards:
    """Shows the cards of calls."""

    workspace: Workspace
    watch: CallWatch
    click_to_call: ClickToCall
    marks: CardMarks
    feed: LiveFeed

    def current(self, actor: Actor) -> list[str]:
        """Return the ids of the calls in which the actor's phones ring or talk now, oldest first."""
        there = self.watch.of({actor.extension}) if actor.extension else []
        mine = [each.record.id for each in there if actor.extension in each.phones]
        made = [call.id for call in self.click_to_call.attempts.of(actor.extension)] if actor.extension else []
        return list(dict.fromkeys([*mine, *made]))

    async def show(self, actor: Actor, call_id: str) -> CallCard:
        """Return the card of a call in which the actor takes or took part. Raises NotFoundError."""
        made = self.click_to_call.attempts.find(call_id)
        presence = self.watch.find(call_id)
        if presence is None and not made:
            presence = Presence(await seen_record(self.workspace, actor, call_id), "", {})
        mine = actor.extension and (
            (made is not None and made.agent == actor.extension)
            or (presence is not None and actor.extension in people_in(presence))
        )
        if not mine or (presence is not None and presence.record.merged_into):
            raise NotFoundError(_("no such call: {id}").format(id=call_id[:40]))
        if presence is None and made:
            return _made_card(made)
        assert presence is not None  # noqa: S101 - for mypy: either of them was found
        return _card(presence, actor.extension, made, self.watch.now())

    def is_closed(self, actor: Actor, call_id: str) -> bool:
        """Tell whether the actor closed the card of a call, in whichever browser."""
        return self.marks.is_closed(actor, call_id, _rings(self.watch.find(call_id), actor.extension))

    def close(self, actor: Actor, call_id: str) -> None:
        """Close a card in all browsers of the actor. Raises NotFoundError for another one's call."""
        presence = self._own(actor, call_id)
        self.marks.close(actor, call_id, _rings(presence, actor.extension))
        self._tell(actor, call_id, presence, closed=[actor.extension])

    def choose(self, actor: Actor, call_id: str, contact: int) -> None:
        """Take a caller for one of several contacts, in all browsers of the actor. Raises as `close` does."""
        presence = self._own(actor, call_id)
        self.marks.choose(actor, call_id, contact)
        self._tell(actor, call_id, presence)

    def _own(self, actor: Actor, call_id: str) -> Presence | None:
        """Return what happens in a call; None: nothing any more, or not yet."""
        presence, made = self.watch.find(call_id), self.click_to_call.attempts.find(call_id)
        makes = made is not None and made.agent == actor.extension
        is_another = presence is not None and not makes and actor.extension not in people_in(presence)
        if is_another or not actor.extension:
            raise NotFoundError(_("no such call: {id}").format(id=call_id[:40]))
        return presence

    def _tell(self, actor: Actor, call_id: str, presence: Presence | None, **more: object) -> None:
        own = frozenset({actor.extension})
        over = {"state": "over", "phones": {}, "people": [actor.extension], "steps": 0}
        present = present_of(presence) if presence else Present(own, over)
        self.feed.tell_call(call_id, replace(present, extensions=own, data={**present.data, **more}))

    async def person(self, actor: Actor, number: str, chosen: int = 0) -> CardPerson:
        """Return whose number it is; `chosen` is the one of several whom the viewer took for it."""
        parsed = parse(number, self.workspace.rules)
        if parsed.kind != "e164":
            return CardPerson()
        asked = FindContacts(number=parsed.value, limit=_MOST_MATCHES)
        page = await contacts.find(self.workspace, actor, asked)
        found = page.items
        contact = next((each for each in found if each.id == chosen), found[0] if len(found) == 1 else None)
        client = contact.id if contact else parsed.value
        calls = await last_calls(self.workspace, actor, client, limit=_LAST_CALLS + 1)  # this one may be among them
        if contact is None:
            more = max(page.total - len(found), 0)
            return replace(await self._known(actor, parsed), matches=found, more=more, last_calls=calls)
        return CardPerson(contact, colleagues=await self._colleagues(actor, contact), last_calls=calls)

    async def _known(self, actor: Actor, parsed: ParsedNumber) -> CardPerson:
        """Return what a look-up says of a number that is not one contact's: read from the book as it is now."""
        match = (await excerpt(self.workspace.database, [parsed.value], actor)).lookup(parsed, actor)
        if match.status == "shared" and not match.name.startswith(f"{match.company} ("):
            return CardPerson(vip=match.vip)  # the first one's name: who of them calls is to be chosen
        firm = await companies.id_of(self.workspace, actor, match.company) if match.status == "company" else 0
        return CardPerson(
            name=match.name, company=match.company, company_id=firm, employee=match.employee, vip=match.vip
        )

    async def _colleagues(self, actor: Actor, contact: Contact) -> Sequence[Contact]:
        if not contact.company:
            return ()
        asked = FindContacts(company=contact.company, sort="name", limit=_MOST_COLLEAGUES + 1)
        found = (await contacts.find(self.workspace, actor, asked)).items
        return [each for each in found if each.id != contact.id][:_MOST_COLLEAGUES]


def _rings(presence: Presence | None, extension: str) -> int:
    """Return how often somebody's phones have begun to ring in a call."""
    agents = presence.record.agents if presence else ()
    return next((each.rings for each in agents if each.extension == extension), 0)


def _made_card(made: CallAttempt) -> CallCard:
    """Return the card of a call made here of which the PBX has told nothing yet, or never told anything."""
    ended = made.attempt.ended
    return CallCard(
        id=made.id,
        incoming=False,
        state="ended" if ended else "ringing-agent",
        number=made.number,
        reason=made.attempt.progress.reason or "",
        may_end=not ended,
    )


def _card(presence: Presence, extension: str, made: CallAttempt | None, now: float) -> CallCard:
    record = presence.record
    incoming = record.caller.extension != extension
    transfer = _transfer(record, extension)
    by = transfer.who if transfer and transfer.who != extension else ""
    to = transfer.detail if transfer and transfer.who == extension else ""
    state = _incoming_state(presence, extension, to) if incoming else _outgoing_state(presence, extension, to, made)
    other = _other(record, incoming=incoming)
    ended = state == "ended"
    progress = made.attempt.progress if made else None
    return CallCard(
        id=record.id,
        incoming=incoming,
        state=state,
        number=other.number or (made.number if made else ""),
        extension=other.extension or "",
        seconds=_seconds(record, extension, state, now),
        queue=record.queue or "" if incoming else "",
        called=record.callee.number or "" if incoming and record.direction == "incoming" else "",
        by=by or "",
        to=to or "",
        answered_by=record.answered_by[-1] if state == "elsewhere" and record.answered_by else "",
        reason=((progress.reason if progress else None) or record.outcome or "") if ended and not incoming else "",
        missed=incoming and ended and extension not in record.answered_by,
        may_end=made is not None and not made.attempt.ended,
    )


def _other(record: CallRecord, *, incoming: bool) -> Party:
    """Return the party at the other end; a colleague's call that was transferred here is its client's."""
    if not incoming:
        return record.callee
    return record.callee if record.direction == "outgoing" else record.caller


def _transfer(record: CallRecord, extension: str) -> Step | None:
    """Return the last transfer that brought the call to this person, or by which they gave it away."""
    last = next((step for step in reversed(record.story) if step.what in _TRANSFERS), None)
    if last is None or extension in {last.who, last.detail}:
        return last
    mine = [step.at for step in record.story if step.who == extension]
    return last if mine and mine[-1] > last.at else None


def _incoming_state(presence: Presence, extension: str, to: str | None) -> CardState:
    record, phone = presence.record, presence.phones.get(extension)
    if phone:
        return phone if phone in {"ringing", "held"} else "talking"
    if _taken_by_another(record, extension):
        return "elsewhere"
    if record.ended is not None:
        return "ended"
    if extension not in record.answered_by:
        return "ringing"
    if to:
        return "transferred"
    return "held" if presence.part == "hold" else "ended"


def _taken_by_another(record: CallRecord, extension: str) -> bool:
    """Tell whether somebody else answered after this person's phone began to ring for the last time."""
    if extension in record.answered_by:
        return False
    rang = [place for place, step in enumerate(record.story) if step.what == "rang" and step.who == extension]
    return any(step.what in _TAKEN for step in record.story[rang[-1] :]) if rang else bool(record.answered_by)


def _outgoing_state(presence: Presence, extension: str, to: str | None, made: CallAttempt | None) -> CardState:
    record, phone = presence.record, presence.phones.get(extension)
    progress = made.attempt.progress if made else None
    if record.ended is not None:
        return "ended"
    if phone in {"talking", "held"} and (progress is None or progress.state == "talking"):
        return "held" if phone == "held" else "talking"
    if progress and progress.state not in {"ended", "talking"}:
        return "ringing-agent" if progress.state == "ringing-agent" else "ringing-client"
    if phone == "calling":  # it is so for a moment too when a conversation ends
        return "talking" if record.answered else "ringing-client"
    return "transferred" if to else "ended"


def _seconds(record: CallRecord, extension: str, state: CardState, now: float) -> float | None:
    """Return since when the state lasts; of a call that ended, how long it was talked."""
    if state == "ended":
        return record.seconds["talk"] + record.seconds["hold"] if record.answered else None
    if state in {"talking", "held"}:
        own = next((step.at for step in record.story if step.what in _TAKEN and step.who == extension), None)
        since = own or record.answered or record.started
    elif state == "ringing":
        rang = [step.at for step in record.story if step.what == "rang" and step.who == extension]
        since = rang[-1] if rang else record.started
    else:
        return None
    return max(0.0, now - since.timestamp())
