"""Recorded streams of a real Asterisk against what a person wrote of them, and that against Asterisk's own journal.

tests/captures/NOTES.md says how the flows were recorded and what surprised; `expected.json` was never generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxd.asterisk.ami.packets import Packet, parse_timed_capture, read_times
from pbxd.history.replay import replay
from tests.captures import cel
from tests.captures.written import (
    CAPTURES,
    FLOWS,
    INSTANTS,
    SECONDS,
    Record,
    differences,
    doubts,
    expected,
    relative,
    settings_of,
    wrong_in,
)  # fmt: skip

MUST_SAY = {"direction", "origin", "caller", "callee", "queue", "queues", "outcome", "answered_by"}
SUM_TOLERANCE = 0.01
CEL_TOLERANCE = 0.002  # the person wrote milliseconds
SECRET_WORDS = (b"Secret:", b"Password:", b"Key: ")


@cache
def journal(flow: str) -> list[cel.Line]:
    return cel.read(CAPTURES / flow / "cel.csv")


def stream(flow: str) -> bytes:
    return (CAPTURES / flow / "stream.ami").read_bytes()


def times(flow: str) -> list[tuple[int, float]]:
    with (CAPTURES / flow / "stream.times").open(encoding="ascii") as lines:
        return read_times(lines)


def compare(flow: str, records: Sequence[Record]) -> list[str]:
    """Return what is wrong with `records`, nothing if all is as a person wrote it."""
    zero = journal(flow)[0].at
    return list(wrong_in(expected(flow), [relative(record, zero) for record in records]))


@pytest.mark.parametrize("flow", FLOWS)
def test_replay_makes_the_record_a_person_wrote(flow: str) -> None:
    wrong = compare(flow, replayed(flow))
    assert not wrong, "\n".join([flow, expected(flow)["note"], *wrong])


def test_a_story_says_whom_the_caller_called_or_nothing() -> None:
    told = {
        (flow, step["detail"])
        for flow in FLOWS
        for record in replayed(flow)
        for step in record["story"]
        if step["what"] == "called" and step["detail"] is not None
    }
    assert len(told) > len(FLOWS) / 2
    assert not {(flow, detail) for flow, detail in told if not any(sign.isdigit() for sign in detail)}


@cache
def replayed(flow: str, chunk_bytes: int = 65536) -> list[Record]:
    path = CAPTURES / flow / "stream.ami"
    return [record.to_json() for record in replay(path, settings_of(expected(flow)), chunk_bytes=chunk_bytes)]


@pytest.mark.parametrize("flow", FLOWS)
def test_chunks_of_any_size_give_the_same_records(flow: str) -> None:
    want = replayed(flow)

    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.integers(1, 5000))
    def chunked(size: int) -> None:
        assert replayed(flow, chunk_bytes=size) == want

    chunked()


@pytest.mark.parametrize("flow", FLOWS)
def test_any_chunking_of_a_capture_gives_the_same_packets(flow: str) -> None:
    whole, arrivals = stream(flow), times(flow)
    want = list(parse_timed_capture([whole], arrivals))
    assert want

    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.integers(1, len(whole) - 1), unique=True, max_size=40))
    def chunked(cuts: list[int]) -> None:
        assert _packets(whole, cuts, arrivals) == want

    chunked()


def _packets(
    whole: bytes, cuts: Sequence[int], arrivals: Sequence[tuple[int, float]]
) -> list[tuple[float | None, Packet]]:
    bounds = [0, *sorted(cuts), len(whole)]
    return list(parse_timed_capture([whole[begin:end] for begin, end in pairwise(bounds)], arrivals))


@pytest.mark.parametrize("flow", FLOWS)
def test_expected_records_agree_with_asterisks_own_journal(flow: str) -> None:
    lines = journal(flow)
    wrong = [doubt for record in expected(flow)["records"] for doubt in doubts(flow, record, lines, CEL_TOLERANCE)]
    assert not wrong, "\n".join([flow, *wrong])
    assert all(len(reason) > 20 for reason in expected(flow).get("exceptions", {}).values())


@pytest.mark.parametrize("flow", FLOWS)
def test_a_wrong_record_is_doubted(flow: str) -> None:
    excepted = expected(flow).get("exceptions", {})
    for record in expected(flow)["records"]:
        wrong = {
            **{name: record | {name: (record[name] or 0.0) + 0.1} for name in INSTANTS},
            "caller": record | {"caller": {"number": "+79990000000"}},
            "answered_by": record | {"answered_by": [*record["answered_by"], "109"]},
        }
        wrong |= {"answered": record | {"answered": None}} if record["answered"] else {}
        for name in wrong.keys() - excepted:
            told = doubts(flow, wrong[name], journal(flow), CEL_TOLERANCE)
            assert [doubt for doubt in told if doubt.startswith(name)], name


@pytest.mark.parametrize("flow", FLOWS)
def test_expected_records_are_complete_and_consistent(flow: str) -> None:
    assert len(expected(flow)["note"]) > 40
    for record in expected(flow)["records"]:
        assert {*MUST_SAY, *INSTANTS, *SECONDS} <= record.keys()
        total = sum(record[part] for part in SECONDS)
        assert total == pytest.approx(record["ended"] - record["started"], abs=SUM_TOLERANCE)
        assert min(record[part] for part in SECONDS) >= 0
        talked = record["talk_seconds"] > 0
        assert talked == (record["answered"] is not None) == bool(record["answered_by"])
        assert talked == (record["outcome"] == "answered")


@pytest.mark.parametrize("flow", FLOWS)
def test_captures_hold_a_whole_session_and_no_secret(flow: str) -> None:
    whole = stream(flow)
    packets = [packet for _arrival, packet in parse_timed_capture([whole], times(flow))]
    assert whole.startswith(b"Asterisk Call Manager/")
    assert packets[0]["Message"] == "Authentication accepted"
    named = [packet.get("Event") for packet in packets]
    begun = named.index("Newchannel") if "Newchannel" in named else named.index("Hangup")
    snapshot = packets[:begun]
    assert {"CoreShowChannelsComplete", "QueueStatusComplete"} <= {packet.get("Event") for packet in snapshot}
    under_way = any(packet.get("Event") == "CoreShowChannel" for packet in snapshot)
    assert under_way == flow.startswith("under_way")
    assert all("Timestamp" in packet for packet in packets if packet.get("Event") == "Newchannel")
    assert named.count("Newchannel") + named.count("CoreShowChannel") == named.count("Hangup")
    assert not any(word in whole for word in SECRET_WORDS)


def test_a_difference_is_told() -> None:
    want = {"outcome": "answered", "started": 1.0, "caller": {"number": "+7"}, "talk_seconds": 2.0}
    assert not list(differences(want, want | {"started": 1.09, "talk_seconds": 2.14}))
    wrong = want | {"outcome": "missed", "started": 1.2, "caller": {"number": "+8"}, "talk_seconds": 2.2}
    assert len(list(differences(want, wrong))) == 4
    assert list(differences({"answered": None}, {"answered": 3.0}))
    assert list(differences({"answered": 3.0}, {"answered": None}))
