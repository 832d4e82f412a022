"""What pbxd counts and measures, as a Prometheus reads it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pbxd.scopes import checked_scopes
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.access.webhook_deliveries import Attempt, Deliveries, Queued
from pbxd.storage.access.webhooks import Webhooks
from tests.actors import acting_token
from tests.api.examples import CALLS, IGOR, add, problem
from tests.http.conftest import House

ROOT = Path(__file__).parents[2]
PBXD = ROOT / "pbxd"
DECLARED = re.compile(r'(?:Reading|Measured)\("(\w+)"')
CONFIG = ROOT / "config" / "prometheus"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scraped(house: House) -> Samples:
    async with house.local.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    families = text_string_to_metric_families(text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


async def test_look_ups_are_counted_by_result_with_their_time(unlinked: House) -> None:
    await add(unlinked, IGOR)
    before = await scraped(unlinked)
    for number in ("84951234567", "84951234567", "89160000000"):
        async with unlinked.local.get(f"/api/v1/lookup?number={number}") as answer:
            assert answer.status == 200
    after = await scraped(unlinked)
    for result, count in (("found", 2), ("unknown", 1)):
        name = "pbxd_lookup_seconds"
        assert value(after, f"{name}_count", result=result) - value(before, f"{name}_count", result=result) == count
        assert value(after, f"{name}_bucket", result=result, le="+Inf") == value(after, f"{name}_count", result=result)
        assert value(after, f"{name}_sum", result=result) > value(before, f"{name}_sum", result=result)
    requests = "pbxd_http_request_seconds_count"
    assert value(after, requests, operation="look_up", status="200") == 3


async def test_a_pbx_that_is_away_shows(unlinked: House) -> None:
    assert value(await scraped(unlinked), "pbxd_pbx_connected") == 0


@pytest.mark.sqlite_house
async def test_a_database_that_is_gone_shows(pbxd: House) -> None:
    linked = await scraped(pbxd)
    assert value(linked, "pbxd_pbx_connected") == value(linked, "pbxd_database_up") == 1
    assert value(linked, "pbxd_database_answer_seconds") > 0
    assert value(linked, "process_resident_memory_bytes") > 10_000_000
    pbxd.settings.folder.joinpath("book.db").rename(pbxd.settings.folder / "gone.db")
    gone = await scraped(pbxd)
    assert value(gone, "pbxd_database_up") == 0
    assert ("pbxd_feed_newest", frozenset[tuple[str, str]]()) not in gone


async def test_refused_calls_are_counted_by_reason(pbxd: House) -> None:
    pbxd.pbx.on["Getvar"] = lambda session, action: session.respond(action, "Value: UNAVAILABLE")
    async with pbxd.local.post(CALLS, json={"agent": "101", "target": "89161234567"}) as answer:
        assert answer.status == 403
    assert value(await scraped(pbxd), "pbxd_click_to_calls_total", reason="agent-offline") == 1


async def test_what_webhooks_were_not_sent_shows_also_of_a_disabled_one(unlinked: House) -> None:
    webhooks, deliveries = Webhooks(unlinked.database), Deliveries(unlinked.database)
    for _webhook in range(2):
        await webhooks.add("https://crm.example.org/", ("call.ended",), "", "")
    since = datetime.now(UTC) - timedelta(hours=1)
    queued = [Queued(number, "call.ended", str(number), since + timedelta(minutes=number)) for number in (1, 2, 3)]
    assert await deliveries.queue(1, (await webhooks.get(1)).version, queued, 7)
    await deliveries.note(1, [Attempt(1, "delivered", 1, since, since, 200, 5, "")])
    await deliveries.note(1, [Attempt(3, "dead", 9, since, since, 500, 5, "")])
    await webhooks.disable(1, "410")
    samples = await scraped(unlinked)
    names = ("enabled", "cursor", "pending", "dead")
    assert [value(samples, f"pbxd_webhook_{name}", webhook="1") for name in names] == [0, 7, 1, 1]
    assert [value(samples, f"pbxd_webhook_{name}", webhook="2") for name in names] == [1, 0, 0, 0]
    oldest = "pbxd_webhook_oldest_pending_seconds"
    assert 58 * 60 <= value(samples, oldest, webhook="1") < 59 * 60
    assert value(samples, oldest, webhook="2") == 0


async def test_a_token_needs_the_scope(unlinked: House) -> None:
    for scope, status in (("metrics", 200), ("lookup", 403)):
        _id, plain = await Tokens(unlinked.database).create(scope, acting_token(scope, scopes=checked_scopes([scope])))
        async with unlinked.public.get("/metrics", headers={"Authorization": f"Bearer {plain}"}) as answer:
            assert answer.status == status
    async with unlinked.public.get("/metrics") as answer:
        await problem(answer, 401)


async def test_page_alerts_and_dashboard_name_the_metrics_that_exist(pbxd: House) -> None:
    told = {re.sub("_(bucket|sum|count)$", "", name) for name, _labels in await scraped(pbxd)}
    declared = {name for file in PBXD.rglob("*.py") for name in DECLARED.findall(file.read_text(encoding="utf-8"))}
    assert {name for name in told if name.startswith("pbxd_")} <= declared
    page = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert {name for name in declared if f"`{name}`" not in page} == set()
    for file in ("alerts.yml", "dashboard.json"):
        used = set(re.findall(r"\b(?:pbxd|process)_[a-z_]+\b", (CONFIG / file).read_text(encoding="utf-8")))
        assert {re.sub("_(bucket|sum|count)$", "", name) for name in used} - declared - told == set()
        assert len(used) > 5
    assert json.loads((CONFIG / "dashboard.json").read_text())["title"] == "pbxd"
