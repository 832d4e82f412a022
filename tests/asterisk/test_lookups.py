"""Who asks by FastAGI: `for` counts for the dialplan alone, and a trunk is outside (C4, C5)."""

from __future__ import annotations

import structlog

from pbxd.actor import Actor
from pbxd.asterisk.agi.commands import AgiCommand
from pbxd.asterisk.agi.lookups import LookUps
from pbxd.asterisk.agi.protocol import AgiReply, AgiRequest
from pbxd.asterisk.endpoints import Endpoints
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.employees import Employee
from pbxd.lookup.matching import Book, Match
from pbxd.numbers import parse, rules_from
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.settings import Settings

CLIENT = "89161234567"
RULES = rules_from(Settings())
BOOK = Book.of(
    [Contact(7, "Секрет", numbers=(ContactNumber("+79161234567"),), visibility="personal", owner_id=101)],
    employees=[Employee("101", "Agent 101", id=101)],
)
ASK = "GET VARIABLE PBXD_KEY"
KEY = "0123456789abcdef0123456789abcdef"


def lookup(number: str, actor: Actor) -> Match:
    return BOOK.lookup(parse(number, RULES), actor)


def lookups() -> LookUps:
    return LookUps(CallerNaming(lookup).name, Endpoints(r"^\d{2,5}$"), lambda: 10, KEY)


def request(number: str, channel: str, query: dict[str, str] | None = None) -> AgiRequest:
    return AgiRequest("lookup", query or {}, {"agi_channel": channel, "agi_callerid": number})


def commands(asked: LookUps, request: AgiRequest, told: str = "") -> list[str]:
    """Play the peer: it answers a question with `told`, anything else as Asterisk does."""
    conversation = asked.answer(request)
    lines: list[str] = []
    reply: AgiReply | None = None
    while True:
        try:
            command: AgiCommand = conversation.send(reply)
        except StopIteration:
            return lines
        lines.append(command.line)
        reply = AgiReply(200, "1", told if command.line == ASK else "")


def test_personal_contacts_are_told_to_the_dialplan_alone() -> None:
    ours = lookups()
    asked = request(CLIENT, "PJSIP/trunk-00000001", {"for": "101"})
    question, answer = commands(ours, asked, told=KEY)
    assert question == ASK
    assert "Секрет" in answer
    assert "found,7" in answer
    with structlog.testing.capture_logs() as logs:
        for channel in ("PJSIP/trunk-00000001", "PJSIP/101-00000001", "Local/101@from-internal-00000001;2"):
            for told in ("", "wrong", KEY[:-1], "ключ"):
                question, answer = commands(ours, request(CLIENT, channel, {"for": "101"}), told)
                assert question == ASK
                assert "Секрет" not in answer
                assert "unknown,," in answer
    assert [line["event"] for line in logs] == ["personal_contacts_refused"]  # one in ten seconds
    assert KEY not in str(logs)


def test_who_has_no_such_contact_is_asked_the_same() -> None:
    """Or the question would tell that 101 knows a number."""
    assert commands(lookups(), request("89160000000", "x", {"for": "101"}))[0] == ASK
    assert commands(lookups(), request(CLIENT, "x", {"for": "102"}))[0] == ASK


def test_everybody_else_is_answered_with_one_command() -> None:
    for query in ({}, {"for": ""}):
        [answer] = commands(lookups(), request(CLIENT, "PJSIP/trunk-00000001", query))
        assert "unknown" in answer


def test_only_a_channel_of_an_extension_is_inside() -> None:
    for channel, named in (
        ("PJSIP/102-00000001", True),
        ("PJSIP/trunk-00000001", False),
        ("Local/101@from-internal-00000001;2", False),
        ("", False),
    ):
        [answer] = commands(lookups(), request("101", channel))
        assert ("Agent 101" in answer) == named, channel
