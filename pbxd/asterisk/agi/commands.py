"""The FastAGI commands that pbxd sends: they set and read variables of the channel. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from pbxd.asterisk.agi.protocol import AgiRequest
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.lookup.matching import Match, phone_text

MAX_COMMAND_BYTES = 2047  # Asterisk reads a command and its newline into AGI_BUF_LEN = 2048 bytes with a NUL
NAMED = frozenset({"found", "shared", "company", "employee"})  # statuses whose name the phone shows

_VARIABLE = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]*(?:\([A-Za-z0-9_,-]*\))?")
_SPLITTING = re.compile(r'([\\",()\[\]])')  # characters with a meaning in the arguments of ARRAY
_FORBIDDEN = re.compile(r"[\r\n\0]")
_ESCAPED = re.compile(rf"{_SPLITTING.pattern}|{_FORBIDDEN.pattern}")


class AgiCommand(NamedTuple):
    """One command, at most MAX_COMMAND_BYTES with its newline."""

    line: str

    def to_bytes(self) -> bytes:
        """Return the command as it is sent."""
        return self.line.encode() + b"\n"


@lru_cache(maxsize=256)
def _array(names: tuple[str, ...]) -> str:
    for name in names:
        if not _VARIABLE.fullmatch(name) or "," in name:
            raise InvalidInputError("name", _("{name} is not a variable's name").format(name=ascii(name)))
    return f"ARRAY({','.join(names)})"


def set_variables(values: Mapping[str, str]) -> AgiCommand:
    """Set several variables or writable functions with one command, each to exactly its value.

    AGI has no such command, but `SET VARIABLE` also writes functions, and `ARRAY(a,b)` writes each of its names
    (func_strings.c); functions such as CALLERID(name) may be among them.

    Raises InvalidInputError for a value with CR, LF or NUL, an invalid name, or a command over the AGI limit.
    """
    array = _array(tuple(values))
    if not _ESCAPED.search("".join(values.values())):  # nearly always
        return _command(f'SET VARIABLE {array} "{",".join(values.values())}"')
    # ARRAY splits by AST_STANDARD_APP_ARGS: commas, quotes, nesting parentheses and brackets, backslash the escape.
    return _set(array, ",".join(_SPLITTING.sub(r"\\\1", value) for value in values.values()))


def get_variable(name: str) -> AgiCommand:
    """Ask for a variable of the channel, else a global one. The reply's `text` is its value, empty if there is none.

    Raises InvalidInputError for an invalid name.
    """
    if not _VARIABLE.fullmatch(name):
        raise InvalidInputError("name", _("{name} is not a variable's name").format(name=ascii(name)))
    return _command(f"GET VARIABLE {name}")


def _set(name: str, value: str) -> AgiCommand:
    if _FORBIDDEN.search(value):
        raise InvalidInputError("value", _("a value for the PBX may not contain CR, LF or NUL"))
    # parse_args in res_agi.c: quotes keep blanks together, a backslash takes the next character literally.
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return _command(f'SET VARIABLE {name} "{quoted}"')


def _command(line: str) -> AgiCommand:
    try:
        size = len(line.encode()) + 1
    except UnicodeEncodeError as error:
        raise InvalidInputError("value", _("a value for the PBX must be text")) from error
    if size > MAX_COMMAND_BYTES:
        raise InvalidInputError("value", _("AGI command longer than {limit} bytes").format(limit=MAX_COMMAND_BYTES))
    return AgiCommand(line)


def commands_for(
    match: Match, request: AgiRequest, vip_priority: int, *, public: Match | None = None
) -> list[AgiCommand]:
    """Return the commands that set the caller's identity on the channel.

    It is always one: each further one costs 90 µs. PBXD_STATUS, PBXD_CONTACT and PBXD_MANAGER are always written, empty
    if there is nothing, so that a second look-up on the same channel leaves nothing of the first. CALLERID(name) is
    written only for a match, and only if it differs; otherwise the trunk's name stays. QUEUE_PRIO is written for a VIP
    only: another rank from the dialplan stays, and Queue() would complain about an empty one.

    `public` is what everybody may know, if the employee asked for (`for=EXT`) has an own name for the caller. A name on
    the channel follows the call, so the employee's own name goes into PBXD_NAME, which only that employee's phone
    shows.
    """
    values = {
        "PBXD_STATUS": match.status,
        "PBXD_CONTACT": "" if match.contact is None else str(match.contact),
        "PBXD_MANAGER": match.manager,
    }
    if match.vip:
        values["QUEUE_PRIO"] = str(vip_priority)
    for_all = match if public is None else public
    if for_all.status in NAMED and (name := phone_text(for_all)) and name != request.caller_name:
        values["CALLERID(name)"] = name
    if public is not None:  # one underscore: the phones called next get it, whom they call doesn't
        values |= {"_PBXD_NAME": phone_text(match), "_PBXD_NAME_FOR": request.query.get("for", "")}
    return [set_variables(values)]


def failure_commands() -> list[AgiCommand]:
    """Return the commands for a failed look-up; the trunk's name stays."""
    return [set_variables({"PBXD_STATUS": "error", "PBXD_CONTACT": "", "PBXD_MANAGER": ""})]
