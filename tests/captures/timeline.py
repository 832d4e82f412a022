"""Print a capture as a person reads it: Asterisk's journal and the AMI events side by side, in seconds from the start.

`python -m tests.captures.timeline FLOW…` ; this is what expected.json is written from, by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.captures import cel
from tests.lab.ami import Packet, decode

CAPTURES = Path(__file__).resolve().parent
# Beside the time and the name of the event: what tells one channel, bridge and conversation from another.
SHOWN = (
    "Channel", "Uniqueid", "Linkedid", "ChannelStateDesc", "CallerIDNum", "Exten", "DestChannel", "DestUniqueid",
    "DestLinkedid", "DialString", "DialStatus", "Forward", "Cause", "TechCause", "BridgeUniqueid", "BridgeTechnology",
    "BridgeNumChannels", "Queue", "Position", "Interface", "HoldTime", "TalkTime", "Reason", "LocalOneUniqueid",
    "LocalTwoUniqueid", "TransfererUniqueid", "TransfererLinkedid", "TransfereeUniqueid", "Extension", "Result",
    "OrigTransfererUniqueid", "OrigTransfererLinkedid", "SecondTransfererUniqueid", "SecondTransfererLinkedid",
    "TransferTargetUniqueid", "DestType", "ParkeeUniqueid", "ParkeeLinkedid", "ParkerDialString", "ParkingSpace",
    "RetrieverUniqueid", "TargetUniqueid", "TargetLinkedid", "EventName", "Application", "UniqueID", "LinkedID",
    "Response", "UserEvent", "State",
)  # fmt: skip
LEFT_OUT = frozenset(
    {"CEL", "DeviceStateChange", "ExtensionStatus", "QueueMemberStatus", "PeerStatus", "NewConnectedLine"}
)


def packets(stream: bytes) -> list[Packet]:
    """Cut the stream into packets; the greeting before the first is left out."""
    return [decode(block) for block in stream.partition(b"\r\n")[2].split(b"\r\n\r\n") if block]


def told(packet: Packet) -> Iterator[str]:
    yield packet["Event"]
    for name in SHOWN:
        if packet.get(name):
            yield f"{name}={packet[name]}"


def lines(flow: str) -> Iterator[str]:
    """Yield the journal and the stream in order of time; `cel` lines are the journal, `ami` lines the stream."""
    journal = cel.read(CAPTURES / flow / "cel.csv")
    zero = journal[0].at
    stream = packets((CAPTURES / flow / "stream.ami").read_bytes())
    merged = [(line.at, f"cel {_journal_text(line)}") for line in journal]
    merged += [(float(packet["Timestamp"]), f"ami {' '.join(told(packet))}") for packet in stream if _shown(packet)]
    for at, text in sorted(merged, key=lambda entry: entry[0]):
        yield f"{at - zero:8.3f} {text}"


def _shown(packet: Packet) -> bool:
    return "Timestamp" in packet and packet.get("Event", "CEL") not in LEFT_OUT


def _journal_text(line: cel.Line) -> str:
    extra = " ".join(f"{name}={value}" for name, value in line.extra.items())
    who = f"{line.kind} {line.channel} {line.uniqueid} L={line.linkedid}"
    return f"{who} {line.application}({line.data}) {line.peer} {extra}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(f"=== {name}", *lines(name), sep="\n")
