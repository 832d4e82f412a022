"""`/api/v1/webhooks`: who may, what is refused, what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.scopes import ALL, Scopes
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.feed import News, tell
from tests.http.conftest import House

URL = "/api/v1/webhooks"
PUBLIC = "https://crm.invalid/hook"  # resolves to nothing, which is accepted


async def asked(pbxd: House, method: str, path: str, body: object = None) -> tuple[int, dict[str, Any]]:
    async with pbxd.local.request(method, URL + path, json=body) as answer:
        return answer.status, await answer.json() if answer.content_length else {}


async def test_a_webhook_is_made_shown_rotated_and_deleted(pbxd: House) -> None:
    status, made = await asked(pbxd, "POST", "", {"url": PUBLIC, "events": ["call.*"], "filter": {"queue": "sales"}})
    assert status == 201
    assert made["secret"].startswith("whsec_")
    assert "call.ringing" in made["events"]
    assert made["filter"] == {"queue": "sales", "extension": ""}
    status, shown = await asked(pbxd, "GET", f"/{made['id']}")
    assert status == 200
    assert "secret" not in shown
    assert {**shown, "secret": made["secret"]} == made
    status, listed = await asked(pbxd, "GET", "")
    assert (listed["total"], listed["items"]) == (1, [shown])
    status, rotated = await asked(pbxd, "POST", f"/{made['id']}/rotate")
    assert rotated["secret"] != made["secret"]
    assert rotated["former_secret_until"] is not None
    assert (await asked(pbxd, "DELETE", f"/{made['id']}"))[0] == 204
    assert (await asked(pbxd, "GET", f"/{made['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"url": "http://127.0.0.1/"}, "url"),
        ({"url": "http://localhost:5038/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "http://169.254.169.254/latest/meta-data/"}, "url"),
        ({"url": "http://[::1]/"}, "url"),
        ({"url": "http://[::ffff:192.168.0.1]/"}, "url"),
        ({"url": "http://[fe80::1]/"}, "url"),
        ({"url": "http://2130706433/"}, "url"),
        ({"url": "ftp://crm.invalid/"}, "url"),
        ({"url": "https://me:secret@crm.invalid/"}, "url"),
        ({"url": "https://crm.invalid/\r\nX: 1"}, "url"),
        ({"events": []}, "events"),
        ({"events": ["call.rang"]}, "events"),
        ({"events": ["extension.state"]}, "events"),
        ({"events": ["contacts.erased"]}, "events"),
        ({"secret": "whsec_AAAA"}, "secret"),
        ({"filter": {"since": 1}}, "filter.since"),
        ({"filter": {"extension": "999"}}, "filter.extension"),
        ({"filter": {"extension": "Никто Никакой"}}, "filter.extension"),
        ({"url": 7}, "url"),
    ],
)
async def test_what_is_refused(pbxd: House, body: dict[str, Any], field: str) -> None:
    status, problem = await asked(pbxd, "POST", "", {"url": PUBLIC, "events": ["call.*"], **body})
    assert (status, problem["field"]) == (422, field), problem
    assert problem["errors"][0]["pointer"] == "/" + field.replace(".", "/")
    assert (await asked(pbxd, "GET", ""))[1]["total"] == 0


async def test_a_filter_names_an_employee_as_everywhere(pbxd: House) -> None:
    await Employees(pbxd.database).upsert([Employee("101", "Иванова Анна")], source="list")
    for text in ("101", "Анна Иванова"):
        wanted = {"url": PUBLIC, "events": ["gap"], "filter": {"extension": text}}
        status, made = await asked(pbxd, "POST", "", wanted)
        assert (status, made["filter"]["extension"]) == (201, "101")
    status, problem = await asked(
        pbxd, "POST", "", {"url": "ftp://x/", "events": ["call.rang"], "filter": {"extension": "999"}}
    )
    assert [each["pointer"] for each in problem["errors"]] == ["/url", "/events", "/filter/extension"]
    assert problem["errors"][-1]["detail"] == "no employee has the extension 999"


async def test_only_administrators_with_the_scope(pbxd: House) -> None:
    without: Scopes = ALL - {"admin"}
    for scopes, status, expected in ((without, 403, "admin"), (ALL, 200, "")):
        actor = Actor.token("crm", scopes=scopes)
        _id, plain = await Tokens(pbxd.database).create("crm", actor)
        async with pbxd.public.get(URL, headers={"Authorization": f"Bearer {plain}"}) as answer:
            assert (answer.status, (await answer.json()).get("scope", "")) == (status, expected)


@pytest.mark.parametrize("after", [9, 2**62])
async def test_a_replay_from_outside_the_feed_is_refused(pbxd: House, after: int) -> None:
    _status, made = await asked(pbxd, "POST", "", {"url": PUBLIC, "events": ["gap"]})
    async with pbxd.database.writing() as connection:
        await tell(connection, [News("gap", "pbx", {})] * 3)
    assert (await asked(pbxd, "POST", f"/{made['id']}/replay", {"after": after}))[0] == 409
    status, again = await asked(pbxd, "POST", f"/{made['id']}/replay", {"after": 1})
    assert (status, again["cursor"]) == (200, 1)


@pytest.mark.parametrize("path", ["", "/rotate", "/replay", "/test", "/deliveries"])
async def test_an_unknown_webhook_is_not_there(pbxd: House, path: str) -> None:
    method = "GET" if path in {"", "/deliveries"} else "POST"
    for key in ("7", "0", "x", str(2**64)):
        assert (await asked(pbxd, method, f"/{key}{path}", {"after": 0}))[0] == 404


async def test_a_test_to_nobody_says_so(pbxd: House) -> None:
    _status, made = await asked(pbxd, "POST", "", {"url": PUBLIC, "events": ["gap"]})
    status, tested = await asked(pbxd, "POST", f"/{made['id']}/test")
    assert (status, tested["delivered"], tested["status"]) == (200, False, None)
    assert tested["error"]
    assert tested["curl"].startswith("curl ")
    assert tested["curl"].endswith(PUBLIC)
