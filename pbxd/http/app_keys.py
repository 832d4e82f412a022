"""What the handlers work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from pbxd.http.token_cache import Keyring
from pbxd.lookup.index import Directory
from pbxd.numbers import NumberRules
from pbxd.services.caller_naming import CallerNaming
from pbxd.services.click_to_call import ClickToCall
from pbxd.services.queues import VipQueues
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.database import Database


@dataclass(frozen=True, slots=True)
class Services:
    """The daemon's parts, built by the composition root."""

    database: Database
    directory: Directory
    calls: Calls
    tokens: Keyring
    caller_naming: CallerNaming
    click_to_call: ClickToCall
    queues: VipQueues
    pbx_connected: Callable[[], bool]  # whether the link to the PBX is logged in
    language: Callable[[], str] = str  # of answers to those who name none; empty: English
    faults: Callable[[], dict[str, int]] = dict  # what went wrong with single events and calls, by kind


SERVICES = web.AppKey("services", Services)
RULES = web.AppKey("rules", NumberRules)
STREAMS: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("streams", set)  # answers that last as long as a call
