from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbxd.asterisk.ami.packets import (
    MAX_PACKET_BYTES,
    Packet,
    PacketSplitter,
    parse_packet,
    parse_timed_capture,
    read_times,
)
from pbxd.errors import ProtocolError
from tests.packets import parse_capture

BANNER = b"Asterisk Call Manager/11.0.0\r\n"
STREAM = (
    BANNER
    + (
        "Response: Success\r\nActionID: 1\r\nMessage: Authentication accepted\r\n\r\n"
        "Event: Named\r\nCallerIDName: Фронкин «Игорь» 🙂\r\nAccountCode: \r\nExten:\r\nUniqueid: 1.2\r\n\r\n"
        "\r\n"
        "Event: Status\r\nChanVariable: a=1\r\nChanVariable: b=: 2\r\nno header at all\r\nAppData:  two blanks \r\n\r\n"
        "neither: this\r\nnor: that\r\n\r\n"
        "Response: Follows\r\nPrivilege: Command\r\nActionID: 2\r\n"
        "Event: Hangup\nUniqueid: 1.2\n--END COMMAND--\r\n\r\n"
    ).encode()
    + b"Event: Torn\r\nName: \xd0\r\nOther: \xd0\xa4\xff\r\n\r\n"
)
PACKETS: list[Packet] = [
    {"Response": "Success", "ActionID": "1", "Message": "Authentication accepted"},
    {
        "Event": "Named",
        "CallerIDName": "Фронкин «Игорь» 🙂",
        "AccountCode": "",
        "Exten": "",
        "Uniqueid": "1.2",
    },
    {"Event": "Status", "ChanVariable": "a=1\nb=: 2", "AppData": " two blanks "},
    {
        "Response": "Follows",
        "Privilege": "Command",
        "ActionID": "2",
        "Output": "Event: Hangup\nUniqueid: 1.2\n--END COMMAND--",
    },
    {"Event": "Torn", "Name": "\ufffd", "Other": "Ф\ufffd"},
]


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


def test_a_stream_in_one_piece() -> None:
    assert list(parse_capture([STREAM])) == PACKETS


def test_a_stream_byte_by_byte() -> None:
    assert list(parse_capture(bytes([byte]) for byte in STREAM)) == PACKETS


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_any_chunking_gives_the_same_packets(cuts: list[int]) -> None:
    assert list(parse_capture(chunked(STREAM, cuts))) == PACKETS


# Pieces that make up the worst streams: ends in odd places, torn letters, greetings where none belong.
hostile = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b": ", b":", b"Event", b"Response: Follows", b"\xd0", b"\xa4", BANNER]
    )
    | st.binary(max_size=6),
    max_size=30,
).map(b"".join)


@given(hostile, st.lists(st.integers(0, 300), max_size=20))
@example(b"Event: a\r\n\r\n\r\nEvent: b\r\n\r\n", [11, 12, 13, 14])
def test_any_chunking_of_anything_gives_the_same(data: bytes, cuts: list[int]) -> None:
    assert list(parse_capture(chunked(data, cuts))) == list(parse_capture([data]))


names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True)
values = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=30)


@given(st.lists(st.dictionaries(names, values, max_size=8), max_size=8), st.lists(st.integers(0, 10_000), max_size=20))
def test_what_is_written_is_read(wanted: list[Packet], cuts: list[int]) -> None:
    wanted = [{"Event": "E", **packet} for packet in wanted]
    data = "".join("".join(f"{k}: {v}\r\n" for k, v in packet.items()) + "\r\n" for packet in wanted).encode()
    assert list(parse_capture(chunked(BANNER + data, cuts))) == wanted


def test_the_greeting_is_known_after_the_first_packet() -> None:
    splitter = PacketSplitter()
    assert [*splitter.feed(BANNER)] == []
    assert [*splitter.feed(b"Response: Success\r\nActionID: 1\r\n\r\n")] == [{"Response": "Success", "ActionID": "1"}]
    assert splitter.version == "11.0.0"


def test_a_cut_off_end_is_left_out() -> None:
    assert list(parse_capture([STREAM, b"Event: Hangup\r\nUniqueid: 1.2\r\n"])) == PACKETS


@pytest.mark.parametrize("piece", [1, 7, 64, 10_000])
@pytest.mark.parametrize(("size", "fits"), [(100, True), (101, False)])
def test_the_limit_counts_a_packet_whatever_the_chunking(piece: int, size: int, fits: bool) -> None:
    long = b"Event: " + b"x" * (size - 7)
    data = b"Event: first\r\n\r\n" + long + b"\r\n\r\nEvent: last\r\n\r\n"
    splitter = PacketSplitter(limit=100)
    got: list[str] = []
    try:
        for begin in range(0, len(data), piece):
            got.extend(packet["Event"] for packet in splitter.feed(data[begin : begin + piece]))
        refused = False
    except ProtocolError:
        refused = True
    assert refused is not fits
    assert got == (["first", "x" * (size - 7), "last"] if fits else ["first"])


def test_a_packet_without_end_is_refused_before_it_fills_the_memory() -> None:
    fed = 0

    def endless() -> Iterator[bytes]:
        nonlocal fed
        for chunk in repeat(b"x" * 65_536, 10_000):
            fed += len(chunk)
            yield chunk

    with pytest.raises(ProtocolError):
        list(parse_capture(endless()))
    assert fed <= MAX_PACKET_BYTES + 2 * 65_536


def test_header_names_are_shared_between_packets() -> None:
    first, second = (parse_packet("Event: A\r\nSome-Header: 1") for _ in range(2))
    pairs = zip(first, second, strict=True)
    assert all(one is other for one, other in pairs)
    assert "Some-Header" in first
    assert sys.intern("Some-Header") in first


@given(hostile)
def test_no_text_breaks_the_parser(data: bytes) -> None:
    packet = parse_packet(data.decode("utf-8", "replace"))
    assert not packet or "Event" in packet or "Response" in packet


@given(st.lists(st.integers(0, 200), max_size=12), st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_arrival_times_are_those_of_the_chunk_that_completed_the_packet(live: list[int], stored: list[int]) -> None:
    arrivals = [chunk for chunk in chunked(STREAM, live) if chunk]
    times: list[tuple[int, float]] = []
    wanted: list[tuple[float, Packet]] = []
    splitter = PacketSplitter()
    offset = 0
    for number, chunk in enumerate(arrivals):
        times.append((offset, 1000.5 + number))
        wanted.extend((1000.5 + number, packet) for packet in splitter.feed(chunk))
        offset += len(chunk)
    assert list(parse_timed_capture(chunked(STREAM, stored), times)) == wanted


def test_arrival_is_none_where_no_time_is_known() -> None:
    assert list(parse_timed_capture([b"Event: A\r\n\r\nEvent: B\r\n\r\n"], [(12, 5.0)])) == [
        (None, {"Event": "A"}),
        (5.0, {"Event": "B"}),
    ]


def test_times_are_read_back_and_a_torn_line_ends_them() -> None:
    assert read_times(["0 1732231234.5\n", "120 1732231235.25\n", "240 17322"]) == [
        (0, 1732231234.5),
        (120, 1732231235.25),
    ]
    with pytest.raises(ProtocolError):
        read_times(["0 1.0\n", "0 2.0\n"])
