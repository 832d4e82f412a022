"""The kinds of a contact's fields: which values each kind may have, and their JSON form. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple

from pbxd.book.contact_numbers import ContactNumber, checked_numbers
from pbxd.book.dates import read_date
from pbxd.book.texts import (
    EMAILS_LIMIT,
    NAME_LIMIT,
    checked_email,
    checked_extension,
    checked_line,
    checked_name,
    without_repeats,
)
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

Kind = Literal[
    "name",  # a line of text that must not be empty
    "text",  # a line of text
    "long-text",  # text with line breaks
    "company",  # a company's name
    "numbers",
    "emails",
    "tags",  # short texts, in any number
    "date",
    "flag",  # yes or no
    "employee",  # an extension
    "visibility",  # shared or personal
]
Value = str | bool | date | tuple[str, ...] | tuple[ContactNumber, ...] | None
Json = str | bool | list[str]  # a value as a contact's `extra` keeps it
# Not an employee: an extension can pass to somebody else, so such a field needs the employee's id beside it.
EXTRA_KINDS: Final[frozenset[Kind]] = frozenset({"text", "long-text", "emails", "tags", "date", "flag"})
LIST_KINDS: Final[frozenset[Kind]] = frozenset({"numbers", "emails", "tags"})

COMMENT_LIMIT = 10_000  # characters
TAG_LIMIT = 50  # characters
TAGS_LIMIT = 50  # tags of one contact
_BREAKS = frozenset("\n\t")


def check_of(kind: Kind) -> Callable[[str, Any], Any] | None:
    """Return the check of a kind: it takes the field's name and a value, and returns the value as it may be kept.

    It trims, drops repeated entries, and raises InvalidInputError naming the field. None: every value may be kept.
    """
    return _RULES[kind].check


def checked_value(field: str, kind: Kind, value: Any) -> Any:  # noqa: ANN401 - a value of that kind
    """Return a value as it may be kept. Raises InvalidInputError naming the field, also for a value of another type."""
    rules = _RULES[kind]
    if not isinstance(value, rules.types):
        raise InvalidInputError(field, _("{field}: not a value of the kind {kind}").format(field=field, kind=kind))
    return rules.check(field, value) if rules.check else value


def empty_value(kind: Kind) -> Value:
    """Return the value of a field that nobody has filled in."""
    return _RULES[kind].empty


def lines_of(kind: Kind) -> Callable[[Any], Sequence[str]]:
    """Return what gives the lines of text by which a search finds a value of that kind."""
    return _RULES[kind].lines


def value_json(value: Value) -> Any:  # noqa: ANN401 - JSON
    """Return the public form of a value."""
    if isinstance(value, tuple):
        return [_number_json(each) if isinstance(each, ContactNumber) else each for each in value]
    return value.isoformat() if isinstance(value, date) else value


def extra_json(value: Value) -> Json:
    """Return a value as a contact's `extra` keeps it; no value is an empty text or list."""
    if isinstance(value, str | bool):
        return value
    if isinstance(value, tuple):
        return [str(each) for each in value]
    return value.isoformat() if value else ""


def value_from_json(kind: Kind, kept: Json | None) -> Value:
    """Return the value of which `extra_json` is the form; None means there is none. Raises ValueError for no date."""
    if not kept:
        return empty_value(kind)
    if kind == "date":
        return date.fromisoformat(str(kept))
    return tuple(kept) if isinstance(kept, list) else kept


def typed_value(field: str, kind: Kind, text: str) -> Value:
    """Read a single value that a person typed. Raises InvalidInputError naming the field."""
    if kind != "date":
        return text
    try:
        return read_date(field, text)
    except InvalidInputError as error:
        raise InvalidInputError(field, f"{field}: {error}") from error


def _number_json(number: ContactNumber) -> dict[str, Any]:
    return {"number": number.number, "extension": number.extension, "label": number.label, "main": number.main}


class _Rules(NamedTuple):
    """What is known of a kind."""

    types: tuple[type, ...]
    empty: Value
    check: Callable[[str, Any], Any] | None  # see `check_of`
    lines: Callable[[Any], Sequence[str]]


def _check_text(field: str, value: str) -> str:
    return checked_line(field, value, NAME_LIMIT)


def _check_long_text(field: str, value: str) -> str:
    return checked_line(field, value.replace("\r\n", "\n"), COMMENT_LIMIT, allowed=_BREAKS)


def _check_emails(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    return without_repeats(field, (checked_email(email, field) for email in value), EMAILS_LIMIT)


def _check_tags(field: str, value: tuple[str, ...]) -> tuple[str, ...]:
    return without_repeats(field, (checked_line(field, tag, TAG_LIMIT) for tag in value), TAGS_LIMIT)


def _check_visibility(field: str, value: str) -> str:
    if value not in {"shared", "personal"}:
        raise InvalidInputError(field, _("visibility must be shared or personal"))
    return value


def _as_line(value: str) -> Sequence[str]:
    return (value,)


def _number_lines(numbers: tuple[ContactNumber, ...]) -> Iterator[str]:
    """Yield each number, and its extension as people write one."""
    for each in numbers:
        yield each.number
        if each.extension:
            yield f"доб. {each.extension}"


def _no_lines(_value: object) -> Sequence[str]:
    return ()


_RULES: Final[Mapping[Kind, _Rules]] = {
    "name": _Rules((str,), "", checked_name, _as_line),
    "text": _Rules((str,), "", _check_text, _as_line),
    "long-text": _Rules((str,), "", _check_long_text, _as_line),
    "company": _Rules((str,), "", _check_text, _as_line),
    "numbers": _Rules(
        (tuple,), (), lambda _field, value: checked_numbers(value), lambda value: list(_number_lines(value))
    ),
    "emails": _Rules((tuple,), (), _check_emails, lambda value: value),
    "tags": _Rules((tuple,), (), _check_tags, lambda value: (" ".join(value),)),
    "date": _Rules((date, type(None)), None, None, lambda value: (value.isoformat(),) if value else ()),
    "flag": _Rules((bool,), False, None, _no_lines),  # noqa: FBT003 - the flag is the value
    "employee": _Rules((str,), "", checked_extension, _as_line),
    "visibility": _Rules((str,), "", _check_visibility, _no_lines),
}
