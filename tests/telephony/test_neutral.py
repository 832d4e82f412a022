"""Asterisk's words stand in its adapter and its doctor alone; a second PBX brings words of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pbxd

PACKAGE = Path(pbxd.__file__).parent
NEUTRAL = [
    *("telephony", "calls", "services", "api", "http", "book"),
    *("actor.py", "rights.py", "numbers.py", "notation.py", "faults.py", "reloading.py"),
    *(f"history/{name}.py" for name in ("event_reader", "following", "opening", "recorder", "resync")),
]
DIAL_STRINGS = r"\bPJSIP|\bSIP/|\bLocal/|\bDAHDI"
CHANNELS = r"<epoch>|[Uu]nique_?[Ii]d|\bLinkedid"
ACTIONS = (
    r"\bAMI\b|Originate(?!Ended)[A-Z]|QueueStatus|CoreShow|Setvar|Getvar|QueueChange|DeviceState(?!\b)|ExtensionState"
)
VARIABLES = r"\bPBXD_[A-Z]|QUEUE_PRIO|DEVICE_STATE|CALLERID\(|DIALSTATUS|MIXMONITOR|FORWARD_CONTEXT"
SOURCES = r"app_queue|\bchan_|\bres_(?!partner)|\bAST_|ConfBridge|\bAsterisk\b"
WORDS = re.compile(f"{DIAL_STRINGS}|{CHANNELS}|{ACTIONS}|{VARIABLES}|{SOURCES}")


def files_of(room: str) -> list[Path]:
    path = PACKAGE / room
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


@pytest.mark.parametrize("room", NEUTRAL)
def test_no_word_of_asterisk_stands_in_what_any_pbx_has_in_common(room: str) -> None:
    found = [
        f"{file.relative_to(PACKAGE)}:{number}: {line.strip()}"
        for file in files_of(room)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if WORDS.search(line)
    ]
    assert files_of(room)
    assert found == []


@pytest.mark.parametrize("word", ["PJSIP/101", "<epoch>.<n>", "OriginateResponse", "app_queue.c", "QUEUE_PRIO", "AMI"])
def test_the_scan_finds_what_it_looks_for(word: str) -> None:
    adapter = "".join(file.read_text(encoding="utf-8") for file in files_of("asterisk"))
    assert word in adapter
    assert WORDS.search(word)
