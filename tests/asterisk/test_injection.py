"""What a caller writes into the stream stays text: attacks of the length Asterisk lets through, in every place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pbxd.asterisk.ami.injection import END, is_genuine
from pbxd.asterisk.ami.packets import Packet, PacketSplitter
from tests.packets import parse_capture

LONGEST = 79  # bytes: AST_CHANNEL_NAME and AST_MAX_EXTENSION less the final NUL
STREAM = (Path(__file__).parent.parent / "captures/queue_answered/stream.ami").read_bytes()
NUMBER = b"89161112233"
HEAD = b"1\r\n\r\nEvent: Hangup\r\nPrivilege: call,all\r\n"
FORGED = [
    HEAD + b"Timestamp: 1.0\r\nUniqueid: 17.1\r\n\r\n",
    HEAD + b"Timestamp: 1.0\r\nUniqueid: 17.1\r\nX: ",
    b"1\r\nUniqueid: 17.1\r\nLinkedid: 17.1\r\n\r\nEvent: Hangup\r\n",
    b"1\r\nCallerIDName: \r\nConnectedLineNum: ",
    b"1\r\nXChannelStateDesc: \r\nXCallerIDNum: ",
    b"\r\n\r\n\r\n\r\n",
    b"1\r\n\r\nEvent: CoreShowChannelsComplete\r\nActionID: 1\r\n\r\n",
    b"1\r\n\r\nEvent: CEL\r\nEventName: APP_START\r\nApplication: VoiceMail\r\nUniqueID: 1\r\n",
    b"1\r\n\r\nResponse: Follows\r\nMessage: x\r\n\r\n",
]
pieces = st.sampled_from(
    [
        b"\r\n",
        b"\r\n\r\n",
        b"Event: Newchannel",
        b"Event: Hangup",
        b"Event: CEL",
        b"Privilege: call,all",
        b"x",
        b"DialEnd",
    ]
    + [f"{header}: ".encode() for header in ("CallerIDName", "ConnectedLineNum", "Exten", "Priority", "Uniqueid")]
    + [f"{header}: ".encode() for header in ("Linkedid", "Timestamp", "Channel", "ChannelStateDesc", "CallerIDNum")]
    + [f"{header}: ".encode() for header in ("UniqueID", "LinkedID", "Application", "DestChannel", "CallerIDnum", "X")]
)
texts = st.sampled_from(FORGED) | st.lists(pieces, max_size=12).map(b"".join)


def attacked(text: bytes) -> bytes:
    """The stream of a real call whose caller gave himself this text for a number."""
    return STREAM.replace(NUMBER, text[:LONGEST])


def ids(packet: Packet) -> dict[str, str]:
    return {name: value for name, value in packet.items() if "CallerID" not in name and "ConnectedLine" not in name}


def followed(stream: bytes) -> list[Packet]:
    """All that describes a channel, without the texts a caller chooses."""
    kinds = ("Uniqueid", "DestUniqueid", "UniqueID")
    packets = [ids(packet) for packet in parse_capture([stream]) if packet.get("Event") != "QueueEntry"]
    return [packet for packet in packets if any(kind in packet for kind in kinds) and packet["Event"] in FOLLOWED]


FOLLOWED = {
    *("Newchannel", "Newstate", "Hangup", "HangupRequest", "SoftHangupRequest", "DialBegin", "DialEnd"),
    *("BridgeEnter", "BridgeLeave", "QueueCallerJoin", "QueueCallerLeave", "CEL", "NewCallerid"),
}
GENUINE = followed(STREAM)


def test_the_stream_has_the_number_where_asterisk_writes_it() -> None:
    assert len(GENUINE) > 30
    assert STREAM.count(b"CallerIDNum: " + NUMBER) > 5
    assert STREAM.count(b"ConnectedLineNum: " + NUMBER) > 2


@given(texts)
@example(FORGED[0])
@example(FORGED[2])
def test_no_number_adds_removes_or_changes_an_event(text: bytes) -> None:
    assert followed(attacked(text)) == GENUINE


@given(texts, st.integers(1, 300))
def test_any_chunking_of_an_attack_gives_the_same(text: bytes, size: int) -> None:
    stream = attacked(text)[-20_000:]
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert list(parse_capture(pieces)) == list(parse_capture([stream]))


@pytest.mark.parametrize("text", FORGED)
def test_a_forged_event_alone_is_none(text: bytes) -> None:
    splitter = PacketSplitter()
    for packet in splitter.feed(b"Event: Before\r\n\r\n" + text + b"\r\n\r\n"):
        assert packet.get("Event") not in FOLLOWED


@pytest.mark.parametrize(
    "missing", ["Channel", "CallerIDNum", "Exten", "Priority", "Uniqueid", "DestChannel", "DestUniqueid"]
)
def test_an_event_without_a_line_of_its_own_is_not_genuine(missing: str) -> None:
    (dial, *_more) = [packet for packet in parse_capture([STREAM]) if packet.get("Event") == "DialBegin"]
    assert is_genuine(dial)
    if missing != "Uniqueid":  # a call that the PBX itself makes
        assert not is_genuine({name: value for name, value in dial.items() if name != missing})
    assert not is_genuine(dict(reversed(dial.items())))


def test_an_event_that_never_ends_costs_only_itself() -> None:
    begun = b"Event: Newchannel\r\nPrivilege: call,all\r\nChannelStateDesc: Up\r\nCallerIDNum: 1\r\n\r\n"
    greeting, _separator, rest = STREAM.partition(b"\r\n")
    assert followed(greeting + b"\r\n" + begun + rest) == GENUINE


# Who dials a text: it stands directly before the ids.

DIALLED = b"74951230100"
END_LINE = b"ChanVariable: " + END.encode() + b"=\r\n"
ENDED = re.sub(rb"(\r\n(\w*)Linkedid: [^\r]*\r\n)", rb"\1\2" + END_LINE, STREAM)
IDS = b"Priority: 1\r\nUniqueid: 1795304370.3\r\nLinkedid: 1795304370.3\r\n"
BORROWED = [
    b"1\r\n" + IDS + b"\r\n",
    b"1\r\n" + IDS + b"\r\nEvent: x",
    b"1\r\n" + IDS + b"\r\n\r\n\r\n\r\n",
    b"1\r\n" + IDS + END_LINE + b"\r\n",  # cut off
    b"1\r\n" + IDS,
]


def dialled(stream: bytes, text: bytes) -> list[Packet]:
    """All that describes a channel in a call to this text, without the text; another call came before."""
    called = followed(stream + stream.replace(b"Exten: " + DIALLED, b"Exten: " + text[:LONGEST]))
    return [{name: value for name, value in packet.items() if "Exten" not in name} for packet in called]


OWN = dialled(ENDED, DIALLED)


@pytest.mark.parametrize("text", BORROWED)
def test_who_dials_another_calls_ids_keeps_his_own(text: bytes) -> None:
    assert ENDED.count(b"Exten: " + DIALLED) > 1
    assert dialled(ENDED, text) == OWN


def test_without_the_line_at_the_end_he_borrows_them() -> None:
    assert dialled(STREAM, BORROWED[0]) != dialled(STREAM, DIALLED)


@settings(max_examples=30, deadline=None)
@given(texts | st.lists(pieces | st.just(IDS) | st.just(END_LINE), max_size=6).map(b"".join))
def test_no_text_dialled_adds_removes_or_changes_an_event(text: bytes) -> None:
    assert dialled(ENDED, text) == OWN


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 20))
def test_where_the_line_comes_and_goes_one_event_at_most_is_lost(changes: int) -> None:
    """Reloads of manager.conf in the middle of a stream."""
    plain, marked = (stream.split(b"\r\n\r\n") for stream in (STREAM, ENDED))
    length = len(plain) // (changes + 1) + 1
    stream = b"\r\n\r\n".join((plain, marked)[at // length % 2][at] for at in range(len(plain)))
    kept, genuine = (
        [packet for packet in parse_capture([each]) if packet.get("Event") in FOLLOWED] for each in (stream, STREAM)
    )
    assert len(genuine) - len(kept) <= (changes + 1) // 2 + 1  # the last of a stream waits for the next


class Careful(PacketSplitter):
    """Reads every block as if it were the first of its kind."""

    def _usual(self, block: bytes) -> Packet | None:  # noqa: ARG002 - the real one's
        return None


@given(texts, st.booleans())
@example(HEAD + b"Timestamp: 1.0\r\nUniqueid: 17.1\r\n\r\n", False)
def test_what_is_read_by_its_looks_is_what_a_careful_reader_reads(text: bytes, ended: bool) -> None:
    stream = STREAM + attacked(text) + STREAM
    if ended:
        stream = re.sub(rb"\r\n(\w*)Linkedid: [^\r]*", rb"\g<0>\r\n\1ChanVariable: " + END.encode() + b"=", stream)
    quick, careful = PacketSplitter(), Careful()
    assert list(quick.feed(stream)) == list(careful.feed(stream))
    assert quick.forged == careful.forged
    assert len(quick._forms) > 10
