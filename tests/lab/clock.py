"""A process with another clock than the machine's: libfaketime."""

from __future__ import annotations

from pathlib import Path

from tests.lab.processes import LabError


def shifted(skew: str) -> dict[str, str]:
    """Return the environment that shifts a process's clock (`+1h`, `-5s`), as on a machine that is set wrongly.

    Its monotonic clock stays, and the times of its files.
    """
    # Of the two libraries the one that locks: pbxd has a thread for its database.
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        raise LabError("libfaketime is missing: run `make setup` first")
    own = {"LD_PRELOAD": str(libraries[0]), "FAKETIME": skew, "NO_FAKE_STAT": "1"}
    # Its cure for an old glibc shifts monotonic deadlines: a thread that waits for Python's lock would spin.
    monotonic = {"FAKETIME_FORCE_MONOTONIC_FIX": "0", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}
    return own | monotonic
