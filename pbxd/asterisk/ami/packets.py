"""AMI bytes in, packets out; the one parse path of the live link and of `calls replay`. Pure.

A packet is a group of `Name: value` lines ended by an empty line; lines end with CR LF (Asterisk documentation, "AMI v2
Specification"). Asterisk's one line of greeting stands directly before the first packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from sys import intern
from typing import Literal

from pbxd.asterisk.ami.injection import CHANNELS, has_end, is_described, is_genuine, is_timed
from pbxd.asterisk.ami.repair import is_cut, may_be_cut, mend
from pbxd.errors import ProtocolError
from pbxd.i18n import _

Packet = dict[str, str]
"""Header names exactly as Asterisk writes them; the values of a repeated header are joined with a line feed."""

_MAX_TORN_BYTES = 8192  # an event has some 2000 bytes; with a caller's line breaks in all its texts twice as many
_MOST_FORMS = 1000
MAX_PACKET_BYTES = 1_048_576  # a real packet has a few hundred bytes, with many channelvars a few thousand

_EOL = "\r\n"
_END = b"\r\n\r\n"
_BANNER = b"Asterisk Call Manager/"
_FOLLOWS = "Response: Follows"
_FOLLOWS_HEADERS = frozenset({"Response", "Privilege", "ActionID", "Message"})


class PacketSplitter:
    """Cuts one AMI stream into packets; any chunking of a stream gives the same packets.

    `version` is the protocol version of Asterisk's greeting, empty before it was seen. `forged` counts events that an
    outsider wrote instead of Asterisk; they are left out (see `pbxd.asterisk.ami.injection`).
    """

    def __init__(self, limit: int = MAX_PACKET_BYTES) -> None:
        self.version = ""
        self._limit = limit
        self._rest = bytearray()
        self.forged = 0
        self._torn = b""  # an event that isn't over although an empty line came: an outsider wrote that
        self._torn_as: Literal["", "cut", "unsure", "endless"] = ""
        self._ended = False  # descriptions of channels end with a line of ours
        self._timed = False  # events have times
        self._events = False  # any came
        self._half_entry = False  # the last entry of a queue's list was half
        self._forms: dict[tuple[str, ...], tuple[str, ...]] = {}  # headers and event, as often seen -> the headers

    def feed(self, chunk: bytes) -> Iterator[Packet]:
        """Yield the packets that `chunk` completes; iterate to the end before feeding on.

        Raises ProtocolError, after the packets before it, for one longer than the limit; the stream is unusable then.
        """
        rest = self._rest
        seen = max(0, len(rest) - len(_END) + 1)  # an end may begin in the rest and finish in the chunk
        rest += chunk
        if rest.find(_END, seen) >= 0:
            *blocks, tail = bytes(rest).split(_END)
            self._rest = rest = bytearray(tail)
            for block in blocks:
                self._check(len(block))
                yield from self._read(block)
        self._check(len(rest) - len(_END) + 1)  # the rest may end with all but the last byte of an end

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ProtocolError(_("AMI: a packet longer than {limit} bytes").format(limit=self._limit))

    def _read(self, block: bytes) -> Iterator[Packet]:
        """Yield the packets that end with this block, if any do."""
        if packet := self._usual(block):
            yield packet
            return
        if not self._ended and has_end(block):
            self._ended = True
            self._forms.clear()
        mended = mend(block, ended=self._ended)
        if mended is None and (whole := self._without_end(block)):
            if self._torn_as == "endless":  # the second in a row: Asterisk was told to leave that line out
                yield from self._without_ends(whole)
            else:
                self._keep(block, "endless")
            return
        described = mended is not None and is_described(self._parse(mended))
        if self._torn and (self._torn_as == "cut" or not described):
            joined = self._torn + _END + block
            rejoined = mend(joined, ended=self._ended)
            if rejoined is not None or self._torn_as != "endless":
                block, mended = joined, rejoined
                self._keep(b"")
        elif described:
            self._keep(b"")
        yield from self._complete(block, mended)

    def _complete(self, block: bytes, mended: bytes | None) -> Iterator[Packet]:
        """Yield the packet of a block that is whole; keep one that was cut, drop what no Asterisk wrote."""
        if mended is None:
            cut = is_cut(block)
            if len(block) <= _MAX_TORN_BYTES and (cut or (not self._timed and may_be_cut(block))):
                self._keep(block, "cut" if cut else "unsure")
            else:
                self.forged += 1
            return
        packet = self._parse(mended)
        if mended == block and is_genuine(packet, timed=self._timed):
            self._learn(block)
        yield from self._genuine(packet)

    def _keep(self, block: bytes, why: Literal["", "cut", "unsure", "endless"] = "") -> None:
        """Keep an event for what follows: `cut` for sure, perhaps, or whole but for the line that ends descriptions."""
        self._torn, self._torn_as = block, why

    def _without_end(self, block: bytes) -> Packet | None:
        """Return the event of a block that is whole but for the line that ends each description."""
        whole = mend(block) if self._ended and self._torn_as != "cut" else None
        packet = self._parse(whole or b"")
        return packet if "Privilege" in packet and is_genuine(packet) else None

    def _usual(self, block: bytes) -> Packet | None:
        """Read an event that has, line for line, the headers of one that was found whole: no text added a line to it.

        Nearly every event is read here, in a third of the time.
        """
        if self._torn or self._half_entry or not block.startswith(b"Event: "):
            return None
        lines = block.decode("utf-8", "replace").split(_EOL)
        pairs = [line.split(": ", 1) for line in lines]
        names = self._forms.get((*[pair[0] for pair in pairs], pairs[0][1]))
        if names is None or not len(lines) - 1 == block.count(b"\n") == block.count(b"\r"):
            return None
        if len(pairs) == len(packet := dict(zip(names, [pair[1] for pair in pairs], strict=True))):
            return packet
        return _first_told(_with_irregular_lines(lines))

    def _learn(self, block: bytes) -> None:
        """Remember the headers of an event that was found whole."""
        pairs = [line.split(": ", 1) for line in block.decode("utf-8", "replace").split(_EOL)]
        if pairs[0][0] == "Event" and all(map(_is_pair, pairs)) and len(self._forms) < _MOST_FORMS:
            names = tuple(intern(pair[0]) for pair in pairs)
            self._forms[(*names, pairs[0][1])] = names

    def _without_ends(self, whole: Packet) -> Iterator[Packet]:
        """Read the stream as one without ends from here on, beginning with the event that waited for its end."""
        self._ended = False
        self._forms.clear()
        yield from self._genuine(self._parse(mend(self._torn) or b""))
        self._keep(b"")
        yield whole

    def _genuine(self, packet: Packet) -> Iterator[Packet]:
        timed = is_timed(packet)
        genuine = timed is not None or is_genuine(packet, timed=self._timed) or self._is_greeting(packet)
        if packet.get("Event") == "QueueEntry":
            # What follows half an entry is its other half, whatever it looks like: its channel's name was cut.
            genuine, self._half_entry = not self._half_entry, next(reversed(packet)) == "Channel"
        if not genuine:
            self.forged += 1
            return
        if timed is not None and timed != self._timed:
            self._timed = timed
            self._forms.clear()
        if packet:
            self._events = self._events or "Event" in packet
            yield packet

    def _is_greeting(self, packet: Packet) -> bool:
        """Whether this is the FullyBooted that follows a login: no event was there yet for anybody to write it into."""
        return not self._events and packet.get("Event") == "FullyBooted"

    def _parse(self, block: bytes) -> Packet:
        if not self.version and block.startswith(_BANNER):
            greeting, _separator, block = block.partition(b"\r\n")
            self.version = greeting.removeprefix(_BANNER).decode("ascii", "replace").strip()
        return _first_told(parse_packet(block.decode("utf-8", "replace").lstrip(_EOL)))


def _first_told(packet: Packet) -> Packet:
    """Of a header that an event has twice keep what Asterisk wrote first: the other stands in a text at its end."""
    if packet.get("Event") in CHANNELS:
        for name, value in packet.items():
            if "\n" in value and not name.endswith("ChanVariable"):
                packet[name] = value.partition("\n")[0]
    return packet


def _is_pair(pair: list[str]) -> bool:
    return len(pair) == len(("name", "value"))


def parse_packet(text: str) -> Packet:
    """Read one packet without its final empty line; an empty result for a text that is neither event nor response."""
    if text.startswith(_FOLLOWS):
        return _with_body(text.split(_EOL))
    lines = text.split(_EOL)
    try:
        # The names repeat in every packet: interned, a long queue of packets takes half the memory.
        packet = {intern(name): value for name, value in [line.split(": ", 1) for line in lines]}
    except ValueError:
        packet = {}
    if len(packet) != len(lines):
        packet = _with_irregular_lines(lines)
    return packet if "Event" in packet or "Response" in packet else {}


def _with_irregular_lines(lines: Iterable[str]) -> Packet:
    """Join repeated headers, accept `Name:` without its blank, leave out what is no header."""
    packet: Packet = {}
    for line in lines:
        name, separator, value = line.partition(": ")
        if not separator:
            if not line.endswith(":"):
                continue
            name = line[:-1]
        packet[intern(name)] = f"{packet[name]}\n{value}" if name in packet else value
    return packet


def _with_body(lines: Sequence[str]) -> Packet:
    """Read `Response: Follows`: a free text after the headers, kept as `Output` whatever its lines look like."""
    packet: Packet = {}
    for number, line in enumerate(lines):
        name, separator, value = line.partition(": ")
        if not separator or name not in _FOLLOWS_HEADERS or name in packet:
            packet["Output"] = "\n".join(lines[number:])
            break
        packet[intern(name)] = value
    return packet


def known(text: str) -> str:
    """Return a number or name as Asterisk tells it, empty where it says that it has none, in one of its two ways."""
    return "" if text in {"unknown", "<unknown>"} else text


def parse_timed_capture(
    chunks: Iterable[bytes], times: Sequence[tuple[int, float]]
) -> Iterator[tuple[float | None, Packet]]:
    """Yield (arrival, packet), the arrival in epoch seconds being that of the chunk that completed the packet.

    `times` are the lines of the capture's side file, see `read_times`: bytes from an offset on came at a time. The
    arrival is None where no line tells it.
    """
    splitter = PacketSplitter()
    for piece, arrived in _pieces(chunks, times):
        for packet in splitter.feed(piece):
            yield arrived, packet


def read_times(lines: Iterable[str]) -> list[tuple[int, float]]:
    """Read a capture's side file: lines `offset epoch`, in bytes and seconds, in rising order; a torn line ends it.

    Raises ProtocolError for lines that are not in order.
    """
    times: list[tuple[int, float]] = []
    for line in lines:
        offset, _separator, epoch = line.partition(" ")
        try:
            entry = (int(offset), float(epoch))
        except ValueError:
            break
        if not line.endswith("\n"):
            break
        if times and entry[0] <= times[-1][0]:
            raise ProtocolError(_("capture times: offset {offset} is out of order").format(offset=offset))
        times.append(entry)
    return times


def _pieces(chunks: Iterable[bytes], times: Sequence[tuple[int, float]]) -> Iterator[tuple[bytes, float | None]]:
    """Cut the stream at the offsets of `times`, so that every piece came at one time."""
    at = 0
    index = 0
    arrived: float | None = None
    for chunk in chunks:
        begin = 0
        while index < len(times) and times[index][0] < at + len(chunk):
            cut = times[index][0] - at
            if cut > begin:
                yield chunk[begin:cut], arrived
                begin = cut
            arrived = times[index][1]
            index += 1
        if begin < len(chunk):
            yield chunk[begin:], arrived
        at += len(chunk)
