"""The lines of a vCard: unfolded, split and decoded (vCard 2.1, RFC 2426, RFC 6350). Pure.

Every line is read by itself, with its own encoding, so that one that nobody can read costs only itself. vobject refuses
a whole card for one such line, and takes one encoding for the whole file, which phones do not keep to.
"""

from __future__ import annotations

import quopri
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_HEAD = re.compile(r"(?:(?P<group>[\w-]+)\.)?(?P<name>[\w-]+)", re.ASCII)
_PARAMETER = re.compile(r';((?:"[^"]*"|\([^()]*\)|[^;":])*)')
_VALUES = re.compile(r'"([^"]*)"|([^,"]+)')
# As Android writes the name that a person gave to a kind of number: X-CUSTOM(CHARSET=UTF-8,ENCODING=…,=D0=94).
_ANDROID_CUSTOM = re.compile(r"X-CUSTOM\((?P<inner>.*)\)", re.IGNORECASE | re.DOTALL)
_QUOTED_PRINTABLE = re.compile(rb"[^:]*[;=,]QUOTED-PRINTABLE\b", re.IGNORECASE)
_PICTURE = re.compile(
    rb"(?:[\w-]+\.)?(?:(?:PHOTO|LOGO|SOUND|KEY)\b|X-[^:;]*[^:]*[;=](?:BASE64|B)\s*[;:])", re.IGNORECASE
)
_OLD = re.compile(rb"^VERSION:\s*2", re.IGNORECASE | re.MULTILINE)
_ESCAPED = re.compile(r"\\([nN\\,;:])")
_ENCODED = frozenset({"quoted-printable", "base64", "b", "8bit", "7bit"})
_SHOWN = 60  # characters of a line that nobody can read


@dataclass(frozen=True, slots=True)
class Line:
    """One property of a card. The value is decoded, and still escaped."""

    group: str
    name: str  # small letters; empty: the line is no property, and `value` is its beginning
    params: Mapping[str, tuple[str, ...]]  # by name, in small letters
    types: tuple[str, ...]  # of TYPE, and of parameters without a name; as they are written
    value: str

    @property
    def kinds(self) -> frozenset[str]:
        """The types in small letters."""
        return frozenset(kind.lower() for kind in self.types)

    @property
    def text(self) -> str:
        """The value as one text: commas and semicolons separate nothing."""
        return unescape(self.value).strip()

    def parts(self, separators: str) -> list[str]:
        """Return the value split at the separators that are not escaped."""
        found = re.findall(rf"((?:\\.|[^\\{separators}]|\\\Z)*)(?:[{separators}]|\Z)", self.value, re.DOTALL)
        return [unescape(part).strip() for part in found[:-1]]


def read_lines(block: bytes) -> Iterator[Line]:
    """Read the lines of one card."""
    return map(_line, _unfolded(block))


def is_picture(raw: bytes) -> bool:
    """Tell whether a line begins a picture, a sound or a key, of which nothing is read."""
    return bool(_PICTURE.match(raw))


def unescape(text: str) -> str:
    """Return a text without the backslashes of vCards. One before any other character stays."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def _unfolded(block: bytes) -> Iterator[bytes]:
    """Join the lines of one property: folded ones, and those of a quoted-printable text."""
    kept: list[bytes] = []
    # In vCard 2.1 a line is folded at a blank, which stays; later versions add a blank.
    blank = 0 if _OLD.search(block) else 1
    for raw in re.split(rb"\r\n|\r|\n", block):
        if kept and kept[-1].endswith(b"=") and _QUOTED_PRINTABLE.match(kept[0]):
            kept[-1] = kept[-1][:-1]
            kept.append(raw)
        elif kept and raw[:1] in {b" ", b"\t"}:
            kept.append(raw[blank:])
        elif raw.strip():
            if kept:
                yield b"".join(kept)
            kept = [raw]
    if kept:
        yield b"".join(kept)


def _line(raw: bytes) -> Line:
    text = raw.decode("latin-1")  # a character a byte: which encoding it is, the parameters say
    head = _HEAD.match(text)
    end = head.end() if head else 0
    params: dict[str, tuple[str, ...]] = {}
    types: list[str] = []
    while head and (found := _PARAMETER.match(text, end)):
        end = found.end()
        _add_parameter(found[1].strip(), params, types)
    if head is None or text[end : end + 1] != ":":
        return Line("", "", {}, (), _decoded(raw)[:_SHOWN].strip())
    kinds = {kind.lower() for kind in (*types, *params.get("encoding", ()))}
    value = _value(raw[end + 1 :], kinds, next(iter(params.get("charset", ())), ""))
    types = [kind for kind in types if kind.lower() not in _ENCODED]
    return Line((head["group"] or "").lower(), head["name"].lower().replace("_", "-"), params, tuple(types), value)


def _add_parameter(text: str, params: dict[str, tuple[str, ...]], types: list[str]) -> None:
    """Add one parameter; vCard 2.1 may leave out the name TYPE."""
    name, equals, given = text.partition("=")
    if custom := _ANDROID_CUSTOM.fullmatch(text):
        types.append(_android_label(custom["inner"]))
        return
    if not equals:
        name, given = "TYPE", text
    values = [(quoted or plain).strip() for quoted, plain in _VALUES.findall(given)]
    readable = tuple(_decoded(value.encode("latin-1")) for value in values if value)
    if name.strip().upper() == "TYPE":
        types += [each.strip() for value in readable for each in value.split(",")]
    else:
        params[name.strip().lower()] = readable


def _android_label(inner: str) -> str:
    charset, encodings, words = "", set[str](), list[str]()
    for part in inner.split(","):
        name, equals, value = part.partition("=")
        if equals and name.upper() == "CHARSET":
            charset = value
        elif equals and name.upper() == "ENCODING":
            encodings.add(value.lower())
        else:
            words.append(part)
    return _value(",".join(words).encode("latin-1"), encodings, charset).strip()


def _value(raw: bytes, kinds: set[str], charset: str) -> str:
    if "quoted-printable" in kinds:
        raw = quopri.decodestring(raw)
    elif kinds & {"base64", "b"}:
        try:
            raw = b64decode(raw)
        except ValueError:  # cut off
            raw = b""
    return _decoded(raw, charset).replace("\r\n", "\n").replace("\r", "\n")


def _decoded(raw: bytes, charset: str = "") -> str:
    """Decode a text by the encoding that is named, else UTF-8, else Windows-1251."""
    for encoding in (charset, "utf-8"):
        try:
            return raw.decode(encoding) if encoding else raw.decode()
        except (LookupError, ValueError):  # no such encoding, or not this one
            continue
    return raw.decode("cp1251", "replace")
