"""`pbxd webhooks`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.cli.conftest import Pbxd

URL = "https://crm.invalid/hook"  # resolves to nothing, which is accepted


def test_a_webhook_from_its_making_to_its_end(pbxd: Pbxd) -> None:
    made = pbxd.json("webhooks", "add", URL, "--event", "call.ringing", "--event", "contact.*", "--queue", "sales")
    assert made["secret"].startswith("whsec_")
    assert made["events"] == ["call.ringing", "contact.added", "contact.changed", "contact.deleted"]
    (listed,) = pbxd.json("webhooks", "list")["items"]
    assert (listed["url"], listed["filter"], listed["pending"]) == (URL, {"queue": "sales", "extension": ""}, 0)
    assert "secret" not in listed
    assert made["secret"] not in pbxd("webhooks", "list").stdout
    rotated = pbxd("webhooks", "rotate", "1").stdout.strip()
    assert rotated.startswith("whsec_")
    assert rotated != made["secret"]
    assert pbxd("webhooks", "replay", "1", "--after", "0").stdout == "webhook 1: everything after 0 is sent again\n"
    assert pbxd.json("webhooks", "deliveries", "1") == {"total": 0, "items": []}
    assert pbxd("webhooks", "delete", "1", "--yes").stdout == "webhook 1 deleted\n"
    assert "there is no webhook 1" in pbxd.refusal("webhooks", "rotate", "1")


def test_the_events_of_one_employee_by_extension_or_name(pbxd: Pbxd) -> None:
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    for text in ("101", "Анна Иванова"):
        made = pbxd.json("webhooks", "add", URL, "--event", "call.*", "--extension", text)
        assert made["filter"]["extension"] == "101"


def test_a_program_gets_all_deliveries_and_pages_on_request(pbxd: Pbxd) -> None:
    pbxd("webhooks", "add", URL, "--event", "gap")
    with closing(sqlite3.connect(pbxd.folder / "book.db")) as book, book:
        rows = ((seq, f"2026-11-01 10:00:{seq % 60:02}.000000") for seq in range(1, 131))
        book.executemany(
            "INSERT INTO webhook_deliveries (webhook_id, seq, kind, lane, state, since, due)"
            " VALUES (1, ?1, 'gap', '', 'dead', ?2, ?2)",
            rows,
        )
    every = pbxd.json("webhooks", "deliveries", "1")
    assert [each["seq"] for each in every["items"]] == [*range(130, 0, -1)]
    assert every["total"] == 130
    assert pbxd.json("webhooks", "deliveries", "1", "--state", "pending")["items"] == []
    page = pbxd.json("webhooks", "deliveries", "1", "--limit", "60", "--before", "80")
    assert ([each["seq"] for each in page["items"]], page["next"]) == ([*range(79, 19, -1)], 20)
    assert pbxd.json("webhooks", "deliveries", "1", "--limit", "19", "--before", "20")["next"] is None


def test_what_is_refused(pbxd: Pbxd) -> None:
    for text in ("999", "Никто Никакой"):
        assert "no employee" in pbxd.refusal("webhooks", "add", URL, "--event", "gap", "--extension", text)
    assert "not public" in pbxd.refusal("webhooks", "add", "http://127.0.0.1/", "--event", "gap")
    assert "call.ringing" in pbxd.refusal("webhooks", "add", URL, "--event", "call.rang")
    pbxd("webhooks", "add", URL, "--event", "gap")
    assert "the feed has events" in pbxd.refusal("webhooks", "replay", "1", "--after", "7")


def test_a_network_that_the_configuration_allows(pbxd: Pbxd) -> None:
    file = pbxd.folder / "pbxd.toml"
    file.write_text(file.read_text() + '[webhooks]\nallowed_networks = ["127.0.0.0/8"]\n')
    assert pbxd.json("webhooks", "add", "http://127.0.0.1:9/", "--event", "gap")["id"] == 1
