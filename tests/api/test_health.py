"""Whether pbxd lives and does its work."""

from __future__ import annotations

import pytest

from pbxd.storage.access.tokens import Tokens
from tests.actors import ADMINISTRATOR
from tests.api.examples import CALLS, IGOR, add, problem
from tests.http.conftest import House


async def test_health_is_open_and_a_lost_pbx_leaves_lookups_ready(unlinked: House) -> None:
    async with unlinked.public.get("/healthz") as answer:
        assert answer.status == 200
    async with unlinked.public.get("/readyz") as answer:
        assert answer.status == 200
        told = await answer.json()
    assert told == {
        "ready": True,
        "pbx": "away",
        "database": "answers",
        "index_age_seconds": pytest.approx(0.5, abs=5),
    }


async def test_a_database_that_is_away_leaves_lookups_ready_with_an_honest_age(
    unlinked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(unlinked, IGOR)
    monkeypatch.setattr(unlinked.database, "_usable", False)
    async with unlinked.public.get("/readyz") as answer:
        assert answer.status == 200
        assert (await answer.json())["database"] == "away"
    async with unlinked.local.get("/api/v1/lookup?number=84951234567") as answer:
        assert (await answer.json())["name"] == "Фронкин Игорь"
    async with unlinked.local.get(CALLS) as answer:
        await problem(answer, 503)


@pytest.mark.sqlite_house
async def test_a_database_that_is_gone_is_an_alarm_and_the_last_good_book_and_tokens_serve(unlinked: House) -> None:
    """C6; back at its place, it is used again."""
    await add(unlinked, IGOR)
    _id, plain = await Tokens(unlinked.database).create("crm", ADMINISTRATOR)
    headers = {"Authorization": f"Bearer {plain}"}
    lookup = "/api/v1/lookup?number=84951234567"
    file, gone = unlinked.settings.folder / "book.db", unlinked.settings.folder / "gone.db"
    async with unlinked.public.get(lookup, headers=headers) as answer:
        assert answer.status == 200
    file.rename(gone)
    for _count in range(3):
        async with unlinked.public.get(lookup, headers=headers) as answer:
            assert (await answer.json())["name"] == "Фронкин Игорь"
        async with unlinked.public.get(CALLS, headers=headers) as answer:
            assert (await problem(answer, 503))["detail"] == "the database is away; try again a little later"
        async with unlinked.local.get(CALLS) as answer:
            assert "book.db is gone" in (await problem(answer, 503))["detail"]
        async with unlinked.public.get("/readyz") as answer:
            assert answer.status == 503
            told = await answer.json()
        assert (told["ready"], told["database"]) == (False, "lost")
        async with unlinked.public.get(lookup, headers={"Authorization": "Bearer pbxd_perhaps_new"}) as answer:
            await problem(answer, 503)
    assert not file.exists()
    gone.rename(file)
    async with unlinked.public.get("/readyz") as answer:
        assert (answer.status, (await answer.json())["database"]) == (200, "answers")


async def test_readiness_counts_what_could_not_be_followed(unlinked: House) -> None:
    unlinked.faults.counts["event_failed"] = 2
    async with unlinked.public.get("/readyz") as answer:
        assert (answer.status, (await answer.json())["faults"]) == (200, {"event_failed": 2})


async def test_readiness_tells_of_the_link(pbxd: House) -> None:
    async with pbxd.public.get("/readyz") as answer:
        assert (await answer.json())["pbx"] == "connected"
