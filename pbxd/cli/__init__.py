"""The command line `pbxd`."""

from __future__ import annotations
