"""Asterisk's configuration files: sections and their values, templates and includes (`config.c`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pbxd.asterisk.ami.client import AmiClient

Sections = dict[str, dict[str, str]]
Entries = dict[str, list[tuple[str, str]]]

_BLOCK_COMMENT = re.compile(r";--(?!-).*?--;", re.DOTALL)
COMMENT = re.compile(r"(?<!\\);.*")
_SECTION = re.compile(r"\[([^\]]*)\]\s*(?:\(([^)]*)\))?")
_INCLUDE = re.compile(r'#(?:try)?include\s+["<]?([^">]+?)[">]?\s*$')
_VALUE = re.compile(r"([^=]+?)\s*=>?\s*(.*)")
_DEEPEST = 10  # includes within includes


async def folder(ami: AmiClient) -> Path:
    """Ask the PBX for the folder of its files."""
    value = (await ami.action("Getvar", {"Variable": "ASTETCDIR"})).get("Value", "")
    return Path(value or "/etc/asterisk")


def read(folder: Path, name: str) -> Sections:
    """Return each section with the last value of each key (in lower case); templates are among the sections.

    Raises OSError if the file itself can't be read; an include that can't be read is skipped.
    """
    return {section: dict(pairs) for section, pairs in entries(folder, name).items()}


def entries(folder: Path, name: str) -> Entries:
    """Return what `read` returns, but with every value of a repeated key, in order."""
    sections: Entries = {}
    current: list[tuple[str, str]] = []
    for line in _lines(folder, folder / name, 0):
        if found := _SECTION.fullmatch(line):
            current = _section(sections, found[1].strip(), found[2] or "")
        elif found := _VALUE.fullmatch(line):
            current.append((found[1].lower(), found[2]))
    return sections


def _section(sections: Entries, name: str, options: str) -> list[tuple[str, str]]:
    """Begin or continue a section: `(!)` makes a template, `(+)` adds to the section, a name copies that section."""
    words = [word.strip() for word in options.split(",")]
    section = sections.setdefault(name, [])
    for word in words:
        section.extend(list(sections.get(word, [])))
    return section


def _lines(folder: Path, file: Path, depth: int) -> Iterator[str]:
    text = _BLOCK_COMMENT.sub("", file.read_text(encoding="utf-8", errors="replace"))
    for line in text.splitlines():
        bare = COMMENT.sub("", line).strip()
        if found := _INCLUDE.fullmatch(bare):
            yield from _included(folder, found[1], depth + 1)
        elif bare:
            yield bare


def _included(folder: Path, pattern: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    base, wanted = (Path("/"), pattern[1:]) if pattern.startswith("/") else (folder, pattern)
    try:
        files = sorted(base.glob(wanted))
    except (ValueError, IndexError, NotImplementedError):  # not a pattern
        return
    for file in files:
        try:
            yield from _lines(folder, file, depth)
        except OSError:
            continue
