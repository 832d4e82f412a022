"""Compile the catalogues of messages, `.po` to `.mo`.

The build of a wheel runs it as hatchling's custom hook; in a checkout it is a script, which `make setup` runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Messages(BuildHookInterface[BuilderConfig]):
    """Compiles them before hatchling collects the files of a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling's own signature
        """Compile what isn't compiled."""
        compile_catalogues(Path(self.root))


def compile_catalogues(root: Path) -> None:
    """Compile each catalogue below the project's root that has changed since."""
    for source in sorted(root.glob("pbxd/locale/*/LC_MESSAGES/*.po")):
        compiled = source.with_suffix(".mo")
        if not compiled.exists() or compiled.stat().st_mtime_ns < source.stat().st_mtime_ns:
            _compile(source, compiled)


def _compile(source: Path, compiled: Path) -> None:
    """Write the compiled form whole or not at all: somebody may be reading it, or compiling it too."""
    part = compiled.with_suffix(f".{os.getpid()}.part")
    with source.open("rb") as text, part.open("wb") as binary:
        write_mo(binary, read_po(text, locale=source.parts[-3]))
    part.replace(compiled)


if __name__ == "__main__":
    compile_catalogues(Path(__file__).parent.parent)
