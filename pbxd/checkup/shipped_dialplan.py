"""Compare our part of the PBX's dialplan with dialplan/pbxd.conf as this pbxd ships it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pbxd.asterisk.ami.packets import Packet
from pbxd.checkup.asterisk_conf import COMMENT

# (context, extension) -> applications with arguments, in the order of their priorities.
Part = dict[tuple[str, str], list[str]]

_CONTEXT = re.compile(r"\[([\w-]+)\]")
_EXTENSION = re.compile(r"exten => ([^,]+),1(?:\([\w-]+\))?,(.*)")
_NEXT = re.compile(r"same => n(?:\([\w-]+\))?,(.*)")


def shipped() -> Part:
    """Return what this pbxd ships: beside this file in an installed package, else in the checkout."""
    packaged = Path(__file__).with_name("pbxd.conf")
    file = packaged if packaged.exists() else Path(__file__).parents[2] / "dialplan" / "pbxd.conf"
    return parsed(file.read_text(encoding="utf-8"))


def parsed(text: str) -> Part:
    """Read a dialplan that is written as ours is."""
    part: Part = {}
    context, steps = "", []
    for line in text.splitlines():
        bare = COMMENT.sub("", line).strip()
        if found := _CONTEXT.fullmatch(bare):
            context = found[1]
        elif found := _EXTENSION.fullmatch(bare):
            steps = part.setdefault((context, found[1]), [])
            steps.append(found[2])
        elif found := _NEXT.fullmatch(bare):
            steps.append(found[1])
    return part


def loaded(lines: Iterable[Packet]) -> Part:
    """Return what the PBX has loaded (ShowDialPlan)."""
    steps: dict[tuple[str, str], dict[int, str]] = {}
    for line in lines:
        if (priority := line.get("Priority", "")).isdecimal():
            place = line.get("Context", ""), line.get("Extension", "")
            steps.setdefault(place, {})[int(priority)] = f"{line.get('Application')}({line.get('AppData', '')})"
    return {place: [each for _priority, each in sorted(found.items())] for place, found in steps.items()}


def missing(ours: Part, there: Mapping[tuple[str, str], list[str]]) -> list[str]:
    """Name the extensions that are missing, or that end too early."""
    return [_named(place) for place, steps in ours.items() if len(there.get(place, ())) < len(steps)]


def changed(ours: Part, there: Mapping[tuple[str, str], list[str]]) -> list[str]:
    """Name the extensions that differ."""
    return [_named(place) for place, steps in ours.items() if there.get(place) != steps]


def _named(place: tuple[str, str]) -> str:
    return " ".join(place)
