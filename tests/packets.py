"""The packets of a raw AMI stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pbxd.asterisk.ami.packets import Packet, PacketSplitter


def parse_capture(chunks: Iterable[bytes]) -> Iterator[Packet]:
    """Yield a stream's packets, but for one that the end of the stream cuts off.

    Raises ProtocolError for a packet longer than MAX_PACKET_BYTES.
    """
    splitter = PacketSplitter()
    for chunk in chunks:
        yield from splitter.feed(chunk)
