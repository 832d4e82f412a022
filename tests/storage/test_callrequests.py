from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.errors import InvalidInputError
from pbxd.storage.calls import idempotency
from pbxd.storage.calls.idempotency import CallRequest, CallRequests
from pbxd.storage.engine.database import Database

ASKED = {"agent": "101", "target": "89161234567"}


async def test_a_request_leads_to_one_call_also_after_a_restart(url: str) -> None:
    request = CallRequest.of("k1", ASKED)
    async with await Database.open(url, create=False) as database:
        requests = CallRequests(database)
        assert await requests.find(request) is None
        assert await requests.claim(request, "ONE")
        assert await requests.find(request) == "ONE"
        assert await requests.find(CallRequest.of("k2", ASKED)) is None
    async with await Database.open(url, create=False) as database:
        requests = CallRequests(database)
        assert await requests.find(request) == "ONE"
        assert not await requests.claim(request, "TWO")
        assert await requests.find(request) == "ONE"


async def test_a_key_is_not_for_something_else(url: str) -> None:
    async with await Database.open(url, create=False) as database:
        requests = CallRequests(database)
        await requests.claim(CallRequest.of("k1", ASKED), "ONE")
        for other in (ASKED | {"target": "89160000000"}, ASKED | {"agent": "102"}, {}):
            with pytest.raises(InvalidInputError):
                await requests.find(CallRequest.of("k1", other))
        turned = dict(reversed(ASKED.items()))
        assert await requests.find(CallRequest.of("k1", turned)) == "ONE"


async def test_of_several_at_once_one_claims(url: str) -> None:
    request = CallRequest.of("k1", ASKED)
    async with await Database.open(url, create=False) as database:
        requests = CallRequests(database)
        claims = await asyncio.gather(*(requests.claim(request, str(number)) for number in range(5)))
        assert sorted(claims) == [False] * 4 + [True]
        assert await requests.find(request) == str(claims.index(True))


async def test_what_rang_nobody_may_be_asked_again(url: str) -> None:
    request = CallRequest.of("k1", ASKED)
    async with await Database.open(url, create=False) as database:
        requests = CallRequests(database)
        await requests.claim(request, "ONE")
        await requests.release(request)
        assert await requests.find(request) is None
        assert await requests.claim(request, "TWO")


async def test_old_requests_are_forgotten(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = CallRequest.of("old", ASKED), CallRequest.of("new", ASKED)
    async with await Database.open(url, create=False) as database:
        requests = CallRequests(database)
        await requests.claim(old, "ONE")
        monkeypatch.setattr(idempotency, "KEPT", timedelta(0))
        assert await requests.find(old) is None
        await requests.claim(new, "TWO")
        monkeypatch.undo()
        assert await requests.find(old) is None
        assert await requests.find(new) == "TWO"


@given(key=st.text().filter(lambda text: not text.isascii() or not text.strip() or " " in text or len(text) > 255))
def test_keys_that_are_none(key: str) -> None:
    with pytest.raises(InvalidInputError):
        CallRequest.of(key, ASKED)


@given(key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=255))
def test_keys(key: str) -> None:
    assert CallRequest.of(key, ASKED).key == key
