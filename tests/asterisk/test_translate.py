from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.translate import Translator
from pbxd.calls import events as ev
from pbxd.errors import ProtocolError

ENDPOINTS = Endpoints(r"^\d{2,5}$")
CHANNEL = {"Channel": "PJSIP/101-00000001", "Uniqueid": "17.1", "Linkedid": "17.0", "Timestamp": "17.5"}


def translator() -> Translator:
    return Translator(ENDPOINTS)


@pytest.mark.parametrize("stamp", ["1e300", "nan", "inf", "-1", "999999999999", "17.5\n18.5", "x", "１７"])
def test_a_time_that_is_none_is_refused(stamp: str) -> None:
    with pytest.raises(ProtocolError):
        translator().translate({"Event": "Newchannel", **CHANNEL, "Timestamp": stamp})


def created(at: float, number: int = 1) -> dict[str, str]:
    return {"Event": "Newchannel", **CHANNEL, "Uniqueid": f"17.{number}", "Timestamp": f"{at:.6f}"}


PONG = {"Response": "Success", "Ping": "Pong"}
NOW, DAY = 1_795_000_000.0, 86_400.0


@pytest.mark.parametrize("far", [99_999_999_999.0, NOW + 2 * DAY, NOW - 2 * DAY, 17.0])
def test_a_time_far_from_our_clock_is_refused_and_leaves_no_trace(far: float) -> None:
    reader = translator()
    for _twice in range(2):
        with pytest.raises(ProtocolError, match="far"):
            reader.translate(created(far), NOW)
    assert reader.stream_clock.now is None
    event = reader.translate(created(NOW - 3), NOW)
    assert event is not None
    assert event.at == NOW - 3


def test_a_pbx_whose_clock_is_off_says_so_by_its_answer_to_a_ping() -> None:
    reader = translator()
    off = 1_000_000_000.0
    assert reader.translate({**PONG, "Timestamp": f"{off:.6f}"}, NOW) is None
    event = reader.translate(created(off + 3), NOW + 3)
    assert event is not None
    assert event.at == off + 3
    with pytest.raises(ProtocolError):
        reader.translate(created(NOW), NOW)
    reader.translate({**PONG, "Timestamp": f"{NOW:.6f}"}, NOW)  # its clock was set
    assert reader.translate(created(NOW), NOW) is not None


def test_a_stream_replayed_later_has_its_own_clock() -> None:
    reader = translator()
    assert reader.translate(created(1_000_000_000.0)) is not None
    with pytest.raises(ProtocolError):
        reader.translate(created(99_999_999_999.0))
    assert reader.translate(created(1_000_000_001.0)) is not None
    assert reader.stream_clock.now == 1_000_000_001.0
    assert reader.translate(created(1_000_000_000.0 + 3 * DAY)) is not None  # a quiet weekend
    for _often in range(19):
        with pytest.raises(ProtocolError):
            reader.translate(created(1_000_000_000.0 + 999 * DAY))
    assert reader.translate(created(1_000_000_000.0 + 999 * DAY)) is not None  # whatever it was, the PBX goes on there


def test_nor_does_an_answer_to_a_ping_take_a_replayed_stream_far() -> None:
    reader = translator()
    reader.translate(created(NOW))
    with pytest.raises(ProtocolError, match="far"):
        reader.translate({**PONG, "Timestamp": "99999999999"})
    assert reader.stream_clock.now == NOW
    assert reader.translate(created(NOW + 1)) is not None


@pytest.mark.parametrize(
    ("packet", "event"),
    [
        (
            {"Event": "Newchannel", **CHANNEL, "CallerIDNum": "<unknown>", "Exten": "102"},
            ev.ChannelCreated(17.5, "17.1", "17.0", ev.Endpoint("extension", "101"), "", "102"),
        ),
        ({"Event": "Newstate", **CHANNEL, "ChannelState": "5"}, ev.ChannelRinging(17.5, "17.1", "17.0")),
        ({"Event": "Newstate", **CHANNEL, "ChannelState": "6"}, ev.ChannelUp(17.5, "17.1", "17.0")),
        ({"Event": "Newstate", **CHANNEL, "ChannelState": "4"}, None),
        ({"Event": "HangupRequest", **CHANNEL}, ev.HangupRequested(17.5, "17.1", "17.0", by_party=True)),
        (
            {"Event": "HangupRequest", **CHANNEL, "Cause": "21", "TechCause": "403"},
            ev.HangupRequested(17.5, "17.1", "17.0", True, 21, "403"),
        ),
        (
            {"Event": "SoftHangupRequest", **CHANNEL, "Cause": "1"},
            ev.HangupRequested(17.5, "17.1", "17.0", by_party=False),
        ),
        (
            {"Event": "Hangup", **CHANNEL, "Cause": "21", "TechCause": "603"},
            ev.ChannelEnded(17.5, "17.1", "17.0", 21, "603"),
        ),
        (
            {"Event": "DialBegin", "DestUniqueid": "17.2", "DestLinkedid": "17.0", "DialString": "84951234567@trunk"}
            | {"Timestamp": "17.5"},
            ev.DialBegan(17.5, None, "17.2", "17.0", "84951234567"),
        ),
        (
            {"Event": "DialEnd", **CHANNEL, "DestUniqueid": "17.2", "DestLinkedid": "17.0", "DialStatus": "NOANSWER"},
            ev.DialEnded(17.5, "17.1", "17.2", "17.0", "no-answer"),
        ),
        (
            {"Event": "BridgeEnter", **CHANNEL, "BridgeUniqueid": "b", "BridgeTechnology": "holding_bridge"},
            ev.BridgeEntered(17.5, "b", "17.1", "17.0", "holding"),
        ),
        (
            {"Event": "QueueCallerJoin", **CHANNEL, "Queue": "sales", "CallerIDNum": "8916"},
            ev.QueueJoined(17.5, "17.1", "17.0", "sales", "8916"),
        ),
        (
            {
                "Event": "CEL",
                "EventName": "APP_START",
                "Application": "VoiceMail",
                "UniqueID": "17.1",
                "LinkedID": "17.0",
            }
            | {"Timestamp": "17.5", "AppData": "101@default,us"},
            ev.VoicemailBegan(17.5, "17.1", "17.0", "101"),
        ),
        (
            {"Event": "BridgeEnter", **CHANNEL, "BridgeUniqueid": "b", "BridgeCreator": "ConfBridge"},
            ev.BridgeEntered(17.5, "b", "17.1", "17.0", "conference"),
        ),
        (
            {"Event": "MixMonitorStart", **CHANNEL, "ChanVariable": "OTHER=1\nMIXMONITOR_FILENAME=/a b=c.wav"},
            ev.RecordingBegan(17.5, "17.1", "17.0", "/a b=c.wav"),
        ),
        ({"Event": "MixMonitorStart", **CHANNEL}, ev.RecordingBegan(17.5, "17.1", "17.0", "")),
        (
            {"Event": "UnParkedCall", "ParkeeUniqueid": "17.1", "ParkeeLinkedid": "17.0", "RetrieverUniqueid": "17.3"}
            | {"Timestamp": "17.5"},
            ev.Unparked(17.5, "17.1", "17.0", "17.3"),
        ),
        ({"Event": "CEL", "EventName": "APP_START", "Application": "Dial", "Timestamp": "17.5"}, None),
        ({"Event": "VarSet", "Timestamp": "17.5"}, None),
    ],
)
def test_packets_become_events(packet: dict[str, str], event: ev.Event | None) -> None:
    assert translator().translate(packet) == event


def test_list_items_without_a_time_happen_at_the_last_time_heard() -> None:
    reader = translator()
    reader.translate({"Response": "Success", "Ping": "Pong", "Timestamp": "100.25"})
    seen = reader.translate(
        {"Event": "CoreShowChannel", "Channel": "PJSIP/101-1", "Uniqueid": "17.1", "Linkedid": "17.0"}
        | {"ChannelState": "6", "Duration": "01:00:05", "BridgeId": "b"}
    )
    assert isinstance(seen, ev.ChannelSeen)
    assert (seen.at, seen.state, seen.seconds, seen.bridge) == (100.25, "up", 3605, "b")
    assert reader.translate({"Event": "CoreShowChannelsComplete"}) == ev.SnapshotEnded(100.25)
    assert reader.stream_clock.source == "pbx"


def test_a_caller_who_waits_is_seen_in_a_whole_entry_of_a_queue_s_list_alone() -> None:
    names = ("Position", "Channel", "CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName", "Wait")
    entry = {"Event": "QueueEntry", "Queue": "sales", "Uniqueid": "17.1", "Priority": "0", "ActionID": "a"}
    reader = translator()
    reader.translate({"Response": "Success", "Ping": "Pong", "Timestamp": "100.25"})
    whole = entry | dict.fromkeys(names, "1")
    assert reader.translate(whole) == ev.QueueSeen(100.25, "17.1", "sales")
    for name in names:
        assert reader.translate({key: value for key, value in whole.items() if key != name}) is None


def test_a_list_with_something_missing_ends_no_snapshot() -> None:
    reader = translator()
    begins = {"Response": "Success", "EventList": "start", "Message": "Channels will follow"}
    ends = {"Event": "CoreShowChannelsComplete", "Timestamp": "17.5"}
    assert isinstance(reader.translate(begins, 1.0), ev.SnapshotBegan)
    reader.note_gap()
    assert reader.translate(ends) is None
    reader.translate(begins)
    assert reader.translate(ends) == ev.SnapshotEnded(17.5)


def test_without_timestamps_the_arrival_counts_and_is_said() -> None:
    reader = translator()
    event = reader.translate({"Event": "Hangup", "Uniqueid": "17.1", "Linkedid": "17.0", "Cause": "16"}, 42.0)
    assert event is not None
    assert event.at == 42.0
    assert reader.stream_clock.source == "arrival"


def test_a_stream_with_neither_time_is_refused() -> None:
    with pytest.raises(ProtocolError, match="timestampevents"):
        translator().translate({"Event": "Hangup", "Uniqueid": "17.1"})


@given(
    st.dictionaries(st.sampled_from(["Event", "Uniqueid", "Cause", "ChannelState", "Position", "Duration"]), st.text())
)
def test_strange_packets_raise_nothing(packet: dict[str, str]) -> None:
    translator().translate(packet, 1.0)


@pytest.mark.parametrize(("reason", "timed_out"), [("3", True), ("0", False), ("8", False), ("", False)])
def test_of_originate_s_reasons_only_the_phone_that_rang_in_vain_matters(reason: str, timed_out: bool) -> None:
    packet = {"Event": "OriginateResponse", "Response": "Failure", "Uniqueid": "1.1", "Exten": "102", "Reason": reason}
    event = Translator(ENDPOINTS).translate(packet, 5.0)
    assert event == ev.OriginateEnded(5.0, "1.1", answered=False, timed_out=timed_out, number="102")
