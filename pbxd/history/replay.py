"""Make the records of a raw AMI stream on disk, as they would have been written live."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pbxd.asterisk.ami.capture import read_capture
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.event_stream import EventStream
from pbxd.calls.record import CallRecord, moment
from pbxd.errors import ProtocolError
from pbxd.faults import Faults
from pbxd.history.following import Following
from pbxd.i18n import _
from pbxd.settings import Settings

_CHUNK_BYTES = 65536
_SETTLED_SECONDS = 1.0  # a call that lent its last phone to another one ends at most that much later


def replay(path: Path, settings: Settings, *, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[CallRecord]:
    """Yield the records of a raw AMI stream as they would have been written live, in the order of their ends.

    Arrival times come from the side file `NAME.times` if there is one. Calls still under way at the end come last.
    Raises NotFoundError for a missing file, InvalidInputError for an unreadable one, ProtocolError for a stream that is
    not AMI or has no times.
    """
    stream = EventStream(Endpoints(settings.employees.pattern, settings.employees.channels), Faults())
    following = Following(settings, CHANNEL_IDS, stream.event_times, Faults())
    under_way: dict[str, CallRecord] = {}
    ended: dict[str, CallRecord] = {}
    packet: Packet = {}
    for arrival, packet in read_capture(path, chunk_bytes):
        if event := stream.read_safely(packet, arrival):
            following.follow(event)
        for record in following.take_changes():
            under_way.pop(record.id, None)
            if record.merged_into is not None:
                ended.pop(record.id, None)
            elif record.ended is not None:
                ended[record.id] = record
            else:
                under_way[record.id] = record
        yield from _settled(ended, stream.event_times.last)
    if not packet:
        raise ProtocolError(_("{file}: there is no AMI packet in it").format(file=path))
    yield from ended.values()
    yield from under_way.values()


def _settled(ended: dict[str, CallRecord], now: float | None) -> list[CallRecord]:
    """Remove and return the calls that ended so long ago that no other call can become a part of them."""
    if not ended or now is None:
        return []
    since = moment(now - _SETTLED_SECONDS)
    over = [record for record in ended.values() if (record.ended or record.started) < since]
    for record in over:
        del ended[record.id]
    return over
