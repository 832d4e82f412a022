"""Clients of the API."""

from __future__ import annotations

from typing import Any

import aiohttp


def checked_session(base: str, **more: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - what ClientSession takes
    return aiohttp.ClientSession(base, **more)
