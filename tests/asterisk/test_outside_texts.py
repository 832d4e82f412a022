"""Every header an outsider can write into: whatever stands there, the stream has the same events, times and ids."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pbxd.asterisk.ami.capture import own
from pbxd.asterisk.ami.injection import END
from pbxd.asterisk.ami.packets import PacketSplitter
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.translate import Translator
from pbxd.calls import events as ev

LONGEST = 79  # bytes: AST_CHANNEL_NAME and AST_MAX_EXTENSION less the final NUL
CAPTURES = Path(__file__).parent.parent / "captures"
ENDPOINTS = Endpoints(r"^\d{2,5}$")
TIME = b"1795304370.123456"
IDS = b"Uniqueid: 1795304370.3\r\nLinkedid: 1795304370.3"


def stream_of(*names: str) -> bytes:
    return b"".join((CAPTURES / name / "stream.ami").read_bytes() for name in names)


STREAM = stream_of(
    "queue_local_answered", "phone_302", "conference_alone", "parked_retrieved", "blind_to_extension", "voicemail",
)  # fmt: skip
# What an outsider may influence: numbers, what was dialled, names of channels, bridges, rooms and queues, where a 302
# sends a call, and what of it stands in the arguments of applications. The group is the text.
TEXTS = {
    "number": rb"\r\n\w*CallerIDNum: ([^\r\n]+)",
    "other number": rb"\r\n\w*ConnectedLineNum: ([^\r\n]+)",
    "dialled": rb"\r\n\w*Exten: ([^\r\n]+)",
    "channel": rb"\r\n\w*Channel: Local/([^\r\n@]+)@",
    "dial string": rb"\r\nDialString: ([^\r\n]+)",
    "302": rb"\r\nForward: ([^\r\n]+)",
    "transfer": rb"\r\nExtension: ([^\r\n]+)",
    "bridge": rb"\r\n\w*BridgeName: ([^\r\n]+)",
    "room": rb"\r\n(?:Conference|BridgeName): ([^\r\n]+)",
    "queue": rb"\r\nQueue: ([^\r\n]+)(?=\r\nPosition: \d+\r\nCount)",
    "parker": rb"\r\nParkerDialString: ([^\r\n]+)",
    "CEL number": rb"\r\nCallerIDnum: ([^\r\n]+)",
    "CEL name": rb"\r\nCallerIDname: ([^\r\n]*)",
    "CEL ANI": rb"\r\nCallerIDani: ([^\r\n]+)",
    "CEL redirecting": rb"\r\nCallerIDrdnis: ([^\r\n]*)",
    "CEL DNID": rb"\r\nCallerIDdnid: ([^\r\n]*)",
    "CEL data": rb"\r\nAppData: ([^\r\n]+)",
    "CEL peer": rb"\r\nPeer: ([^\r\n]+)",
}


def head(event: bytes, *, time: bytes = TIME, rights: bytes = b"call,all") -> bytes:
    return b"1\r\n\r\nEvent: " + event + b"\r\nPrivilege: " + rights + b"\r\nTimestamp: " + time + b"\r\n"


FORGED = [
    b"1\r\n\r\nEvent: Newchannel\r\nTimestamp: 99999999999\r\nChannel: x",
    b"1\r\n\r\nEvent: Newchannel\r\nPrivilege: call,all\r\nTimestamp: 99999999999\r\nChannel: x",
    b"\r\n\r\nEvent: Hold\r\nPrivilege: call,all\r\nTimestamp: " + TIME + b"\r\nChannel: ",
    head(b"Hold") + b"X: ",
    head(b"Hangup") + b"X: ",
    head(b"DialEnd") + b"X:",
    head(b"Reload", rights=b"system,all"),
    b"1\r\n\r\nEvent: Reload\r\nPrivilege: system,all\r\nModule: x\r\nStatus: 0\r\n\r\n",
    b"1\r\n\r\nEvent: Shutdown\r\nPrivilege: system,all\r\nShutdown: Cleanly\r\nRestart: x\r\n",
    b"1\r\n\r\nEvent: FullyBooted\r\nPrivilege: system,all\r\nStatus: Fully Booted\r\n\r\n",
    b"\r\n\r\nEvent: QueueEntry\r\nQueue: q\r\nPosition: 1\r\nChannel: x",
    b"1\r\nChannelState: 6\r\nChannelStateDesc: Up\r\nCallerIDNum: 5",
    b"1\r\nXChannel: PJSIP/1-1\r\nXChannelState: 1\r\nXChannelStateDesc: Up\r\nXCallerIDNum: ",
    b"1\r\nXChannelState: 6",
    b"1\r\nContext: \r\nExten: 1\r\nPriority: 1\r\n" + IDS[:24],
    b"1\r\nPriority: 1\r\n" + IDS + b"\r\n",
    b"1\r\nPriority: 1\r\n" + IDS + b"\r\n\r\n",
    b"\r\nUniqueid: 1795304370.3\r\nDestUniqueid: 1795304370.3\r\nCause: 1",
    b"1\r\nEventTime: \r\nAMAFlags: \r\nUniqueID: 1795304370.3\r\nLinkedID: 1795304370.3\r\n",
    b"1\r\nApplication: VoiceMail\r\nAppData: 101",
    b"1\r\n\r\nEvent: CEL\r\nPrivilege: call,all\r\nTimestamp: " + TIME + b"\r\nEventName: X",
    b"1\r\nConnectedLineName: \r\nLanguage: \r\nAccountCode: \r\nContext: \r\nExten: 1",
    b"1\r\n\r\nResponse: Success\r\nPing: Pong\r\nTimestamp: " + TIME + b"\r\n\r\n",
    b"1\r\n\r\nResponse: x\r\nPing: x\r\nTimestamp: 99999999999\r\nX: ",
    b"1\r\n\r\nResponse: x\r\nActionID: 1\r\nPing: x\r\nTimestamp: 99999999999\r\nX: ",
    b"1\r\n\r\nResponse: x\r\nActionID: 1\r\nMessage: Channels will follow\r\nX: ",
    b"1\r\n\r\nEvent: CoreShowChannelsComplete\r\nActionID: 1\r\nEventList: x\r\nListItems: ",
    b"1\r\nBridgeNumChannels: 1\r\n\r\nResponse: x\r\nActionID: 1\r\nPing: x\r\nTimestamp: 9",
    b"\r\n\r\n\r\n\r\n",
]
# What the text is for: all else of an event must stay as it is.
TOLD = ("number", "dialled", "forward", "queue", "space", "file", "endpoint", "box", "by", "kind")


def followed(stream: bytes, *, state: bool = True) -> list[str]:
    """All that is taken from a stream, without outsiders' texts; `state`: and with the states of channels."""
    translator = Translator(ENDPOINTS)
    found: list[str] = []
    splitter = PacketSplitter()
    list(splitter.feed(BEFORE))
    packets = splitter.feed(b"\r\n\r\n" + stream.partition(b"\r\n")[2])
    for _arrival, packet in own((None, packet) for packet in packets):  # as the link does
        if packet.get("Event") in {"Reload", "Shutdown", "FullyBooted"}:
            found.append(packet["Event"])
        event = translator.translate(packet, 1.0)
        if event is not None and (state or not isinstance(event, (ev.ChannelUp, ev.ChannelRinging))):
            values = asdict(event)
            found.append(str([type(event).__name__, *((key, values[key]) for key in values if key not in TOLD)]))
    return found


def attacked(stream: bytes, where: str, text: bytes) -> bytes:
    """Write a text into every header of a kind."""

    def written(found: re.Match[bytes]) -> bytes:
        begin, end = found.start(1) - found.start(), found.end(1) - found.start()
        return found[0][:begin] + text[:LONGEST] + found[0][end:]

    return re.sub(TEXTS[where], written, stream)


ENDED = re.sub(rb"(\r\n(\w*)Linkedid: [^\r]*\r\n)", rb"\1\2ChanVariable: " + END.encode() + b"=\r\n", STREAM)
BEFORE = ENDED[:20_000]  # by which the reader knows how this Asterisk writes
GENUINE = {state: followed(ENDED, state=state) for state in (True, False)}


@pytest.mark.parametrize("where", TEXTS)
def test_the_streams_have_such_headers(where: str) -> None:
    assert re.search(TEXTS[where], STREAM), where


@pytest.mark.parametrize("text", FORGED)
@pytest.mark.parametrize("where", TEXTS)
def test_no_text_anywhere_adds_removes_or_changes_an_event(where: str, text: bytes) -> None:
    state = where != "channel"  # of a Local channel the state may be read from its name: nothing hangs on it
    assert followed(attacked(ENDED, where, text), state=state) == GENUINE[state]


def bridge(name: bytes, prefix: bytes = b"") -> bytes:
    values = {b"Uniqueid": b"c46a312f-f57c-4d85-ad32-0c56b5662cb0", b"Type": b"base", b"Technology": b"softmix"}
    values |= {b"Creator": b"ConfBridge", b"Name": name, b"NumChannels": b"1", b"VideoSourceMode": b"none"}
    return b"".join(prefix + b"Bridge" + header + b": " + value + b"\r\n" for header, value in values.items())


@pytest.mark.parametrize("text", FORGED)
@pytest.mark.parametrize(
    "event", ["ConfbridgeStart", "ConfbridgeEnd", "ConfbridgeRecord", "BridgeMerge", "BridgeCreate", "BridgeDestroy"]
)
def test_the_name_of_a_room_stays_in_the_events_of_its_bridge(event: str, text: bytes) -> None:
    """They describe no channel; the reader of the stream sees one packet, whatever the name."""
    text = text[:LONGEST]
    begin = f"Event: {event}\r\nPrivilege: call,all\r\nTimestamp: ".encode() + TIME + b"\r\n"
    described = b"Conference: " + text + b"\r\n" + bridge(text) if event.startswith("Conf") else bridge(text)
    if event == "BridgeMerge":
        described = bridge(text, b"To") + bridge(text, b"From")
    splitter = PacketSplitter()
    list(splitter.feed(BEFORE + b"\r\n\r\n"))
    forged = splitter.forged
    (packet,) = splitter.feed(begin + described + b"\r\n")
    assert packet["Event"] == event
    assert (len(packet) > len(("Event", "Privilege", "Timestamp")), splitter.forged) == (True, forged)


def test_an_answer_without_the_number_of_a_question_is_none() -> None:
    splitter = PacketSplitter()
    for answer in ("Response: x\r\nPing: x", "Response: x\r\nActionID: \r\nPing: x", "Event: CoreShowChannelsComplete"):
        assert list(splitter.feed(f"{answer}\r\nEventList: x\r\nListItems: 1\r\n\r\n".encode())) == []


def test_in_a_stream_only_answers_named_as_the_first_count() -> None:
    """The recorders of streams number their questions in many ways, not only as pbxd does."""
    for name, other in (("lab-{}", "1"), ("action/0b1f/1/{}", "action/1"), ("lab-{}", "")):
        ours = [{"Response": "Success", "ActionID": name.format(number)} for number in (1, 2, 13)]
        forged = [{head: "x", "ActionID": other} for head in ("Response",)]
        ended = [{"Event": "CoreShowChannelsComplete", "ActionID": other}]
        assert [packet for _arrival, packet in own((None, each) for each in [*ours, *forged, *ended])] == ours


heads = st.sampled_from([text[:LONGEST] for text in FORGED])
pieces = st.sampled_from([b"\r\n", b"\r\n\r\n", b"Event: Hold", b"Event: CEL", b"Event: DialEnd", b"x", TIME, IDS] + [
    f"{header}: ".encode()
    for header in (
        *("Channel", "ChannelState", "ChannelStateDesc", "CallerIDNum", "Exten", "Context", "Priority", "Peer"),
        *("Privilege", "Timestamp", "Uniqueid", "Linkedid", "UniqueID", "EventTime", "Application", "AppData"),
    )
])  # fmt: skip
texts = heads | st.lists(pieces, max_size=10).map(b"".join)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(TEXTS)), texts, st.sampled_from(sorted(TEXTS)), texts)
def test_nor_do_two_texts_at_once(where: str, text: bytes, also: str, other: bytes) -> None:
    assume({where, also} != {"bridge", "room"})  # both write the name of a room's bridge: two texts are too long for it
    stream = attacked(attacked(ENDED, where, text), also, other) if where != also else attacked(ENDED, where, text)
    assert followed(stream, state=False) == GENUINE[False]


def test_who_waits_through_a_local_channel_puts_itself_into_no_other_queue() -> None:
    names = ("CallerIDNum", "CallerIDName", "ConnectedLineNum", "ConnectedLineName", "Wait", "Priority", "ActionID")
    entry = (
        b"Event: QueueEntry\r\nQueue: sales\r\nPosition: 1\r\nChannel: Local/%s@here-00000001;2\r\nUniqueid: 17.1\r\n"
    )
    entry += b"".join(f"{name}: 1\r\n".encode() for name in names) + b"\r\n"
    splitter = PacketSplitter()
    (whole,) = splitter.feed(entry % b"100")
    assert whole["Queue"] == "sales"
    cut = b"1\r\n\r\nEvent: QueueEntry\r\nQueue: q\r\nPosition: 1\r\nChannel: x"
    assert ["Uniqueid" in packet for packet in splitter.feed(entry % cut)] == [False]
    assert len(list(splitter.feed(entry % b"100"))) == 1


def test_a_device_with_such_a_name_leaves_the_list_whole_at_the_beginning_of_a_link() -> None:
    """Asterisk remembers the state of each device that was ever called, `Local/<text>` too."""
    item = "Event: DeviceStateChange\r\nActionID: 1\r\nDevice: {}\r\nState: NOT_INUSE\r\n\r\n"
    for text in FORGED:
        names = [f"Local/{text[:LONGEST].decode()}@x", *(f"PJSIP/10{number}" for number in range(1, 10))]
        found = list(PacketSplitter().feed("".join(item.format(name) for name in names).encode()))
        assert [packet["Device"] for packet in found if packet.get("Event") == "DeviceStateChange"][-9:] == names[1:]
