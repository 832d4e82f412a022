"""The child process in which the daemon has the installation checked: settings in, findings as JSON out."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys

from pbxd import i18n, logs
from pbxd.checkup.checks import examine
from pbxd.settings import LogSettings, Settings


def main() -> None:
    """Read the settings from standard input, run all checks, answer."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # so that no library prints into the answer
    settings: Settings
    settings, language = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own parent
    i18n.use(language)
    logs.configure(LogSettings(level="error"))
    json.dump([finding.as_json() for finding in asyncio.run(examine(lambda: settings))], out, ensure_ascii=False)
    out.close()


if __name__ == "__main__":
    main()
