"""The history: pages, filters, names, gaps."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pbxd.calls.record import CallRecord, HistoryGap, Party
from pbxd.storage.calls.calls import Calls
from tests.api.examples import CALLS, IGOR, add, problem
from tests.http.conftest import House


async def test_a_page_has_the_newest_gaps_and_says_how_many_there_are(pbxd: House) -> None:
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    minute = timedelta(minutes=1)
    found = [HistoryGap("pbx", began + number * minute, began + number * minute, "link") for number in range(250)]
    await Calls(pbxd.database).upsert([], found)
    async with pbxd.local.get(CALLS) as answer:
        told = await answer.json()
    assert (len(told["gaps"]), told["gaps_total"]) == (100, 250)
    assert told["gaps"][0]["from"] == "2026-01-01T13:09:00.000000Z"
    async with pbxd.local.get(f"{CALLS}?to=2026-01-01T10:00:00Z") as answer:  # the rest, by a shorter period
        told = await answer.json()
    assert len(told["gaps"]) == 60
    assert "gaps_total" not in told
    async with pbxd.local.get(f"{CALLS}?offset=2000000000") as answer:
        assert (await answer.json())["items"] == []


@pytest.mark.parametrize("query", ["offset=0", "before=C0", "limit=1", "after="])
async def test_what_will_go_says_so(pbxd: House, query: str) -> None:
    await Calls(pbxd.database).upsert([CallRecord("C0", "pbx", "1.0", datetime.now(UTC))])
    async with pbxd.local.get(f"{CALLS}?{query}") as answer:
        assert answer.status == 200
        said = {name: answer.headers.get(name) for name in ("Deprecation", "Sunset")}
    if query in {"limit=1", "after="}:
        assert said == {"Deprecation": None, "Sunset": None}
        return
    page = (Path(__file__).parents[2] / "docs/http.md").read_text(encoding="utf-8")
    ((since, until),) = re.findall(r"`before` and `offset` of `GET /calls` \| (\S+) \| (\S+) \|", page)
    began, ends = (datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (since, until))
    assert said == {"Deprecation": f"@{began.timestamp():.0f}", "Sunset": f"{ends:%a, %d %b %Y} 00:00:00 GMT"}
    assert ends - began > timedelta(days=365)


async def test_history_names_a_caller_saved_later(pbxd: House) -> None:
    began = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
    for minute, (number, direction) in enumerate((("+79160000001", "incoming"), ("+79160000002", "outgoing"))):
        started = began + timedelta(minutes=minute)
        record = CallRecord(f"C{minute}", "pbx", f"1.{minute}", started, caller=Party(number=number), outcome="missed")
        record.direction = direction  # type: ignore[assignment]  # two of the literals
        await Calls(pbxd.database).upsert([record])
    await add(pbxd, IGOR)
    await Calls(pbxd.database).upsert([], [HistoryGap("pbx", began, began + timedelta(minutes=1), "link")])
    async with pbxd.local.get(CALLS) as answer:
        found = await answer.json()
    assert found["total"] == 2
    assert [gap["why"] for gap in found["gaps"]] == ["link"], "B5"
    assert [item["id"] for item in found["items"]] == ["C1", "C0"]
    assert found["items"][1]["caller"]["name"] == "Фронкин Игорь"
    assert found["items"][1]["caller"]["company"] == "Ромашка"
    for query, ids in (
        ({"direction": "incoming"}, ["C0"]), ({"outcome": "busy"}, []), ({"limit": "1"}, ["C1"]),
        ({"limit": "1", "offset": "1"}, ["C0"]), ({"before": "C1"}, ["C0"]), ({"client": "8 916 000-00-02"}, ["C1"]),
        ({"agent": "101"}, []), ({"from": "02.01.2026"}, []), ({"to": "2026-01-01T09:01:00Z"}, ["C0"]),
        ({"min_talk": "1"}, []), ({"queue": "sales"}, []), ({"company": "Ромашка"}, ["C0"]),
        ({"as": "101"}, ["C1", "C0"]), ({"search": "фронк"}, ["C0"]), ({"search": "ааа"}, []),
        ({"no_callback": "true"}, ["C0"]), ({"no_callback": "false"}, ["C1", "C0"]),
    ):  # fmt: skip
        async with pbxd.local.get(CALLS, params=query) as answer:
            assert [item["id"] for item in (await answer.json())["items"]] == ids, query
    async with pbxd.local.get(f"{CALLS}/C0") as answer:
        assert (await answer.json())["caller"]["name"] == "Фронкин Игорь"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "direction=sideways",
        "page=2",
        "offset=-1",
        "offset=9223372036854775808",
        "from=x",
        "since=1",
        "min_talk=nan",
    ],
)
async def test_wrong_filters_are_refused(pbxd: House, query: str) -> None:
    async with pbxd.local.get(f"{CALLS}?{query}") as answer:
        assert (await problem(answer, 422))["field"] == query.split("=", maxsplit=1)[0]
