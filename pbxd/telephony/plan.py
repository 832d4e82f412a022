"""Whom an agent wants to call, what the PBX would be asked to dial for that, and whether it may be dialled. Pure.

The right to dial is judged on where the call leaves (to a colleague's phone, or through the trunk) and on the final
digits: 101 is a colleague inside and the fire brigade outside. As shipped only extensions and numbers of the configured
region pass. Every text that reaches a dial string is made of checked characters only, so nothing typed or stored can
add a channel, an option or a variable to it.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pbxd import notation
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.errors import ConfigurationError, InvalidInputError, NotFoundError, RefusedError
from pbxd.i18n import _
from pbxd.numbers import NumberRules, destination, dial_form, is_emergency, parse
from pbxd.settings import DialingSettings

Route = Literal["internal", "trunk"]
Where = Literal["internal", "region", "foreign", "premium", "emergency"]

_SHORT_NUMBER = re.compile(r"[0-9]{2,6}")
_DIGITS = re.compile(r"\+?[0-9]{2,20}")  # of what is dialled, and of the company's number
_UNSHOWABLE = re.compile(r'["<>\\\x00-\x1f\x7f]')
_LONGEST_NAME = 79  # bytes; a PBX may cut a name near 80, also in the middle of a character


@dataclass(frozen=True, slots=True)
class DialTarget:
    """Whom to call: a number (typed, or from the book) or a colleague's extension."""

    number: str
    extension: str = ""  # the client's, behind a company's main number; dialled after the answer
    name: str = ""  # safe for phones; what the agent's phone shows
    contact: int | None = None
    colleague: bool = False  # the book has an employee with this extension


@dataclass(frozen=True, slots=True)
class DialTemplates:
    """How the PBX is told whom to ring: its own dial strings, read and checked by its adapter.

    `{extension}` or `{number}` stands in each of them once.
    """

    agent: str  # the agent's phone
    colleague: str
    outside: str
    state_device: str  # asked whether the agent is there and free; empty: nobody knows
    auto_answer: str  # a header `Name: value` that has the agent's phone answer by itself; empty: none
    colleague_by_dialplan: bool  # colleagues are reached through the PBX's own routes, which may lead outside too
    outside_by_dialplan: bool


@dataclass(frozen=True, slots=True)
class DialPlan:
    """What would be asked of the PBX. Every text in it is safe in a dial string, a header and a variable."""

    agent: str
    agent_channel: str  # dial string of the agent's phone
    route: Route
    where: Where  # what was judged
    number: str  # E.164, the extension, or the short number as typed
    dialled: str  # the final digits
    client_channel: str  # dial string of the client
    digits: str  # sent after the client's answer, with the waits before them; may be empty
    shown_name: str  # on the agent's phone
    shown_number: str
    caller_number: str  # what the client sees; empty: the trunk decides
    agent_ring_seconds: int
    client_ring_seconds: int
    contact: int | None = None
    state_device: str = ""  # asked whether the agent is there and free; empty: nobody knows
    auto_answer: str = ""  # a header `Name: value` that has the agent's phone answer by itself

    def to_json(self) -> dict[str, Any]:
        """Return what `pbxd call --explain` prints."""
        return asdict(self)


def target_of(contact: Contact, name: str, wanted: str = "") -> DialTarget:
    """Return a contact as a target: its main number, else its first, or the one that `wanted` (E.164) names.

    `name` is the contact's name made safe for phones. Raises NotFoundError for a number the contact hasn't, and for a
    contact without numbers.
    """
    numbers: tuple[ContactNumber, ...] = contact.numbers
    if wanted:
        numbers = tuple(one for one in numbers if wanted in {one.number, one.typed})
    chosen = next((one for one in numbers if one.main), numbers[0] if numbers else None)
    if chosen is None:
        raise NotFoundError(_("{name} has no such number").format(name=contact.name))
    return DialTarget(chosen.number, chosen.extension, name, contact.id)


class Dialler:
    """Plans calls by one configuration."""

    def __init__(self, settings: DialingSettings, rules: NumberRules, templates: DialTemplates) -> None:
        """Raise ConfigurationError, which names the key, for a number that can't be used."""
        self._settings = settings
        self._rules = rules
        self._templates = templates
        if settings.company_number and not _DIGITS.fullmatch(settings.company_number):
            raise ConfigurationError(
                _("{key}: expected digits, with or without a plus").format(key="dialing.company_number")
            )

    def plan(self, agent: str, target: DialTarget) -> DialPlan:
        """Plan a call of `agent` (an extension) to a target.

        Raises InvalidInputError (field `agent`, `number` or `extension`) for what can't be read, and RefusedError for
        what may not be dialled, with the reason `emergency`, `premium`, `foreign` or `self`.
        """
        if parse(agent, self._rules).kind != "internal" or not _SHORT_NUMBER.fullmatch(agent):
            raise InvalidInputError("agent", _("{text} is no extension of ours").format(text=_shown(agent)))
        number, route, found = self._read(target)
        if number == agent:
            raise RefusedError("self", _("{agent} can't call himself").format(agent=agent))
        where, dialled = self._judge(number, route)
        templates = self._templates
        template = templates.colleague if route == "internal" else templates.outside
        own_number = route == "internal" or templates.outside_by_dialplan
        return DialPlan(
            agent=agent,
            agent_channel=templates.agent.replace("{extension}", agent),
            route=route,
            where=where,
            number=number,
            dialled=dialled,
            client_channel=template.replace("{number}", dialled),
            digits=self._digits(target.extension or found),
            shown_name=_for_display(target.name),
            shown_number=dialled,
            # Routes of the PBX's own dialplan are given by who calls, and set what the outside sees themselves.
            caller_number=agent if own_number else self._settings.company_number,
            agent_ring_seconds=self._settings.agent_ring_seconds,
            client_ring_seconds=self._settings.client_ring_seconds,
            contact=target.contact,
            state_device=templates.state_device.replace("{extension}", agent),
            auto_answer=templates.auto_answer,
        )

    def _read(self, target: DialTarget) -> tuple[str, Route, str]:
        """Return the number, where it would leave, and an extension written behind it."""
        text = target.number
        parsed = parse(text, self._rules)
        if parsed.kind == "internal" and _SHORT_NUMBER.fullmatch(parsed.value):
            return parsed.value, "internal" if self._stays_inside(parsed.value, target) else "trunk", ""
        if parsed.kind == "e164":
            return parsed.value, "trunk", parsed.extension
        short = text.strip()
        if parsed.kind == "unreadable" and _SHORT_NUMBER.fullmatch(short):
            return short, "trunk", ""  # the police perhaps: the judge decides
        raise InvalidInputError("number", _("{text} is no number that can be called").format(text=_shown(text)))

    def _stays_inside(self, extension: str, target: DialTarget) -> bool:
        """Tell whether an extension can only reach a colleague, so that nobody need judge it.

        With one template for both it would be dialled through the trunk; and the PBX's own routes may send 112 there
        too, so that only a known employee's extension passes. An emergency number is nobody's extension unless an
        employee is known to have it: whoever asks for 112 doesn't mean a phone that isn't there.
        """
        templates = self._templates
        if target.colleague or templates.colleague == templates.outside:
            return templates.colleague != templates.outside
        return not templates.colleague_by_dialplan and not is_emergency(extension, self._rules)

    def _judge(self, number: str, route: Route) -> tuple[Where, str]:
        """Return what kind of number it is and the digits to dial; raises if it may not be dialled."""
        if route == "internal":
            return "internal", number
        dialled = self._final(number)
        where = destination(dialled, self._rules)
        if where == "unreadable" or not _DIGITS.fullmatch(dialled):
            raise InvalidInputError("number", _("{text} is no number that can be called").format(text=_shown(number)))
        settings = self._settings
        allowed = {
            "region": True,
            "foreign": settings.allow_foreign,
            "premium": settings.allow_premium,
            "emergency": settings.allow_emergency,
        }
        if not allowed[where]:
            raise RefusedError(where, _("{number} may not be called: {kind}").format(number=dialled, kind=_kind(where)))
        return where, dialled

    def _final(self, number: str) -> str:
        """Write a number as the trunk wants it."""
        if not number.startswith("+"):
            return number
        region = self._rules.region
        own = dial_form(number, "national", region) != dial_form(number, "international", region)
        return dial_form(number, self._settings.number_format if own else self._settings.foreign_format, region)

    def _digits(self, extension: str) -> str:
        if not extension:
            return ""
        if not notation.EXTENSION.fullmatch(extension):
            message = _("{text}: an extension has only the keys 0-9 * # A-D and the waits w W")
            raise InvalidInputError("extension", message.format(text=_shown(extension)))
        return self._settings.extension_wait + extension


def _kind(where: Where) -> str:
    names = {
        "emergency": _("an emergency number"),
        "premium": _("a number with a special price"),
        "foreign": _("a number abroad"),
    }
    return names.get(where, where)


def _shown(text: str) -> str:
    """Quote what somebody typed for a message, short and on one line."""
    return ascii(text[:40]) if not text[:40].isprintable() else f"“{text[:40]}”"


def _for_display(name: str) -> str:
    """Keep a name from ending its own quotes in `"name" <number>`, whatever the caller did to it before."""
    safe = _UNSHOWABLE.sub(" ", name).strip()
    return safe.encode("utf-8", "ignore")[:_LONGEST_NAME].decode("utf-8", "ignore")
