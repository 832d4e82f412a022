from __future__ import annotations

import re
import time
from typing import get_args

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd import numbers
from pbxd.errors import ConfigurationError, InvalidInputError
from pbxd.numbers import Destination, DialStyle, NumberRules, destination, dial_form, display, parse, rules_from
from pbxd.settings import NumberSettings, Settings

INTERNAL = re.compile(r"^\d{2,5}$")
RU = NumberRules("RU", "", INTERNAL)
MOSCOW = NumberRules("RU", "495", INTERNAL)
SMALL_TOWN = NumberRules("RU", "35140", re.compile(r"^\d{3}$"))
KZ = NumberRules("KZ", "7122", INTERNAL)
US = NumberRules("US", "", INTERNAL)
GB = NumberRules("GB", "", INTERNAL)
DE = NumberRules("DE", "", INTERNAL)
BY = NumberRules("BY", "17", INTERNAL)
UA = NumberRules("UA", "", INTERNAL)
KG = NumberRules("KG", "", INTERNAL)

AS_TRUNKS_AND_PEOPLE_WRITE_THEM = [
    ("89161234567", "+79161234567", "national-8"),
    ("8 (916) 123-45-67", "+79161234567", "national-8"),
    ("8-916-123-45-67", "+79161234567", "national-8"),
    ("8.916.123.45.67", "+79161234567", "national-8"),
    ("8~916 1234567", "+79161234567", "national-8"),
    ("8 800 555-35-35", "+78005553535", "national-8"),
    ("+79161234567", "+79161234567", "e164"),
    ("+7 (916) 123–45—67", "+79161234567", "e164"),
    ("(+7) 916 123 45 67", "+79161234567", "e164"),
    ("＋7 916 123‑45−67", "+79161234567", "e164"),
    ("+7\u00a0916\u00a0123\u00ad45\u202f67", "+79161234567", "e164"),
    ("\u202a+7 916 123-45-67\u202c\ufeff", "+79161234567", "e164"),
    ("٨٩١٦١٢٣٤٥٦٧", "+79161234567", "national-8"),
    ("８９１６１２３４５６７", "+79161234567", "national-8"),
    ("+7 8 916 123-45-67", "+79161234567", "e164"),
    ("79161234567", "+79161234567", "missing-plus"),
    ("9161234567", "+79161234567", "national"),
    ("4951234567", "+74951234567", "national"),
    ("8 10 44 20 7183 8750", "+442071838750", "international-810"),
    ("8~10 380 44 123-45-67", "+380441234567", "international-810"),
    ("81079161234567", "+79161234567", "international-810"),
    ("0079161234567", "+79161234567", "international-00"),
    ("00442071838750", "+442071838750", "international-00"),
    ("380441234567", "+380441234567", "missing-plus"),
    ("375291234567", "+375291234567", "missing-plus"),
    ("+7 777 785-99-54", "+77777859954", "e164"),
    ("87777859954", "+77777859954", "national-8"),
    ("77777859954", "+77777859954", "missing-plus"),
    ("7777859954", "+77777859954", "national"),
    ("86001234567", "+76001234567", "national-8"),
    ("'89161234567", "+79161234567", "national-8"),
    ('="89161234567"', "+79161234567", "national-8"),
    ("89161234567.0", "+79161234567", "national-8"),
    ("\t89161234567\r\n", "+79161234567", "national-8"),
    ("sip:89161234567@10.0.0.1:5060;user=phone", "+79161234567", "national-8"),
    ("SIP:%2B79161234567@trunk.example", "+79161234567", "e164"),
    ("sip:+79161234567:secret@host", "+79161234567", "e164"),
    ('"Иван" <sip:+79161234567@host>;tag=1', "+79161234567", "e164"),
    ("Иван <89161234567>", "+79161234567", "national-8"),
    ("tel:+7-916-123-45-67", "+79161234567", "e164"),
    ("tel:89161234567;phone-context=+7", "+79161234567", "national-8"),
    ("9161234567;phone-context=ims.example;npdi", "+79161234567", "national"),
    ("79161234567@10.0.0.1", "+79161234567", "missing-plus"),
]


@pytest.mark.parametrize(("text", "value", "rule"), AS_TRUNKS_AND_PEOPLE_WRITE_THEM)
def test_a_number_of_any_notation_is_one_e164_number(text: str, value: str, rule: str) -> None:
    parsed = parse(text, RU)
    assert (parsed.kind, parsed.value, parsed.rule, parsed.extension) == ("e164", value, rule, "")


@pytest.mark.parametrize(
    ("text", "rules", "value", "rule"),
    [
        ("123-45-67", MOSCOW, "+74951234567", "area-code"),
        ("2-34-56", SMALL_TOWN, "+73514023456", "area-code"),
        ("12-34-56", KZ, "+77122123456", "area-code"),
        ("87122123456", KZ, "+77122123456", "national-8"),
        ("89161234567", KZ, "+79161234567", "national-8"),
        ("(212) 555-0123", US, "+12125550123", "national"),
        ("1 212 555 0123", US, "+12125550123", "national-1"),
        ("011 44 20 7183 8750", US, "+442071838750", "international-011"),
        ("020 7183 8750", GB, "+442071838750", "national-0"),
        ("442071838750", GB, "+442071838750", "missing-plus"),
        ("00 7 916 123 45 67", GB, "+79161234567", "international-00"),
        ("030 123456", DE, "+4930123456", "national-0"),
        ("8 029 301-00-47", BY, "+375293010047", "national-8"),
        ("80293010047", BY, "+375293010047", "national-8"),
        ("8 0162 20-12-34", BY, "+375162201234", "national-8"),
        ("029 301 00 47", BY, "+375293010047", "national"),
        ("29 301 00 47", BY, "+375293010047", "national"),
        ("375293010047", BY, "+375293010047", "missing-plus"),
        ("8 801 100 00 00", BY, "+3758011000000", "national-8"),
        ("810 7 916 111 22 33", BY, "+79161112233", "international-810"),
        ("+7 916 111-22-33", BY, "+79161112233", "e164"),
        ("050 123 45 67", UA, "+380501234567", "national-0"),
        ("8 050 123 45 67", UA, "+380501234567", "national-80"),
        ("380501234567", UA, "+380501234567", "missing-plus"),
        ("0555 123 456", KG, "+996555123456", "national-0"),
        ("8 701 123 45 67", KZ, "+77011234567", "national-8"),
        ("8 10 375 29 301 00 47", KZ, "+375293010047", "international-810"),
    ],
)
def test_area_codes_and_other_regions(text: str, rules: NumberRules, value: str, rule: str) -> None:
    parsed = parse(text, rules)
    assert (parsed.kind, parsed.value, parsed.rule) == ("e164", value, rule)


@pytest.mark.parametrize(
    ("text", "rules", "meant"),
    [
        ("80293010047", RU, "+375 29 301-00-47"),
        ("8 (029) 301-00-47", RU, "+375 29 301-00-47"),
        ("8 0162 20-12-34", RU, "+375 162 20-12-34"),
        ("80293010047", KZ, "+375 29 301-00-47"),
        ("8 050 123 45 67", RU, "+380 50 123 4567"),
        ("8 044 501-00-47", RU, "+375 44 501-00-47 / +380 44 501 0047"),
        ("89161112233", BY, "+7 916 111-22-33"),
        ("8 916 111-22-33 доб. 5", BY, "+7 916 111-22-33"),
    ],
)
def test_a_number_of_another_country_is_refused_with_what_to_write(text: str, rules: NumberRules, meant: str) -> None:
    parsed = parse(text, rules)
    assert (parsed.kind, parsed.value, parsed.rule) == ("unreadable", "", "other-country")
    assert numbers.why_unreadable(text, parsed).endswith(f"with its country code: {meant}")


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("+7 029 301-00-47", RU),
        ("7 029 301-00-47", RU),
        ("+3759161112233", BY),
        ("+3759161112233", RU),
        ("+7029301", KZ),
    ],
)
def test_what_is_no_number_of_its_country_is_unreadable(text: str, rules: NumberRules) -> None:
    assert parse(text, rules).kind == "unreadable"


@pytest.mark.parametrize(
    "text", ["101", " 12345 ", "sip:101@10.0.0.5", '"Анна" <101>', "tel:204;phone-context=x", "１０１"]
)
def test_an_internal_extension_comes_before_any_other_rule(text: str) -> None:
    parsed = parse(text, NumberRules("RU", "35140", INTERNAL))
    assert (parsed.kind, parsed.rule) == ("internal", "internal")
    assert INTERNAL.fullmatch(parsed.value)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        " \u200b\xa0",
        "anonymous",
        "Anonymous",
        "<unknown>",
        "unknown",
        "withheld",
        "Private",
        "RESTRICTED",
        "unavailable",
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "sip:c8oqz84zk7z@anonymous.invalid",
        "<>",
        "sip:anonymous@10.0.0.1",
        "Скрытый номер",
        "Номер не определён",
        "неизвестный",
        "АНОНИМ",
        '"Ivan" <unknown>',
        "Out of area",
        "OUT_OF_AREA",
        "out-of-area",
        "hidden",
        "Private Caller",
        "Restricted",
        "Caller ID blocked",
        "Unavailable name",
        "Number Withheld",
        "NO CALLER ID",
        "Unknown Caller",
        "Анонимный",
        "Анонимный абонент",
        "Номер скрыт",
        "номер абонента скрыт",
        "Скрытый",
        "номер не определяется",
        "Номер засекречен",
        "Прихований номер",
    ],
)
def test_a_withheld_number(text: str | None) -> None:
    parsed = parse(text, RU)
    assert (parsed.kind, parsed.value) == ("withheld", "")


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "sip:alice@example.org",
        "sip:10.0.0.5",
        "sip:10.1.0.25;transport=udp",
        "8916123456a",
        "-",
        "()",
        "+",
        "++79161234567",
        "1234567",
        "8916123456",
        "891612345678",
        "8495123456",
        "0",
        "0000000000",
        "8 (916) 123-45-67 и ещё",
        "+999123456789",
        "89161234567; 84951234567",
        "89161234567, 84951234567",
        "89161234567\n84951234567",
        "8916\x0012345 67",
        "8916123\x1b4567",
        "81077785995",
        "+7 1234567",
        "+310000000",
        "9" * 199,
        "9" * 10000,
        "A" * 10000,
        "\u202e" * 10000,
        "8.9161234567E+10",
        "²9161234567",
        "*72",
        "101 доб. 5",
        "84951234567#",
        "hidden figures",
        "private parts 5",
        "number",
        "call",
        "*8#",
        "\ud800",
        "8916\ud8001234567",
    ],
)
def test_what_cannot_be_read_is_said_to_be_unreadable(text: str) -> None:
    parsed = parse(text, RU)
    assert (parsed.kind, parsed.value) == ("unreadable", "")
    assert parsed.rule in {"too-long", "control-characters", "not-a-number", "impossible"}  # never another country


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("84951234567 доб. 123", "123"),
        ("8 (495) 123-45-67 (доб. 123)", "123"),
        ("84951234567доб123", "123"),
        ("84951234567 доб. 12A", "12A"),
        ("84951234567 ext 1w2W3*#d", "1w2W3*#D"),
        ("84951234567 доб. " + "7" * 32, "7" * 32),
        ("84951234567, добавочный: 12", "12"),
        ("84951234567 ДОБ № 7", "7"),
        ("84951234567 внутр. 0123", "0123"),
        ("8(495)1234567 ext.123", "123"),
        ("84951234567 extension 123", "123"),
        ("84951234567 x123", "123"),
        ("84951234567#123", "123"),
        ("84951234567,123", "123"),
        ("84951234567,,123#", "123#"),
        ("84951234567w12w*3", "12w*3"),
        ("tel:+74951234567;ext=123", "123"),
        ("tel:+74951234567;postd=p123", "123"),
        ("+74951234567;wait=123", "123"),
        ("+74951234567;123", "123"),
    ],
)
def test_an_extension_behind_the_number_is_kept_apart(text: str, extension: str) -> None:
    parsed = parse(text, RU)
    assert (parsed.kind, parsed.value, parsed.extension) == ("e164", "+74951234567", extension)


def test_an_extension_excludes_one_of_ours() -> None:
    parsed = parse("12345 доб. 6", NumberRules("RU", "35140", INTERNAL))
    assert (parsed.value, parsed.rule, parsed.extension) == ("+73514012345", "area-code", "6")


@pytest.mark.parametrize(
    ("e164", "style", "region", "dialled"),
    [
        ("+79161234567", "national", "RU", "89161234567"),
        ("+79161234567", "international", "RU", "81079161234567"),
        ("+79161234567", "e164", "RU", "+79161234567"),
        ("+79161234567", "digits", "RU", "79161234567"),
        ("+76001234567", "national", "RU", "81076001234567"),
        ("+77777859954", "national", "RU", "81077777859954"),
        ("+77777859954", "national", "KZ", "87777859954"),
        ("+79161234567", "national", "KZ", "81079161234567"),
        ("+442071838750", "national", "RU", "810442071838750"),
        ("+442071838750", "national", "GB", "02071838750"),
        ("+442071838750", "international", "US", "011442071838750"),
        ("+14165550123", "national", "US", "14165550123"),
        ("+61212345678", "international", "AU", "001161212345678"),
        ("+390612345678", "national", "IT", "0612345678"),
        ("+442071838750", "national", "BR", "+442071838750"),
    ],
)
def test_dial_form(e164: str, style: DialStyle, region: str, dialled: str) -> None:
    assert dial_form(e164, style, region) == dialled


@pytest.mark.parametrize("text", ["", "89161234567", "+7916abc", "+", "+0123456789", "+7916123456789012345", "+7916\n"])
def test_dial_form_wants_e164(text: str) -> None:
    with pytest.raises(InvalidInputError):
        dial_form(text, "national", "RU")


JUDGED: dict[Destination, list[str]] = {
    "emergency": [
        "101",
        "102",
        "103",
        "104",
        "112",
        "911",
        "01",
        "03",
        "8112",
        "+112",
        "+7112",
        "9112",
        "0112",
        "810112",
        "8101",
        "8104",
        "1121",
        "9911",
    ],
    "premium": [
        "88091234567",
        "+78091234567",
        "88031234567",
        "78091234567",
        "88021234567",
        "81078091234567",
        "81019002345678",
        "+979123456789",
        "8091234567",
    ],
    "foreign": [
        "87777859954",
        "+77777859954",
        "77777859954",
        "81077777859954",
        "86001234567",
        "810442071838750",
        "+442071838750",
        "442071838750",
        "00442071838750",
        "380441234567",
        "+870773111632",
        "8108816123456789",
        "+881612345678",
        "810882161234567",
    ],
    "region": [
        "89161234567",
        "+79161234567",
        "79161234567",
        "84951234567",
        "88005553535",
        "88041234567",
        "81079161234567",
        "0079161234567",
    ],
    "unreadable": [
        "",
        "+",
        "89161234567w1",
        "8916 1234567",
        "abc",
        "900",
        "0890",
        "1234567",
        "891612345678901",
        "8*112",
        "１０１",
        "9" * 5000,
        "sip:89161234567",
    ],
}


@pytest.mark.parametrize(("verdict", "digits"), [(verdict, d) for verdict, all_ in JUDGED.items() for d in all_])
def test_where_a_dial_string_leads(verdict: Destination, digits: str) -> None:
    assert destination(digits, RU) == verdict


@pytest.mark.parametrize(
    ("digits", "rules", "verdict"),
    [
        ("1234567", MOSCOW, "region"),
        ("87777859954", KZ, "region"),
        ("89161234567", KZ, "foreign"),
        ("12125550123", US, "region"),
        ("14165550123", US, "foreign"),
        ("19002345678", US, "premium"),
        ("999", GB, "emergency"),
        ("09012345678", GB, "premium"),
        ("110", DE, "emergency"),
    ],
)
def test_where_a_dial_string_leads_elsewhere(digits: str, rules: NumberRules, verdict: Destination) -> None:
    assert destination(digits, rules) == verdict


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+77777859954", "+7 777 785-99-54"),
        ("+79161234567", "+7 916 123-45-67"),
        ("+442071838750", "+44 20 7183 8750"),
        ("101", "101"),
        ("", ""),
        ("+999", "+999"),
    ],
)
def test_display(e164: str, shown: str) -> None:
    assert display(e164) == shown


def test_rules_come_from_the_configuration() -> None:
    rules = rules_from(Settings(numbers=NumberSettings(region="KZ", area_code="7122")))
    assert (rules.region, rules.area_code, rules.internal.pattern) == ("KZ", "7122", r"^\d{2,5}$")
    with pytest.raises(ConfigurationError, match=r"numbers\.region"):
        rules_from(Settings(numbers=NumberSettings(region="QX")))


DIGITS_AND_MARKS = st.text(alphabet="0123456789+-() .,;#*~xwабвABdдобext:@<>\"'=\u00a0\u2011\u200e٣", max_size=40)
REGIONS = st.sampled_from([RU, MOSCOW, SMALL_TOWN, KZ, US, GB, DE, BY, UA, KG])


@given(text=st.one_of(st.text(max_size=250), DIGITS_AND_MARKS, st.from_regex(r"\A\+?[0-9]{1,17}\Z")), rules=REGIONS)
def test_parse_never_raises_and_its_value_reads_as_itself(text: str, rules: NumberRules) -> None:
    first = parse(text, rules)
    second = parse(first.value, rules)
    assert second.value == first.value
    if first.kind in {"e164", "internal"}:
        assert second.kind == first.kind
    if first.kind == "e164":
        assert re.fullmatch(r"\+[1-9][0-9]{6,14}", first.value)
    assert re.fullmatch(r"[0-9*#A-DwW]{0,32}", first.extension)


@given(
    text=st.one_of(
        st.from_regex(r"\A(\+|00|810|8|0|80|7|375|380|996)?[0-9]{5,12}\Z"),
        st.from_regex(r"\A8 ?\(?0[0-9]{2}\)? ?[0-9]{3}-[0-9]{2}-[0-9]{2}\Z"),
    ),
    rules=REGIONS,
)
def test_no_text_makes_a_number_that_its_country_cannot_have(text: str, rules: NumberRules) -> None:
    parsed = parse(text, rules)
    if parsed.kind != "e164":
        return
    assert not parsed.value.startswith("+70")
    number = phonenumbers.parse(parsed.value)
    kind = phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE
    if number.country_code != 7:
        assert phonenumbers.is_valid_number(number) or phonenumbers.is_possible_number_for_type(number, kind)
        if parsed.rule.startswith("national"):
            assert phonenumbers.is_valid_number(number)


@given(significant=st.from_regex(r"\A[3-9][0-9]{9}\Z"), style=st.sampled_from(get_args(DialStyle)))
def test_a_number_of_plus_seven_survives_every_dial_form(significant: str, style: DialStyle) -> None:
    number = f"+7{significant}"
    for rules in (RU, KZ):
        dialled = dial_form(number, style, rules.region)
        assert parse(dialled, rules).value == number
        assert re.fullmatch(r"\+?[0-9]+", dialled)


@given(text=st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z"), style=st.sampled_from(["national", "international", "e164"]))
def test_a_foreign_number_survives_the_forms_with_a_prefix(text: str, style: DialStyle) -> None:
    parsed = parse(text, RU)
    if parsed.kind == "e164":
        assert parse(dial_form(parsed.value, style, "RU"), RU).value == parsed.value


@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"\A\+?[0-9]{1,20}\Z")), rules=REGIONS)
def test_destination_never_raises_and_nothing_dearer_passes_for_a_regional_call(text: str, rules: NumberRules) -> None:
    verdict = destination(text, rules)
    assert verdict in get_args(Destination)
    if verdict == "region" and text.startswith("+") and rules.region == "RU":
        assert re.fullmatch(r"\+7[1-589][0-9]{9}", text)


@given(text=st.text(max_size=30))
def test_display_never_raises(text: str) -> None:
    assert display(text) or not text


def test_a_long_hostile_text_costs_little() -> None:
    began = time.perf_counter()
    for text in (
        "(" * 200,
        "caller id " * 20,
        "номер " * 33,
        "1," * 100,
        "доб" * 66,
        "8 " * 100,
        "<" * 200,
        ";a=" * 66,
        "9" * 1_000_000,
    ):
        parse(text, MOSCOW)
    assert time.perf_counter() - began < 30  # what grows with the square of the length would take minutes


@given(st.from_regex(r"(\+7|8|7)[0-9]{10}", fullmatch=True), st.sampled_from([MOSCOW, KZ]))
def test_what_is_read_by_its_looks_is_read_as_the_library_would(text: str, rules: NumberRules) -> None:
    usual = numbers._usual(text, rules.region)
    assert usual in {None, numbers._outside(text, "", rules)}
    assert usual or not re.fullmatch(r"(\+7|8)[2-79].*", text)


@given(st.from_regex(r"\+7[0-9]{10}", fullmatch=True))
def test_the_short_way_to_a_number_is_the_librarys(text: str) -> None:
    by_library = numbers._possible_by_library(text)
    assert numbers._possible(text) == by_library
    if by_library:
        assert parse(text, RU).value == numbers._e164(by_library)


@given(st.from_regex(r"\+?[0-9]{1,16}", fullmatch=True), REGIONS)
def test_plain_digits_are_read_as_when_they_are_written_otherwise(text: str, rules: NumberRules) -> None:
    assert parse(text, rules) == parse(f" {text}", rules)
