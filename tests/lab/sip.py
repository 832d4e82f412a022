"""SIP messages as data (RFC 3261): no sockets, no clock. Text is UTF-8 and kept exactly."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

COMPACT = {
    "f": "From",
    "t": "To",
    "i": "Call-ID",
    "m": "Contact",
    "v": "Via",
    "l": "Content-Length",
    "c": "Content-Type",
}
REASONS = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily",
    404: "Not Found", 480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 603: "Decline",
}  # fmt: skip
_NAME_ADDR = re.compile(r'^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))\s*<([^>]*)>(.*)$', re.DOTALL)


@dataclass(frozen=True)
class Address:
    """A From, To, Contact or P-Asserted-Identity value."""

    name: str  # display name, quotes and escapes removed
    uri: str
    parameters: str = ""

    @property
    def user(self) -> str:
        """What stands before the @: a number or an extension; '' where there is none."""
        rest = self.uri.partition(":")[2]
        user, at, _ = rest.partition("@")
        return user.partition(";")[0] if at else ""

    @property
    def tag(self) -> str:
        found = re.search(r";\s*tag=([^;\s]+)", self.parameters)
        return found[1] if found else ""


def parse_address(value: str) -> Address:
    found = _NAME_ADDR.match(value)
    if not found:
        uri, _, parameters = value.strip().partition(";")
        return Address("", uri, f";{parameters}" if parameters else "")
    quoted, plain, uri, parameters = found.groups()
    name = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
    return Address(name, uri, parameters)


def write_address(name: str, uri: str, tag: str = "") -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    display = f'"{escaped}" ' if name else ""
    return f"{display}<{uri}>" + (f";tag={tag}" if tag else "")


@dataclass
class Message:
    """A request (method, uri) or a response (code, reason); headers in order, names in their long form."""

    method: str = ""
    uri: str = ""
    code: int = 0
    reason: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @property
    def is_request(self) -> bool:
        return bool(self.method)

    def get(self, name: str) -> str:
        """Return the first value of a header, '' where it is missing."""
        return next(iter(self.all(name)), "")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def address(self, name: str) -> Address:
        return parse_address(self.get(name))

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        number, _, method = self.get("CSeq").partition(" ")
        return int(number), method.strip()

    @property
    def branch(self) -> str:
        found = re.search(r"branch=([^;,\s]+)", self.get("Via"))
        return found[1] if found else ""

    def encode(self) -> bytes:
        first = f"{self.method} {self.uri} SIP/2.0" if self.is_request else f"SIP/2.0 {self.code} {self.reason}"
        body = self.body.encode()
        kind = ["Content-Type: application/sdp"] if body else []
        lines = [
            first,
            *(f"{name}: {value}" for name, value in self.headers),
            *kind,
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return "\r\n".join(lines).encode() + body


def parse(data: bytes) -> Message | None:
    """Read one datagram; None for a keep-alive. ValueError for what is no SIP."""
    if not data.strip():
        return None
    head, _, body = data.decode("utf-8", errors="surrogateescape").partition("\r\n\r\n")
    first, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    message = Message(body=body)
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"not a SIP header: {line!r}")
        name = name.strip()
        message.headers.append((COMPACT.get(name.lower(), name), value.strip()))
    if first.startswith("SIP/2.0 "):
        _, code, message.reason = (first + " ").split(" ", 2)
        message.code = int(code)
    else:
        message.method, message.uri, _ = first.split(" ", 2)
    return message


def response(request: Message, code: int, tag: str = "", extra: list[tuple[str, str]] | None = None) -> Message:
    """Answer a request; `tag` is added to To where it has none yet."""
    answer = Message(code=code, reason=REASONS.get(code, "Unknown"))
    for name, value in request.headers:
        if name in {"Via", "From", "Call-ID", "CSeq"}:
            answer.headers.append((name, value))
        elif name == "To":
            answer.headers.append((name, value if "tag=" in value or not tag else f"{value};tag={tag}"))
    answer.headers += extra or []
    return answer


def new_branch() -> str:
    return "z9hG4bK" + secrets.token_hex(8)


@dataclass(frozen=True)
class Description:
    """What an SDP body says about its one audio stream."""

    host: str
    port: int
    direction: str  # sendrecv, sendonly, recvonly, inactive
    event_payload: int  # RTP payload type of RFC 4733 digits, -1 where not offered


def parse_sdp(body: str) -> Description | None:
    media = re.search(r"(?m)^m=audio (\d+)", body)
    host = re.search(r"(?m)^c=IN IP4 (\S+)", body)
    if not media or not host:
        return None
    direction = re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\s*$", body)
    events = re.search(r"(?m)^a=rtpmap:(\d+) telephone-event/8000", body)
    return Description(
        host[1], int(media[1]), direction[1] if direction else "sendrecv", int(events[1]) if events else -1
    )


def write_sdp(port: int, version: int, direction: str = "sendrecv") -> str:
    return (
        f"v=0\r\no=- {port} {version} IN IP4 127.0.0.1\r\ns=lab\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        f"a=fmtp:101 0-16\r\na=ptime:20\r\na={direction}\r\n"
    )
