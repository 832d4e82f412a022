"""Events of every kind with anything in them, through translator and tracker into both databases.

Nothing may raise, no call may hold up another, and what is written can be read. The long form runs for
PBXD_FUZZ_SECONDS (default 1800) on each database.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pbxd.asterisk.ami.injection import BEFORE, CEL, CHANNELS, PLACE, TEXTS
from pbxd.asterisk.ami.packets import PacketSplitter
from pbxd.calls.record import PARTS
from pbxd.history.recorder import Recorder
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from tests.history.packets import PacketFollowing

BEGAN = 1_795_000_000
OURS = "pbxd-01KASTG5QS3YF1XJ0Q3M3X2Y7Z-1795000000.3"
IDS = [
    f"{BEGAN}.1",
    f"{BEGAN}.2",
    f"pbx-{BEGAN + 1}.3",
    OURS,
    "²",
    "٣.٣",
    "x" * 150,
    "99999999999.1",
    "1.99999999999999999",
]
WEIRD_IDS = [
    "",
    ".",
    "-",
    "a b",
    "x" * 151,
    "\0",
    "a\nb",
    "\ud800",
    "1e5.2",
    "١٢٣",
    f"{BEGAN}.{'9' * 30}",
    "pbxd-",
    "pbxd-x",
]
NAMES = ["PJSIP/101-00000001", "PJSIP/102-00000002", "PJSIP/trunk-00000003", "Local/103@x-00000004;1"]
NAMES += ["Local/103@x-00000004;2", "PJSIP/104-00000005", "", "PJSIP/", "/", "PJSIP/²-1", "DAHDI/i1/89160000000-1"]
WORDS = ["", "s", "101", "102", "89161234567", "+79161234567", "<unknown>", "unknown", "²", "9" * 4301, "1" * 2700]
WORDS += ["ё" * 3000, "\U0001f600" * 900, "a\0b", "\ud800", "\x1b[2J", "a\rb", "\u202e101", "анна", "+", "Anonymous"]
NUMBERS = ["0", "1", "16", "21", "127", "²", "9" * 4301, "-1", "1e9", "", "x", "999999999999"]
STATES = ["0", "3", "4", "5", "6", "²", ""]
BRIDGES = ["b1", "b2", "", "b" * 3000, "\0"]
RESULTS = ["ANSWER", "BUSY", "NOANSWER", "CANCEL", "CONGESTION", "CHANUNAVAIL", "ABORT", "GOTO", "", "?", "Success"]
KINDS = [*CHANNELS, "CEL", "QueueEntry", "OriginateResponse", "CoreShowChannelsComplete", "FullyBooted", "Reload"]
OTHERS = {
    "Cause": NUMBERS, "TechCause": WORDS, "DialStatus": RESULTS, "Result": RESULTS, "BridgeUniqueid": BRIDGES,
    "BridgeTechnology": ["holding_bridge", "simple_bridge"], "BridgeCreator": ["ConfBridge", ""], "Queue": WORDS,
    "BridgeId": BRIDGES, "Duration": ["00:00:01", ":".join(["9" * 4301] * 3), "-1", "٣:٣"], "DialString": WORDS,
    "Application": ["VoiceMail", "ConfBridge", "Dial"], "AppData": WORDS, "Forward": WORDS, "Extension": WORDS,
    "EventName": ["APP_START", "APP_END", "HANGUP"], "ParkerDialString": [*NAMES, *WORDS], "ParkingSpace": WORDS,
    "ChanVariable": ["MIXMONITOR_FILENAME=/a.wav", "MIXMONITOR_FILENAME=" + "ё" * 9000, "X=\nMIXMONITOR_FILENAME=\0"],
    "Reason": NUMBERS, "Response": RESULTS, "Uptime": NUMBERS, "Position": NUMBERS, "Wait": NUMBERS,
    "Priority": NUMBERS,
    "ActionID": WORDS, "EventList": ["Complete"], "ListItems": NUMBERS, "Status": ["Fully Booted"], "Module": WORDS,
}  # fmt: skip


def one_of(chance: random.Random, *choices: list[str]) -> str:
    """Take one of a list, mostly of the first."""
    return chance.choice(choices[0] if len(choices) == 1 or chance.random() < 0.95 else choices[1])


def description(chance: random.Random, prefix: str) -> dict[str, str]:
    number = chance.randrange(6)
    values = {
        "Channel": NAMES[number] if chance.random() < 0.9 else chance.choice(NAMES),
        "ChannelState": one_of(chance, STATES),
        "Uniqueid": IDS[number] if chance.random() < 0.9 else one_of(chance, IDS, WEIRD_IDS),
        "Linkedid": chance.choice(IDS[:2]) if chance.random() < 0.8 else one_of(chance, IDS, WEIRD_IDS),
    }
    return {f"{prefix}{name}": values.get(name, one_of(chance, WORDS)) for name in (*BEFORE, *TEXTS, *PLACE)}


def packet(chance: random.Random, at: float) -> dict[str, str]:
    if chance.random() < 0.04:
        pong = {"Response": "Success", "Ping": "Pong", "Timestamp": f"{at:.6f}"}
        return chance.choice([pong, {"Response": "Success", "Message": "Channels will follow"}])
    kind = chance.choice(KINDS)
    odd = chance.choice(["99999999999", "17.5", "²", "", "-1", f"{at - 5:.6f}", f"{at + 3600:.6f}"])
    found = {"Event": kind, "Privilege": "call,all", "Timestamp": f"{at:.6f}" if chance.random() < 0.98 else odd}
    for prefix in ("", *CHANNELS.get(kind, ())) if chance.random() < 0.7 else CHANNELS.get(kind, ()):
        found |= description(chance, prefix)
    if kind in {"CEL", "QueueEntry", "OriginateResponse"}:
        found |= {name: one_of(chance, WORDS) for name in (*CEL, *TEXTS)}
        found |= {name: one_of(chance, IDS, WEIRD_IDS) for name in ("UniqueID", "LinkedID", "Uniqueid", "Linkedid")}
    found |= {name: one_of(chance, values) for name, values in OTHERS.items() if chance.random() < 0.7}
    for name in chance.sample(sorted(found), chance.choice([0, 0, 0, 0, 1, 5])):
        if name != "Event":
            del found[name]
    return found


def as_bytes(packets: list[dict[str, str]]) -> bytes:
    lines = ["\r\n".join(f"{name}: {value}" for name, value in each.items()) for each in packets]
    return "\r\n\r\n".join([*lines, ""]).encode("utf-8", "surrogatepass")


async def follow(chance: random.Random, database: Database, *, length: int) -> None:
    following = PacketFollowing(Settings())
    recorder = Recorder(following, Calls(database), Directory(database, rules_from(Settings())))
    splitter = PacketSplitter()
    at = float(BEGAN)
    for _portion in range(chance.choice([1, 4])):
        packets = [packet(chance, at := at + chance.choice([0.0, 0.001, 0.5, 30.0])) for _number in range(length)]
        if chance.random() < 0.5:
            packets = list(splitter.feed(as_bytes(packets)))
        for each in packets:
            following.packet_safely(each, at)
        if chance.random() < 0.2:
            following.open_gap(at)
        await recorder.flush()
    faults = recorder.faults
    assert not {kind for kind in faults if kind != "ami_packet_refused"}, faults
    assert recorder.backlog == 0


async def readable(database: Database) -> None:
    page = await History(database).page(limit=100)
    for record in page.records:
        told: dict[str, Any] = json.loads(json.dumps(record.to_json()))
        assert all(0 <= told[f"{part}_seconds"] < math.inf for part in PARTS)
        assert len(told["caller"]["number"] or "") < 300


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
async def test_no_event_ends_anything_nor_holds_up_a_call(database: Database, seed: int) -> None:
    with capture_logs():
        await follow(random.Random(seed), database, length=60)
    await readable(database)


@pytest.mark.soak
async def test_nor_does_any_in_half_an_hour(database: Database) -> None:
    seconds = float(os.environ.get("PBXD_FUZZ_SECONDS", "1800"))
    end, seed = time.monotonic() + seconds, int(os.environ.get("PBXD_FUZZ_SEED", "0"))
    while time.monotonic() < end:
        seed += 1
        with capture_logs() as logs:
            try:
                await follow(random.Random(seed), database, length=200)
            except Exception as error:
                raise AssertionError(f"seed {seed}: {logs[-1:]}") from error
        if seed % 50 == 0:
            await readable(database)
    print(f"{seed} streams of up to 800 events")
