"""Whom a request wants to call: a number, a colleague, or a contact by id or name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.errors import NotFoundError
from pbxd.lookup.index import Directory
from pbxd.lookup.matching import phone_text
from pbxd.lookup.naming import phone_name
from pbxd.lookup.partial_index import contact_named
from pbxd.numbers import NumberRules, is_emergency, parse
from pbxd.services.workspace import Workspace
from pbxd.storage.book.contacts import Contacts
from pbxd.telephony import DialTarget, target_of


@dataclass(frozen=True, slots=True)
class CallAsked:
    """A call that somebody wants: exactly one of `target` and `contact`."""

    agent: str | None = None  # whose phone rings first; None: the actor's own
    target: str | None = None  # a number, or a contact: its id or exact name
    contact: int | None = None
    number: str | None = None  # which of the contact's numbers


async def find_target(workspace: Workspace, directory: Directory, agent: Actor, asked: CallAsked) -> DialTarget:
    """Find out whom to call. The agent's own personal contacts count, nobody else's.

    A text that is a number is one: a known colleague's extension, or 112, never means a contact's id. With `number` the
    target is a contact in any case. Raises NotFoundError, InvalidInputError.
    """
    database, rules = workspace.database, workspace.rules
    if asked.contact is not None:
        contact = await Contacts(database).get(asked.contact, actor=agent)
        return _of_contact(contact, asked.number, rules)
    text = (asked.target or "").strip()
    if asked.number is not None:
        return _of_contact(await contact_named(database, text, actor=agent), asked.number, rules)
    if _is_number(text, directory, rules):
        return _of_number(text, agent, directory, rules)
    try:
        contact = await contact_named(database, text, actor=agent)
    except NotFoundError:
        if any(character.isalpha() for character in text):
            raise
        return DialTarget(text)  # a short number perhaps, or nothing that can be called: the dialling rules decide
    return _of_contact(contact, None, rules)


def _is_number(text: str, directory: Directory, rules: NumberRules) -> bool:
    kind = parse(text, rules).kind
    known = directory.employee(text) is not None or is_emergency(text, rules)
    return kind == "e164" or (kind == "internal" and known)


def _of_number(text: str, agent: Actor, directory: Directory, rules: NumberRules) -> DialTarget:
    parsed = parse(text, rules)
    match = directory.lookup(text, agent)
    colleague = directory.employee(parsed.value) is not None
    return DialTarget(parsed.value, parsed.extension, phone_text(match), match.contact, colleague)


def _of_contact(contact: Contact, number: str | None, rules: NumberRules) -> DialTarget:
    name = phone_name(contact.name)
    if number is None:
        return target_of(contact, name)
    parsed = parse(number, rules)
    if parsed.extension:
        theirs = tuple(each for each in contact.numbers if each.extension == parsed.extension)
        contact = replace(contact, numbers=theirs)
    return target_of(contact, name, parsed.value or number)
