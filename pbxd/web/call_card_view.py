"""What a call's card says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pbxd.book.contacts import Contact
from pbxd.book.employees import Employee
from pbxd.i18n import N_, _, local_day
from pbxd.numbers import display
from pbxd.services.calls.call_cards import CallCard, CardPerson
from pbxd.services.calls.call_texts import direction_name, outcome_name
from pbxd.web.call_rows import clock, length_text, local_of

People = Callable[[str], Employee | None]
_STATUSES: Final = {
    "ringing": N_("Ringing"),
    "ringing-agent": N_("Calling you"),
    "ringing-client": N_("Calling the client"),
    "talking": N_("Talking"),
    "held": N_("On hold"),
    "transferred": N_("Transferred"),
    "ended": N_("Finished"),
}
_REASONS: Final = {
    "agent-offline": N_("your phone is not there"),
    "agent-busy": N_("your phone is busy"),
    "agent-no-answer": N_("you did not answer"),
    "agent-rejected": N_("you declined"),
    "client-busy": N_("busy"),
    "client-no-answer": N_("no answer"),
    "client-rejected": N_("declined"),
    "wrong-number": N_("wrong number"),
    "no-route": N_("can't be reached"),
    "cancelled": N_("cancelled"),
    "failed": N_("failed"),
    "pbx-away": N_("no connection to the PBX"),
    "busy": N_("busy"),
    "no-answer": N_("no answer"),
    "rejected": N_("declined"),
}
_RUNNING: Final = frozenset({"ringing", "talking", "held"})


@dataclass(frozen=True, slots=True)
class LastCall:
    """One of the last calls with the other party, in a line."""

    id: str
    time: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """A card, as its template shows it."""

    card: CallCard
    label: str
    status: str
    name: str
    number: str  # as people write it; empty where the name says it
    contact: Contact | None
    person: CardPerson
    position: str  # and the company
    where: str  # the queue, or the number called
    notes: list[str]
    last: list[LastCall]
    timer: str
    known: bool  # there is nothing to add: a contact, or a colleague
    vip: bool

    @property
    def runs(self) -> bool:
        """Whether the timer goes on."""
        return self.card.state in _RUNNING

    @property
    def may_call(self) -> bool:
        """Whether the other party can be called back from the card."""
        return self.card.state == "ended" and bool(self.card.extension or self.card.number.startswith("+"))

    @property
    def leaves(self) -> bool:
        """Whether the card closes by itself."""
        return self.card.state == "elsewhere"


def view_of(card: CallCard, there: CardPerson, people: People) -> CardView:
    """Return what a card says."""
    # A caller from outside can send any extension as their number; whom one calls oneself is certain.
    extension = card.extension or ("" if card.incoming or card.number.startswith("+") else card.number)
    colleague = people(extension or there.employee) if extension or there.employee else None
    number = display(card.number) if card.number else ""
    contact = there.contact
    name = (contact.name if contact else colleague.name if colleague else there.name) or number or _("Hidden number")
    label = _("Incoming call: {name}") if card.incoming else _("Outgoing call: {name}")
    about = [contact.company, contact.position] if contact else [colleague.department] if colleague else []
    return CardView(
        card=card,
        label=label.format(name=name),
        status=_status(card, people, inside=colleague is not None and contact is None),
        name=name,
        number=number if number != name else "",
        contact=contact,
        person=there,
        position=" · ".join(filter(None, about)),
        where=_where(card),
        notes=_notes(card, people),
        last=[_last(call) for call in there.last_calls if call["ended"] and call["id"] != card.id],
        timer="" if card.seconds is None else length_text(card.seconds),
        known=contact is not None or colleague is not None or bool(there.matches) or not card.number.startswith("+"),
        vip=contact.vip if contact else there.vip,
    )


def _status(card: CallCard, people: People, *, inside: bool) -> str:
    if card.state == "elsewhere":
        return _("Answered by {who}").format(who=_who(card.answered_by, people))
    if card.state == "ringing-client" and inside:
        return _("Calling the employee")
    status = _(_STATUSES[card.state])
    reason = _REASONS.get(card.reason)
    return f"{status}: {_(reason)}" if reason and card.state == "ended" else status


def _where(card: CallCard) -> str:
    if card.queue:
        return _("Queue: {queue}").format(queue=card.queue)
    return _("To: {number}").format(number=display(card.called)) if card.called else ""


def _notes(card: CallCard, people: People) -> list[str]:
    notes = []
    if card.state == "ringing-agent":
        notes.append(_("Pick up your phone; then the client is called."))
    if card.missed:
        notes.append(_("Missed call"))
    if card.by:
        notes.append(_("Transferred by {who}").format(who=_who(card.by, people)))
    if card.to:
        notes.append(_("To whom: {who}").format(who=_who(card.to, people)))
    return notes


def _who(party: str, people: People) -> str:
    employee = people(party)
    return (employee.name if employee else "") or display(party)


def _last(call: dict[str, Any] | Any) -> LastCall:  # noqa: ANN401 - a call's public form
    what = f"{direction_name(call['direction'])}, {outcome_name(call['outcome'])}"
    if call["talk_seconds"]:
        what += f", {length_text(call['talk_seconds'])}"
    started = local_of(call["started"])
    return LastCall(call["id"], f"{local_day(started)} {clock(started)}", what)
