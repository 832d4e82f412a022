"""AMI bytes in, packets out. The live link and `calls replay` both parse with this module. Pure.

A packet is a group of `Name: value` lines and an empty line; lines end with CR LF (Asterisk documentation, "AMI v2
Specification"). Asterisk's greeting is one line directly before the first packet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from sys import intern
from typing import Literal

from pbxd.asterisk.ami.injection import CHANNELS, has_end, is_described, is_genuine, is_timed
from pbxd.asterisk.ami.repair import is_incomplete, may_be_incomplete, rejoin
from pbxd.errors import ProtocolError
from pbxd.i18n import _

Packet = dict[str, str]
"""Header names exactly as Asterisk writes them; the values of a repeated header are joined with a line feed."""

_MAX_PARTIAL_BYTES = 8192  # an event has about 2000 bytes, with line breaks in every text twice that
_MOST_FORMS = 1000
MAX_PACKET_BYTES = 1_048_576  # real packets have a few hundred bytes, with many channelvars a few thousand

_EOL = "\r\n"
_END = b"\r\n\r\n"
_BANNER = b"Asterisk Call Manager/"
_FOLLOWS = "Response: Follows"
_FOLLOWS_HEADERS = frozenset({"Response", "Privilege", "ActionID", "Message"})


class PacketSplitter:
    """Splits one AMI stream into packets. Any chunking of a stream gives the same packets.

    `version` is the protocol version in Asterisk's greeting, empty before that. `forged` counts events that an outsider
    wrote into Asterisk's events; they are dropped (see `pbxd.asterisk.ami.injection`).
    """

    def __init__(self, limit: int = MAX_PACKET_BYTES) -> None:
        self.version = ""
        self._limit = limit
        self._rest = bytearray()
        self.forged = 0
        self._partial = b""  # an event that goes on after an empty line: an outsider wrote that empty line
        self._partial_kind: Literal["", "cut", "unsure", "endless"] = ""
        self._ended = False  # descriptions of channels end with our own line
        self._timed = False  # events have times
        self._events = False  # an event has come
        self._half_entry = False  # the last entry of a queue's list was incomplete
        self._forms: dict[tuple[str, ...], tuple[str, ...]] = {}  # known header lists: (headers, event name) -> headers

    def feed(self, chunk: bytes) -> Iterator[Packet]:
        """Yield the packets that `chunk` completes; consume all of them before the next call.

        Raises ProtocolError for a packet over the limit, after the packets before it. The stream can't be used after
        that.
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
        self._check(len(rest) - len(_END) + 1)  # the rest may hold all but the last byte of an end

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise ProtocolError(_("AMI: a packet longer than {limit} bytes").format(limit=self._limit))

    def _read(self, block: bytes) -> Iterator[Packet]:
        """Yield the packets that this block completes, if any."""
        if packet := self._read_known(block):
            yield packet
            return
        if not self._ended and has_end(block):
            self._ended = True
            self._forms.clear()
        lines = rejoin(block, ended=self._ended)
        if lines is None and (whole := self._complete_but_end(block)):
            if self._partial_kind == "endless":  # the second in a row: Asterisk no longer writes that line
                yield from self._without_end_lines(whole)
            else:
                self._keep(block, "endless")
            return
        described = lines is not None and is_described(self._parse(lines))
        if self._partial and (self._partial_kind == "cut" or not described):
            joined = self._partial + _END + block
            joined_lines = rejoin(joined, ended=self._ended)
            if joined_lines is not None or self._partial_kind != "endless":
                block, lines = joined, joined_lines
                self._keep(b"")
        elif described:
            self._keep(b"")
        yield from self._complete(block, lines)

    def _complete(self, block: bytes, lines: bytes | None) -> Iterator[Packet]:
        """Yield the packet of a complete block. Keep an incomplete one for later; drop a forged one."""
        if lines is None:
            cut = is_incomplete(block)
            if len(block) <= _MAX_PARTIAL_BYTES and (cut or (not self._timed and may_be_incomplete(block))):
                self._keep(block, "cut" if cut else "unsure")
            else:
                self.forged += 1
            return
        packet = self._parse(lines)
        if lines == block and is_genuine(packet, timed=self._timed):
            self._learn(block)
        yield from self._genuine(packet)

    def _keep(self, block: bytes, why: Literal["", "cut", "unsure", "endless"] = "") -> None:
        """Keep an event until its rest comes.

        `cut`: it is incomplete. `unsure`: it may be. `endless`: only the line that ends descriptions is missing.
        """
        self._partial, self._partial_kind = block, why

    def _complete_but_end(self, block: bytes) -> Packet | None:
        """Return the event of a block in which only the line that ends descriptions is missing."""
        whole = rejoin(block) if self._ended and self._partial_kind != "cut" else None
        packet = self._parse(whole or b"")
        return packet if "Privilege" in packet and is_genuine(packet) else None

    def _read_known(self, block: bytes) -> Packet | None:
        """Read an event with exactly the header lines of an earlier complete event: no text added a line to it.

        Nearly every event takes this path, which needs a third of the time.
        """
        if self._partial or self._half_entry or not block.startswith(b"Event: "):
            return None
        lines = block.decode("utf-8", "replace").split(_EOL)
        pairs = [line.split(": ", 1) for line in lines]
        names = self._forms.get((*[pair[0] for pair in pairs], pairs[0][1]))
        if names is None or not len(lines) - 1 == block.count(b"\n") == block.count(b"\r"):
            return None
        if len(pairs) == len(packet := dict(zip(names, [pair[1] for pair in pairs], strict=True))):
            return packet
        return _first_values(_with_irregular_lines(lines))

    def _learn(self, block: bytes) -> None:
        """Remember the headers of a complete event."""
        pairs = [line.split(": ", 1) for line in block.decode("utf-8", "replace").split(_EOL)]
        if pairs[0][0] == "Event" and all(map(_is_pair, pairs)) and len(self._forms) < _MOST_FORMS:
            names = tuple(intern(pair[0]) for pair in pairs)
            self._forms[(*names, pairs[0][1])] = names

    def _without_end_lines(self, whole: Packet) -> Iterator[Packet]:
        """Read the stream as one without end lines from here on, starting with the event that waited for its end."""
        self._ended = False
        self._forms.clear()
        yield from self._genuine(self._parse(rejoin(self._partial) or b""))
        self._keep(b"")
        yield whole

    def _genuine(self, packet: Packet) -> Iterator[Packet]:
        timed = is_timed(packet)
        genuine = timed is not None or is_genuine(packet, timed=self._timed) or self._is_greeting(packet)
        if packet.get("Event") == "QueueEntry":
            # The packet after half an entry is its other half, whatever it looks like: its channel's name was cut.
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
        """Whether this is the FullyBooted after a login: no event came before, so nobody could write it into one."""
        return not self._events and packet.get("Event") == "FullyBooted"

    def _parse(self, block: bytes) -> Packet:
        if not self.version and block.startswith(_BANNER):
            greeting, _separator, block = block.partition(b"\r\n")
            self.version = greeting.removeprefix(_BANNER).decode("ascii", "replace").strip()
        return _first_values(parse_packet(block.decode("utf-8", "replace").lstrip(_EOL)))


def _first_values(packet: Packet) -> Packet:
    """Keep the first value of a repeated header: Asterisk wrote that one; the other is part of a text."""
    if packet.get("Event") in CHANNELS:
        for name, value in packet.items():
            if "\n" in value and not name.endswith("ChanVariable"):
                packet[name] = value.partition("\n")[0]
    return packet


def _is_pair(pair: list[str]) -> bool:
    return len(pair) == len(("name", "value"))


def parse_packet(text: str) -> Packet:
    """Read one packet without its final empty line. A text that is neither event nor response gives an empty result."""
    if text.startswith(_FOLLOWS):
        return _with_body(text.split(_EOL))
    lines = text.split(_EOL)
    try:
        # Names repeat in every packet: interned, a long queue of packets takes half the memory.
        packet = {intern(name): value for name, value in [line.split(": ", 1) for line in lines]}
    except ValueError:
        packet = {}
    if len(packet) != len(lines):
        packet = _with_irregular_lines(lines)
    return packet if "Event" in packet or "Response" in packet else {}


def _with_irregular_lines(lines: Iterable[str]) -> Packet:
    """Join repeated headers, accept `Name:` without a blank, skip lines that are not headers."""
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
    """Read `Response: Follows`: the free text after the headers becomes `Output`, whatever its lines look like."""
    packet: Packet = {}
    for number, line in enumerate(lines):
        name, separator, value = line.partition(": ")
        if not separator or name not in _FOLLOWS_HEADERS or name in packet:
            packet["Output"] = "\n".join(lines[number:])
            break
        packet[intern(name)] = value
    return packet


def known(text: str) -> str:
    """Return a number or name as Asterisk writes it; empty for either of its two texts for "none"."""
    return "" if text in {"unknown", "<unknown>"} else text


def parse_timed_capture(
    chunks: Iterable[bytes], times: Sequence[tuple[int, float]]
) -> Iterator[tuple[float | None, Packet]]:
    """Yield (arrival, packet). The arrival, in epoch seconds, is that of the chunk that completed the packet.

    `times` are the lines of the capture's side file, see `read_times`: the bytes from an offset on arrived at a time.
    The arrival is None if no line has it.
    """
    splitter = PacketSplitter()
    for piece, arrived in _pieces(chunks, times):
        for packet in splitter.feed(piece):
            yield arrived, packet


def read_times(lines: Iterable[str]) -> list[tuple[int, float]]:
    """Read a capture's side file: lines `offset epoch`, in bytes and seconds, in rising order.

    An incomplete line ends it. Raises ProtocolError for lines out of order.
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
    """Cut the stream at the offsets of `times`, so that each piece arrived at one time."""
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
