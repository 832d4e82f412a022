"""What a number's text means: E.164, one of our extensions, withheld, or unreadable. Pure.

The only user of `phonenumbers` (its metadata: region plans, validity, short and premium numbers). Every result has the
name of the rule that gave it, because a number read by the wrong rule names the wrong client. A text that can be read
in two ways is read by the region's own plan or not at all. Numbers are never matched by their last digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, assert_never

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult
from phonenumbers import shortnumberinfo as short_numbers

from pbxd import notation
from pbxd.errors import ConfigurationError, InvalidInputError
from pbxd.i18n import _
from pbxd.notation import LONGEST_TEXT
from pbxd.settings import Settings

Kind = Literal["e164", "internal", "withheld", "unreadable"]
DialStyle = Literal["national", "international", "e164", "digits"]
Destination = Literal["region", "foreign", "premium", "emergency", "unreadable"]

_LONGEST_INTERNAL = 40  # characters; longer texts are not compared with the configured pattern
_LONGEST_E164 = 15  # digits, ITU-T E.164
_SHORTEST_FOREIGN = 10  # digits; fewer without a plus could be a local number
_SHORT_CODE = 6  # digits; the longest service number
_LOCAL_LENGTHS = range(5, 8)  # digits of a number without area code
_SHARED_PLAN = 7  # the country code Russia and Kazakhstan share
_SHARED_PLAN_LENGTH = 10  # digits after +7, in both

_PLAIN = re.compile(r"\+?[0-9]{1,40}")  # most callers' numbers: `notation` would not change them
# After +7: a possible length, and no digit that could be a prefix. The library needs 50 µs for the same answer.
_POSSIBLE_SHARED = re.compile(r"\+7[1-79][0-9]{9}")
_USUAL_SHARED = re.compile(r"(\+7|8)([2-79][0-9]{9})")  # 81… could be a call abroad by 810
_SHARED_PLAN_REGIONS = frozenset({"RU", "KZ"})

# Regions where 8 was the trunk prefix before 0: people still write 8 050 123-45-67 (ITU-T, national numbering plans).
_FORMER_TRUNKS = {"UA": "8"}
# Countries that dial 8 and ten digits, or 8 0 and nine.
_NEIGHBOURS = ("+7", "+375", "+380")
_WITH_EIGHT = re.compile(r"8(?:0([0-9]{9})|([0-9]{10}))")

_EMERGENCY = ("112", "911", "101", "102", "103", "104", "01", "02", "03", "04")
# A trunk may strip or ignore a prefix of an emergency number, so 8-112 can reach it too.
_BEFORE_EMERGENCY = ("", "+", "0", "00", "1", "8", "9", "810", "7", "+7")


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How this company reads numbers."""

    region: str  # ISO 3166 code, such as RU
    area_code: str  # for local numbers of 5 to 7 digits; empty: those are unreadable
    internal: re.Pattern[str]  # a text that matches wholly is an extension; tried first


class ParsedNumber(NamedTuple):  # a tuple, because one is made for every call and tuples are quick to make
    """The result of `parse`. `value`: E.164 with the plus, the extension, or empty; parsed again, it stays the same."""

    kind: Kind
    value: str
    rule: str  # a short stable word for `lookup --explain`
    extension: str = ""  # the client's, behind a company's main number: `notation.EXTENSION`


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the region's subscribers dial."""

    country_code: int
    trunk: str  # prefix of a national number: 8 in Russia, 0 in Germany, empty in Spain
    international: re.Pattern[str]  # prefix of a country code in numbers that we read
    dial_out: str  # prefix of a country code in numbers that we dial


def rules_from(settings: Settings) -> NumberRules:
    """Return the rules of the configuration. Raises ConfigurationError if the region has no numbering plan."""
    region = settings.numbers.region
    if PhoneMetadata.metadata_for_region(region) is None:
        raise ConfigurationError(
            _("{file}: numbers.region: no numbering plan is known for {region}").format(
                file=settings.source, region=region
            )
        )
    return NumberRules(region, settings.numbers.area_code, re.compile(settings.employees.pattern))


def parse(text: str | None, rules: NumberRules) -> ParsedNumber:
    """Parse any text, such as a caller id, a typed number or a cell of a table. Never raises."""
    if text is not None and len(text) > LONGEST_TEXT:
        return ParsedNumber("unreadable", "", "too-long")
    if text and _PLAIN.fullmatch(text):
        return _internal(text, rules) or _usual(text, rules.region) or _outside(text, "", rules)
    cleaned = notation.cleaned(text or "")
    if cleaned is None:
        return ParsedNumber("unreadable", "", "control-characters")
    bare, extension = notation.without_address(cleaned)
    if notation.means_withheld(bare):
        return ParsedNumber("withheld", "", "anonymous" if cleaned else "empty")
    if not extension and (ours := _internal(bare, rules)):
        return ours
    if not extension:
        bare, extension = notation.without_extension(bare)
    return _outside(notation.compact(bare), extension, rules)


def _internal(bare: str, rules: NumberRules) -> ParsedNumber | None:
    is_ours = len(bare) <= _LONGEST_INTERNAL and rules.internal.fullmatch(bare)
    return ParsedNumber("internal", bare, "internal") if is_ours else None


def _usual(plain: str, region: str) -> ParsedNumber | None:
    """Parse the usual form of callers' numbers, +79161234567 or 89161234567, with the result of `_outside`."""
    if region in _SHARED_PLAN_REGIONS and (digits := _USUAL_SHARED.fullmatch(plain)):
        return ParsedNumber("e164", f"+7{digits[2]}", "e164" if digits[1] == "+7" else "national-8")
    return None


def _outside(compact: str | None, extension: str, rules: NumberRules) -> ParsedNumber:
    for number, rule in _readings(compact, rules) if compact else ():
        return ParsedNumber("e164", _e164(number), rule, extension)
    if not compact:
        return ParsedNumber("unreadable", "", "not-a-number")
    return ParsedNumber("unreadable", "", "other-country" if _neighbours(compact) else "impossible")


def _neighbours(compact: str) -> list[str]:
    """Return the valid numbers that 8 and ten digits, or 8 0 and nine, mean in the countries that write them so."""
    if not (found := _WITH_EIGHT.fullmatch(compact)):
        return []
    meant = [_e164_number(prefix + (found[1] or found[2])) for prefix in _NEIGHBOURS]
    return [_e164(number) for number in meant if number and phonenumbers.is_valid_number(number)]


def why_unreadable(text: str, parsed: ParsedNumber) -> str:
    """Return the sentence that refuses a text which was not read as a client's number, with what to write instead."""
    if parsed.rule == "other-country":
        bare, _extension = notation.without_extension(notation.without_address(notation.cleaned(text) or "")[0])
        meant = " / ".join(map(display, _neighbours(notation.compact(bare) or "")))
        message = _("not a number of this country: {text}; write it with its country code: {meant}")
        return message.format(text=text, meant=meant)
    return _("not a phone number: {text}").format(text=text)


def dial_form(e164: str, style: DialStyle, region: str) -> str:
    """Format a number for a trunk of this region: 8…, 810…, +7… or 7….

    `national` applies to the region's own numbers, and to a plan shared under one code as in North America, but not
    to +7: Russia and Kazakhstan are foreign to each other. Other numbers are formatted as `international`. If the
    region's prefix for calls abroad depends on a carrier, `international` writes the plus. Raises InvalidInputError
    for a text that is not E.164.
    """
    if not notation.E164.fullmatch(e164):
        raise InvalidInputError("number", _("not a full number with its country code: {number}").format(number=e164))
    if style == "e164":
        return e164
    if style == "digits":
        return e164[1:]
    plan = _plan(region)
    abroad = f"{plan.dial_out}{e164[1:]}" if plan.dial_out else e164
    if style == "international":
        return abroad
    if style != "national":
        assert_never(style)
    number = _e164_number(e164)
    if number is None or number.country_code != plan.country_code:
        return abroad
    if number.country_code == _SHARED_PLAN and not _is_home(number, region):
        return abroad
    return f"{plan.trunk}{phonenumbers.national_significant_number(number)}"


def destination(digits: str, rules: NumberRules) -> Destination:
    """Classify the exact string that a trunk would dial; if it can be read in two ways, the worse one counts.

    `emergency`: the number of an emergency service, also behind a prefix that a trunk may strip, and every text that
    the region's exchanges connect to one by its beginning. `premium`: it costs extra, also abroad. `foreign`: another
    country (for Russia also +7 6xx/7xx, Kazakhstan) or a satellite network. `unreadable`: anything else, such as
    service codes of unknown cost.
    """
    if not re.fullmatch(r"\+?[0-9]+", digits) or len(digits) > LONGEST_TEXT:
        return "unreadable"
    if _reaches_emergency(digits, rules.region):
        return "emergency"
    judged = {_judge(number, rules.region) for number, _rule in _readings(digits, rules)}
    if len(digits) <= _SHORT_CODE and _is_costly_code(digits, rules.region):
        judged.add("premium")
    verdicts: tuple[Destination, ...] = ("premium", "foreign", "region")
    return next((verdict for verdict in verdicts if verdict in judged), "unreadable")


def is_emergency(digits: str, rules: NumberRules) -> bool:
    """Tell whether exactly these digits are the number of an emergency service."""
    return digits in _EMERGENCY or short_numbers.is_emergency_number(digits, rules.region)


def display(e164: str) -> str:
    """Group the digits for people, as in +7 777 785-99-54; a text that is not E.164 stays as it is."""
    number = _e164_number(e164) if notation.E164.fullmatch(e164) else None
    if number is None:
        return e164
    digits = phonenumbers.national_significant_number(number)
    if number.country_code == _SHARED_PLAN and len(digits) == _SHARED_PLAN_LENGTH:
        return f"+7 {digits[:3]} {digits[3:6]}-{digits[6:8]}-{digits[8:]}"
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _readings(compact: str, rules: NumberRules) -> Iterator[tuple[PhoneNumber, str]]:
    """Yield the numbers that the digits can mean, each with the rule's name, the preferred one first."""
    plan = _plan(rules.region)
    if compact.startswith("+"):
        if number := _possible(compact):
            yield number, "e164"
        return
    if prefix := plan.international.match(compact):
        if number := _possible(f"+{compact[prefix.end() :]}"):
            yield number, f"international-{prefix[0]}"
        return
    own = f"+{plan.country_code}"
    if plan.trunk and compact.startswith(plan.trunk) and (number := _national(own, compact[len(plan.trunk) :])):
        yield number, f"national-{plan.trunk}"
        return
    former = _FORMER_TRUNKS.get(rules.region, "") + plan.trunk
    if former != plan.trunk and compact.startswith(former) and (number := _national(own, compact[len(former) :])):
        yield number, f"national-{former}"
        return
    yield from _readings_without_prefix(compact, own, rules)


def _readings_without_prefix(compact: str, own: str, rules: NumberRules) -> Iterator[tuple[PhoneNumber, str]]:
    national, whole = _possible(own + compact), _possible(f"+{compact}")
    whole_is_valid = whole is not None and phonenumbers.is_valid_number(whole)
    if whole and whole.country_code == int(own) and (whole_is_valid or not national):
        yield whole, "missing-plus"
        return
    if rules.area_code and len(compact) in _LOCAL_LENGTHS:
        if number := _possible(own + rules.area_code + compact):
            yield number, "area-code"
        return
    if national and phonenumbers.is_valid_number(national):
        yield national, "national"
    if whole and whole_is_valid and (national or len(compact) >= _SHORTEST_FOREIGN):
        yield whole, "missing-plus"


def _national(own: str, significant: str) -> PhoneNumber | None:
    """Return the number of the region's own plan; +7 has ranges that the library does not know yet."""
    number = _possible(own + significant)
    known = number is None or number.country_code == _SHARED_PLAN or phonenumbers.is_valid_number(number)
    return number if known else None


def _possible(text: str) -> PhoneNumber | None:
    """Return the number if its length is possible for its country; a local length does not count."""
    if _POSSIBLE_SHARED.fullmatch(text):
        return PhoneNumber(country_code=_SHARED_PLAN, national_number=int(text[2:]))
    return _possible_by_library(text)


def _possible_by_library(text: str) -> PhoneNumber | None:
    number = _e164_number(text)
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    # `phonenumbers` drops a national prefix after the country code (+7 8 916…), but only the first of several.
    if len(_e164(number)) > _LONGEST_E164 + 1 or _e164_number(_e164(number)) != number:
        return None
    return number if _has_usual_length(number) or phonenumbers.is_valid_number(number) else None


def _has_usual_length(number: PhoneNumber) -> bool:
    """Tell whether the number is as long as a subscriber's; the library's lengths are also those of service numbers."""
    if number.country_code == _SHARED_PLAN:  # 0 after +7 is no area code: 8 0… is dialled in Belarus
        significant = phonenumbers.national_significant_number(number)
        return len(significant) == _SHARED_PLAN_LENGTH and significant[0] != "0"
    kind = PhoneNumberType.FIXED_LINE_OR_MOBILE
    return phonenumbers.is_possible_number_for_type_with_reason(number, kind) == ValidationResult.IS_POSSIBLE


def _e164_number(text: str) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None


def _e164(number: PhoneNumber) -> str:
    if number.national_number and not number.italian_leading_zero:  # the same as the library's result, but quicker
        return f"+{number.country_code}{number.national_number}"
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


@cache
def _plan(region: str) -> _Plan:
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.country_code is None:
        raise InvalidInputError("region", _("no numbering plan is known for {region}").format(region=region))
    international = metadata.international_prefix or "00"
    preferred = re.sub(r"\D", "", metadata.preferred_international_prefix or international)
    plain = metadata.preferred_international_prefix or international.isdigit()
    return _Plan(
        country_code=metadata.country_code,
        trunk=metadata.national_prefix or "",
        international=re.compile(f"{international}|00"),
        dial_out=preferred if plain else "",
    )


def _is_home(number: PhoneNumber, region: str) -> bool:
    """Tell whether the number belongs to the region. New ranges count by country code, +7 6xx/7xx as Kazakhstan."""
    if number.country_code == _SHARED_PLAN:
        kazakh = phonenumbers.national_significant_number(number)[0] in "67"
        return region == ("KZ" if kazakh else "RU")
    found = phonenumbers.region_code_for_number(number)
    return number.country_code == _plan(region).country_code and found in {region, None}


def _judge(number: PhoneNumber, region: str) -> Destination:
    significant = phonenumbers.national_significant_number(number)
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE:
        return "premium"
    # Russia's 80x codes are paid services, except the free 800 and 804 (the Ministry's numbering plan).
    if number.country_code == _SHARED_PLAN and significant[:2] == "80" and significant[2] not in "04":
        return "premium"
    return "region" if _is_home(number, region) else "foreign"


def _reaches_emergency(digits: str, region: str) -> bool:
    if any(digits == before + number for number in _EMERGENCY for before in _BEFORE_EMERGENCY):
        return True
    return short_numbers.connects_to_emergency_number(digits, region)


def _is_costly_code(digits: str, region: str) -> bool:
    number = PhoneNumber(country_code=_plan(region).country_code, national_number=int(digits))
    return short_numbers.expected_cost_for_region(number, region) == short_numbers.ShortNumberCost.PREMIUM_RATE
