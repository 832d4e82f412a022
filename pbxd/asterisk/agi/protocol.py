"""FastAGI as a pure protocol: bytes from Asterisk in, messages out.

Asterisk connects, sends `agi_name: value` lines and a blank line, then takes one command at a time and answers each
(`res_agi.c`). `AgiParser` reads Asterisk's side; nothing here has a socket or a clock. Any chunking of the same bytes
gives the same messages and the same error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl

from pbxd.asterisk.ami.packets import known
from pbxd.errors import ProtocolError
from pbxd.i18n import _

_MAX_QUERY_FIELDS = 20
_HEADER = re.compile(r"(agi_[A-Za-z0-9_]+):[ ]?(.*)")
_NAMES = tuple(  # Asterisk 1.8 to 22 sends these, in this order (res_agi.c, setup_env)
    f"agi_{name}"
    for name in (
        "network", "network_script", "request", "channel", "language", "type", "uniqueid", "version", "callerid",
        "calleridname", "callingpres", "callingani2", "callington", "callingtns", "dnid", "rdnis", "context",
        "extension", "priority", "enhanced", "accountcode", "threadid",
    )
)  # fmt: skip
_USUAL = re.compile("".join(f"{name}: (.*)\n" for name in _NAMES) + "\n")
_REPLY = re.compile(r"(\d{3})([ -])(.*)")
_RESULT = re.compile(r"result=(\S*)(?:[ ]\((.*)\))?")
_RESTRICTED = 0x20  # of the presentation bits 0x60: ast_party_id_presentation in callerid.h


class AgiSyntaxError(ProtocolError):
    """The peer doesn't speak AGI."""


class AgiLimitError(ProtocolError):
    """The peer sent more than any Asterisk does: a line, the headers or the message are too long."""


@dataclass(frozen=True, slots=True)
class AgiLimits:
    """The limits of what is read before the connection is closed."""

    line_bytes: int = 2048  # without its newline
    headers: int = 100
    total_bytes: int = 65536  # of one request or one reply


class AgiRequest(NamedTuple):
    """A request of the dialplan: `agi://host/SCRIPT?QUERY` and the `agi_…` headers.

    The first of a repeated one counts.
    """

    script: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def caller_number(self) -> str:
        """The caller's number as the trunk wrote it; "" without one, `anonymous` if the caller withholds it."""
        pres = self.headers.get("agi_callingpres", "")
        if pres.isascii() and pres.isdigit() and int(pres[:3]) & 0x60 == _RESTRICTED:
            return "anonymous"
        return known(self.headers.get("agi_callerid", ""))

    @property
    def caller_name(self) -> str:
        """The caller's name as the channel has it, "" without one."""
        return known(self.headers.get("agi_calleridname", ""))


class AgiReply(NamedTuple):
    """The answer to a command: 200 done, 510 unknown command, 511 not on a dead channel, 520 wrong usage."""

    code: int
    result: str  # the text after `result=`
    text: str  # the text in parentheses, else the rest of the line or lines


@dataclass(frozen=True, slots=True)
class AgiHangup:
    """The caller hung up; no further command makes sense."""


_DONE_LINE = b"200 result=1\n"  # the answer to every SET VARIABLE
_DONE = AgiReply(200, "1", "")

AgiMessage = AgiRequest | AgiReply | AgiHangup


class AgiParser:
    """Reads Asterisk's side of one connection: `feed` bytes, then call `next_message` until it returns None.

    After an error the connection can't be used, and every further call raises the same error.
    """

    def __init__(self, limits: AgiLimits = AgiLimits()) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0  # bytes of the buffer known to hold no newline
        self._total = 0  # bytes of the current request or reply
        self._headers: dict[str, str] | None = {}  # None once the request is complete
        self._count = 0
        self._reply: list[str] = []  # the lines so far of a reply over several lines
        self._error: ProtocolError | None = None

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer += data

    def next_message(self) -> AgiMessage | None:
        """Return the next message, or None until more bytes come.

        Raises AgiSyntaxError or AgiLimitError.
        """
        if self._error:
            raise self._error
        try:
            if message := self._usual_message():
                return message
            if self._headers == {} and self._is_beginning():
                return None
            while (line := self._next_line()) is not None:
                message = self._reply_line(line) if self._headers is None else self._header_line(line, self._headers)
                if message:
                    self._total = 0
                    return message
        except ProtocolError as error:
            self._error = error
            raise
        return None

    def _usual_message(self) -> AgiMessage | None:
        """Read the usual messages at once. None, with nothing read: read line by line."""
        if self._headers == {}:
            return self._usual_request()
        if self._headers is None and self._buffer == _DONE_LINE and not self._reply:
            self._buffer.clear()
            return _DONE
        return None

    def _usual_request(self) -> AgiRequest | None:
        """Read headers that came complete and have nothing unusual, in a tenth of the time of reading by lines.

        None, with nothing read: read line by line.
        """
        buffer, limits = self._buffer, self._limits
        if not buffer.endswith(b"\n\n") or len(buffer) > min(limits.line_bytes, limits.total_bytes):
            return None
        usual = _USUAL.fullmatch(buffer.decode(errors="replace"))
        if not usual or b"\r" in buffer or len(_NAMES) > limits.headers:
            return None
        buffer.clear()
        self._headers = None
        return _request(dict(zip(_NAMES, usual.groups(), strict=True)))

    def _is_beginning(self) -> bool:
        """Whether this may become a usual request: wait until it is complete, and don't parse it before."""
        buffer, limits = self._buffer, self._limits
        if len(buffer) > min(limits.line_bytes, limits.total_bytes):
            return False
        lines = buffer.count(b"\n")
        last = buffer[buffer.rfind(b"\n") + 1 :][:4]
        if lines and not (buffer.startswith(b"agi_") and buffer.count(b"\nagi_") == lines - (last != b"agi_")):
            return False
        return lines <= min(limits.headers, buffer.count(b":")) and b"agi_".startswith(last)

    def _next_line(self) -> str | None:
        end = self._buffer.find(b"\n", self._searched)
        line = bytes(self._buffer[: end if end >= 0 else None])
        if self._headers is not None and not (b"agi_".startswith(line[:4]) or line[:4] in {b"\r", b""}):
            raise AgiSyntaxError(_("not an AGI request"))
        if len(line) > self._limits.line_bytes:
            raise AgiLimitError(_("AGI line longer than {limit} bytes").format(limit=self._limits.line_bytes))
        if end < 0:
            self._searched = len(self._buffer)
            return None
        del self._buffer[: end + 1]
        self._searched = 0
        self._total += end + 1
        if self._total > self._limits.total_bytes:
            raise AgiLimitError(_("AGI message longer than {limit} bytes").format(limit=self._limits.total_bytes))
        return line.removesuffix(b"\r").decode(errors="replace")

    def _header_line(self, line: str, headers: dict[str, str]) -> AgiRequest | None:
        if not line:
            if not headers:
                raise AgiSyntaxError(_("AGI request without headers"))
            self._headers = None
            return _request(headers)
        match = _HEADER.fullmatch(line)
        if not match:
            raise AgiSyntaxError(_("not an AGI header"))
        self._count += 1
        if self._count > self._limits.headers:
            raise AgiLimitError(_("more than {limit} AGI headers").format(limit=self._limits.headers))
        headers.setdefault(match[1], match[2])
        return None

    def _reply_line(self, line: str) -> AgiReply | AgiHangup | None:
        if line == "HANGUP":
            return AgiHangup()
        if not line and not self._reply:
            return None
        match = _REPLY.fullmatch(line)
        first = self._reply[0] if self._reply else line
        if match and match[2] == " " and first.startswith(match[1]):
            before, self._reply = self._reply, []
            return _reply(int(match[1]), match[3], before)
        if not self._reply and not match:
            raise AgiSyntaxError(_("not an AGI reply"))
        self._reply.append(line)
        return None


def _request(headers: dict[str, str]) -> AgiRequest:
    script, _mark, query = headers.get("agi_network_script", "").partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS) if query else []
    except ValueError as error:
        raise AgiLimitError(_("more than {limit} AGI query fields").format(limit=_MAX_QUERY_FIELDS)) from error
    return AgiRequest(script.strip("/"), dict(reversed(pairs)), headers)


def _reply(code: int, rest: str, before: list[str]) -> AgiReply:
    match = _RESULT.match(rest)
    if match:
        return AgiReply(code, match[1], match[2] or "")
    return AgiReply(code, "", "\n".join([*before, rest]))
