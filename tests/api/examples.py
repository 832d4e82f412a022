"""A client, a call to them, and what tests ask of the API."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import aiohttp

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.events import BridgeEntered, ChannelCreated, ChannelEnded, ChannelUp, DialBegan, DialEnded, Endpoint
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House

IGOR = ContactDraft(
    "Фронкин Игорь",
    company="Ромашка",
    numbers=(ContactNumber("+74951234567", extension="12"), ContactNumber("+79160000001")),
    vip=True,
)
CALLS = "/api/v1/calls"


async def problem(answer: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await answer.text())
    assert answer.status == status, found
    assert answer.content_type == "application/problem+json"
    assert found["status"] == status
    assert found.keys() >= {"type", "title", "detail"}
    return found


async def add(pbxd: House, *drafts: ContactDraft) -> list[int]:
    ids = [(await pbxd.contacts.add(draft, actor=ADMINISTRATOR)).id for draft in drafts]
    await pbxd.directory._refresh()
    return ids


def conversation(leg: str) -> list[Any]:
    at = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    phone = Endpoint("extension", "101")
    return [
        ChannelCreated(at, leg, leg, phone, "", ""),
        ChannelUp(at + 3, leg, leg),
        DialBegan(at + 4, leg, "client", leg, "x"),
        DialEnded(at + 5, leg, "client", leg, "answered"),
        BridgeEntered(at + 5, "b", leg, leg),
        BridgeEntered(at + 5, "b", "client", leg),
        ChannelEnded(at + 9, leg, leg, 16),
    ]
