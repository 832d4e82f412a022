import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.dial_strings import templates_of
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.errors import ConfigurationError, InvalidInputError, NotFoundError, PbxdError, RefusedError
from pbxd.numbers import NumberRules
from pbxd.settings import DialingSettings
from pbxd.telephony import Dialler, DialTarget, target_of

RULES = NumberRules(region="RU", area_code="495", internal=re.compile(r"^\d{2,5}$"))
THREE_DIGITS = NumberRules(region="RU", area_code="495", internal=re.compile(r"^2\d\d$"))
SHIPPED = DialingSettings(company_number="+74951230000")
CLIENT = DialTarget("+79161234567", name="Фронкин Игорь", contact=7)


def dialler(rules: NumberRules = RULES, **changes: object) -> Dialler:
    return dialler_of(SHIPPED.model_copy(update=changes), rules)


def dialler_of(settings: DialingSettings, rules: NumberRules = RULES) -> Dialler:
    return Dialler(settings, rules, templates_of(settings))


def test_a_client_of_our_region_is_dialled_through_the_trunk_under_the_companys_number() -> None:
    plan = dialler().plan("101", CLIENT)
    assert plan.agent_channel == "PJSIP/101"
    assert plan.client_channel == "PJSIP/89161234567@trunk"
    assert (plan.route, plan.where, plan.number, plan.dialled) == ("trunk", "region", "+79161234567", "89161234567")
    assert (plan.shown_name, plan.shown_number) == ("Фронкин Игорь", "89161234567")
    assert plan.caller_number == "+74951230000"
    assert plan.digits == ""
    assert plan.contact == 7


def test_the_explanation_has_every_field_of_the_plan() -> None:
    plan = dialler().plan("101", CLIENT)
    explained = plan.to_json()
    assert explained["client_channel"] == "PJSIP/89161234567@trunk"
    assert set(explained) == set(plan.__dataclass_fields__)


@pytest.mark.parametrize(("number", "why"), [("112", "emergency"), ("101", "emergency"), ("911", "emergency")])
def test_a_dialplan_is_asked_for_known_colleagues_alone(number: str, why: str) -> None:
    """`from-internal` has outbound routes too: nothing says that 112 stays inside."""
    inside = dialler(internal="Local/{number}@from-internal")
    with pytest.raises(RefusedError) as refusal:
        inside.plan("102", DialTarget(number))
    assert refusal.value.reason == why
    plan = inside.plan("102", DialTarget(number, colleague=True))
    assert (plan.route, plan.client_channel) == ("internal", f"Local/{number}@from-internal")
    assert inside.plan("102", DialTarget("150", colleague=True)).route == "internal"
    with pytest.raises(RefusedError):
        dialler(internal="local/{number}@x").plan("102", DialTarget(number))
    allowed = dialler(internal="Local/{number}@from-internal", allow_emergency=True)
    assert allowed.plan("102", DialTarget(number)).route == "trunk"


@pytest.mark.parametrize(
    ("style", "dialled"),
    [
        ("national", "84951234567"),
        ("international", "81074951234567"),
        ("e164", "+74951234567"),
        ("digits", "74951234567"),
    ],
)
def test_the_configured_form_of_a_number(style: str, dialled: str) -> None:
    plan = dialler(number_format=style).plan("101", DialTarget("8 (495) 123-45-67"))
    assert plan.dialled == dialled


def test_a_number_abroad_needs_permission_and_has_its_own_form() -> None:
    abroad = DialTarget("+77777859954")
    with pytest.raises(RefusedError) as refusal:
        dialler().plan("101", abroad)
    assert refusal.value.reason == "foreign"
    assert dialler(allow_foreign=True).plan("101", abroad).client_channel == "PJSIP/81077777859954@trunk"
    assert dialler(allow_foreign=True, foreign_format="e164").plan("101", abroad).dialled == "+77777859954"


def test_a_premium_number_needs_its_own_permission_and_is_still_dialled_as_a_national_one() -> None:
    premium = DialTarget("+78091234567")
    with pytest.raises(RefusedError) as refusal:
        dialler(allow_foreign=True, allow_emergency=True).plan("101", premium)
    assert refusal.value.reason == "premium"
    assert dialler(allow_premium=True).plan("101", premium).dialled == "88091234567"


@pytest.mark.parametrize("number", ["112", "101", "02", "911"])
@pytest.mark.parametrize("internal", ["PJSIP/{number}", "SIP/{number}", "Local/{number}@from-internal"])
def test_an_emergency_number_is_nobodys_extension_unless_an_employee_has_it(internal: str, number: str) -> None:
    """Else the agent would be rung for a phone that isn't there."""
    with pytest.raises(RefusedError) as refusal:
        dialler(internal=internal).plan("205", DialTarget(number))
    assert refusal.value.reason == "emergency"
    allowed = dialler(internal=internal, allow_emergency=True).plan("205", DialTarget(number))
    assert (allowed.route, allowed.where) == ("trunk", "emergency")
    colleague = dialler(internal=internal).plan("205", DialTarget(number, colleague=True))
    assert colleague.route == "internal"
    if not internal.startswith("Local"):
        assert dialler(internal=internal).plan("205", DialTarget("150")).route == "internal"


def test_101_is_a_colleague_inside_and_the_fire_brigade_outside() -> None:
    inside = dialler().plan("205", DialTarget("101", colleague=True))
    assert (inside.route, inside.where, inside.client_channel) == ("internal", "internal", "PJSIP/101")
    assert inside.caller_number == "205"
    same_trunk = dialler(internal="PJSIP/{number}@trunk")
    with pytest.raises(RefusedError) as refusal:
        same_trunk.plan("205", DialTarget("101"))
    assert refusal.value.reason == "emergency"


@pytest.mark.parametrize("number", ["101", "102", "103", "104", "112", "01", "911"])
def test_an_emergency_number_that_is_no_extension_needs_permission(number: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        dialler(THREE_DIGITS, allow_foreign=True, allow_premium=True).plan("201", DialTarget(number))
    assert refusal.value.reason == "emergency"
    allowed = dialler(THREE_DIGITS, allow_emergency=True).plan("201", DialTarget(number))
    assert allowed.client_channel == f"PJSIP/{number}@trunk"
    assert allowed.where == "emergency"


@pytest.mark.parametrize("agent", ["", "trunk", "84951234567", "101@trunk", "101&PJSIP/102", "1٠1", "101\r\n", "Agent"])
def test_only_an_extension_of_ours_can_call(agent: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        dialler().plan(agent, CLIENT)
    assert error.value.field == "agent"


def test_nobody_calls_himself() -> None:
    with pytest.raises(RefusedError) as refusal:
        dialler().plan("101", DialTarget("101"))
    assert refusal.value.reason == "self"


@pytest.mark.parametrize(
    "text",
    [
        *["", "Иванов", "anonymous", "PJSIP/666@trunk", "89161234567&PJSIP/666", "89161234567,30,M(x)", "${EVAL(1)}"],
        *["8916123456789161234567", "sip:x@evil.example", "89161234567\r\nAction: Hangup", "8" * 500, "+7", "8-112"],
        *["*72", "+71012345678"],  # the last would be 810 1 2345678, a call abroad
    ],
)
def test_what_is_no_number_is_no_target(text: str) -> None:
    with pytest.raises(PbxdError) as error:
        dialler().plan("101", DialTarget(text))
    assert isinstance(error.value, InvalidInputError | RefusedError)


def test_the_clients_extension_is_dialled_after_waits() -> None:
    assert dialler().plan("101", replace(CLIENT, extension="123")).digits == "ww123"
    assert dialler(extension_wait="").plan("101", replace(CLIENT, extension="w1#*A")).digits == "w1#*A"
    assert dialler().plan("101", DialTarget("8 495 123-45-67 доб. 55")).digits == "ww55"


@pytest.mark.parametrize("extension", ["12:3", "12)", "1,2", "E", "p5", "1 2", "${X}", "1\r\n2", "٣", "1" * 41, "доб"])
def test_an_extension_has_only_keys_and_waits(extension: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        dialler().plan("101", replace(CLIENT, extension=extension))
    assert error.value.field == "extension"


@pytest.mark.parametrize(
    ("key", "template"),
    [
        ("device", "PJSIP/101"),
        ("device", "PJSIP/{number}"),
        ("device", "{extension}"),
        ("device", "PJSIP/{extension}&PJSIP/102"),
        ("internal", "PJSIP/{number},30"),
        ("trunk", "PJSIP/{number}{number}"),
        ("trunk", "PJSIP/{number.__class__}"),
        ("trunk", "Local/{number}@${CONTEXT}"),
        ("trunk", "PJSIP/{number}@trunk\n"),
        ("company_number", "Ромашка"),
        ("company_number", "+7495,1"),
    ],
)
def test_a_template_or_number_that_cant_be_used_is_named(key: str, template: str) -> None:
    with pytest.raises(ConfigurationError, match=f"dialing.{key}"):
        dialler_of(SHIPPED.model_copy(update={key: template}))


@pytest.mark.parametrize(
    "template", ["PJSIP/{number}@trunk-2", "PJSIP/trunk/sip:{number}@10.0.0.1:5060", "Local/{number}@out/n"]
)
def test_usual_trunk_templates(template: str) -> None:
    assert dialler(trunk=template).plan("101", CLIENT).client_channel == template.replace("{number}", "89161234567")


ANY_TEXT = st.text(max_size=60) | st.text(alphabet="0123456789+*#w ,&|()${}/@;:-\r\n", max_size=30)


@given(
    agent=st.just("101") | ANY_TEXT,
    number=st.just("+79161234567") | ANY_TEXT,
    extension=ANY_TEXT,
    name=st.text(max_size=300),
)
def test_whatever_is_given_nothing_gets_into_a_dial_string(agent: str, number: str, extension: str, name: str) -> None:
    permissive = dialler(allow_emergency=True, allow_foreign=True, allow_premium=True)
    try:
        plan = permissive.plan(agent, DialTarget(number, extension, name))
    except (InvalidInputError, RefusedError):
        return
    assert re.fullmatch(r"PJSIP/[0-9]{2,6}", plan.agent_channel, re.ASCII)
    assert re.fullmatch(r"PJSIP/\+?[0-9]{2,20}(@trunk)?", plan.client_channel, re.ASCII)
    assert re.fullmatch(r"(ww[0-9*#A-DwW]+)?", plan.digits, re.ASCII)
    assert not set(plan.shown_name) & set('"<>\\\r\n\0')
    assert len(plan.shown_name.encode()) <= 79


@given(digits=st.text(alphabet="0123456789", min_size=2, max_size=16), plus=st.booleans())
def test_as_shipped_only_extensions_and_the_regions_numbers_pass(digits: str, plus: bool) -> None:
    try:
        plan = dialler().plan("99999", DialTarget(("+" if plus else "") + digits))
    except (InvalidInputError, RefusedError):
        return
    assert plan.where in {"internal", "region"}
    if plan.where == "region":
        assert re.fullmatch(r"8[0-589]\d{9}", plan.dialled)


def test_a_contacts_main_number_is_called_unless_another_is_named() -> None:
    contact = Contact(
        7,
        "Фронкин",
        numbers=(
            ContactNumber("+74951234567", typed="84951234567", extension="123"),
            ContactNumber("+79161234567", main=True),
        ),
    )
    assert target_of(contact, "Фронкин") == DialTarget("+79161234567", "", "Фронкин", 7)
    assert target_of(contact, "Фронкин", "+74951234567").extension == "123"
    assert target_of(contact, "Фронкин", "84951234567").extension == "123"
    assert target_of(replace(contact, numbers=contact.numbers[:1]), "").number == "+74951234567"
    with pytest.raises(NotFoundError):
        target_of(contact, "", "+74950000000")
    with pytest.raises(NotFoundError):
        target_of(replace(contact, numbers=()), "")


@pytest.mark.parametrize(
    "header",
    ["Alert-Info", "Alert-Info:x", "A: b\r\nX: y", "A: b,c", 'A: "b"', "A: ${b}", "A: (", "call-Info ", "Ы: b"],
)
def test_a_header_for_auto_answer_that_could_be_more_than_one_is_refused(header: str) -> None:
    with pytest.raises(ConfigurationError, match=r"dialing\.auto_answer"):
        dialler_of(DialingSettings(auto_answer=header))


def test_through_the_pbxs_own_routes_the_agent_calls_under_his_own_number() -> None:
    dialler = dialler_of(DialingSettings(trunk="Local/{number}@from-internal/n", company_number="+74951230000"))
    planned = dialler.plan("101", DialTarget("+79161234567"))
    assert planned.client_channel == "Local/89161234567@from-internal/n"
    assert planned.caller_number == "101"
    for number, reason in (("+77777859954", "foreign"), ("88091234567", "premium")):
        with pytest.raises(RefusedError) as refusal:
            dialler.plan("101", DialTarget(number))
        assert refusal.value.reason == reason
