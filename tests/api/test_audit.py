"""The audit log over HTTP: changes with their author, refusals with their reason."""

from __future__ import annotations

import getpass
from typing import Any

import pytest
from sqlalchemy import func, select

from pbxd.errors import UnavailableError
from pbxd.scopes import Scope, checked_scopes
from pbxd.services.access.audit import Refusals
from pbxd.storage.access.audit import Deed
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.tables import audit
from tests.actors import acting_token
from tests.api.examples import CALLS, conversation
from tests.api.test_sessions import PASSWORD, let_in
from tests.http.conftest import House

pytestmark = pytest.mark.both_databases

AUDIT = "/api/v1/audit"


async def bearer(house: House, name: str, *scopes: Scope) -> dict[str, str]:
    """Return the headers of a new token; the first one of a house has the id 1."""
    _id, plain = await Tokens(house.database).create(name, acting_token(name, "101", scopes=checked_scopes(scopes)))
    return {"Authorization": f"Bearer {plain}"}


async def logged(house: House, **query: str) -> list[dict[str, Any]]:
    await house.services.refusals.flush()
    async with house.local.get(AUDIT, params=query) as answer:
        assert answer.status == 200
        items: list[dict[str, Any]] = (await answer.json())["items"]
        return items


async def test_a_change_is_logged_with_who_and_from_where(pbxd: House) -> None:
    headers = {"Idempotency-Key": "one"} | await bearer(pbxd, "crm", "calls:make")
    async with pbxd.public.post(CALLS, json={"target": "89161234567"}, headers=headers) as answer:
        assert answer.status in {200, 201, 202}
    async with pbxd.local.post(CALLS, json={"agent": "102", "target": "89161234567"}, headers={"Idempotency-Key": "2"}):
        pass
    local, crm = (await logged(pbxd))[:2]
    assert (crm["source"], crm["employee"], crm["address"], crm["action"]) == (
        "token 1 crm",
        "101",
        "127.0.0.1",
        "make_call",
    )
    assert (crm["subject"], crm["result"], crm["reason"]) == (CALLS, "done", "")
    assert (local["source"], local["address"]) == ("socket", getpass.getuser())


async def test_calls_and_their_ends_are_logged_once_with_and_without_a_key(pbxd: House) -> None:
    """Nothing of them need stand in the database, and nobody waits for the log."""
    crm = await bearer(pbxd, "crm", "calls:make")
    made = []
    for number, key in enumerate(("", "one", "one")):
        body = {"target": f"8916123456{min(number, 1)}"}
        async with pbxd.public.post(
            CALLS, json=body, headers=crm | ({"Idempotency-Key": key} if key else {})
        ) as answer:
            assert answer.status == 202
            made.append((await answer.json())["id"])
        if number < 2:
            async with pbxd.public.post(f"{CALLS}/{made[-1]}/hangup", headers=crm) as answer:
                assert answer.status == 202
            await end_call(pbxd)
    assert made[1] == made[2], "repeated"
    async with pbxd.public.post(f"{CALLS}/plan", json={"target": "89161234567"}, headers=crm) as answer:
        assert answer.status == 200
    rows = await logged(pbxd, source="token 1 crm", result="done")
    assert sorted((row["action"], row["employee"]) for row in rows) == [
        ("hang_up_call", "101"),
        ("hang_up_call", "101"),
        ("make_call", "101"),
        ("make_call", "101"),
    ]
    assert f"{CALLS}/{made[0]}/hangup" in {row["subject"] for row in rows}


async def test_what_was_done_while_the_database_was_away_is_logged_later(
    pbxd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = Refusals(pbxd.database)
    monkeypatch.setattr(pbxd.database, "_usable", False)
    refusals.note_done(Deed(source="user 101", action="make_call"))
    await refusals.finish()
    monkeypatch.undo()
    assert await logged(pbxd, action="make_call") == []
    await refusals.finish()
    assert [row["result"] for row in await logged(pbxd, action="make_call")] == ["done"]


async def test_a_call_that_is_refused_is_no_deed(pbxd: House) -> None:
    crm = await bearer(pbxd, "crm", "calls:make")
    async with pbxd.public.post(CALLS, json={"target": "112"}, headers=crm) as answer:
        assert answer.status == 403
    assert await logged(pbxd, result="done", source="token 1 crm") == []


async def test_a_keyed_call_that_the_pbx_refuses_is_no_deed_and_is_tried_anew(pbxd: House) -> None:
    accept = pbxd.pbx.on["Originate"]
    headers = {"Idempotency-Key": "one"} | await bearer(pbxd, "crm", "calls:make")
    refuse = lambda session, action: session.respond(action, "Message: no", status="Error")  # noqa: E731
    for answering, status in ((refuse, 403), (refuse, 403), (accept, 202)):
        pbxd.pbx.on["Originate"] = answering
        async with pbxd.public.post(CALLS, json={"target": "89161234567"}, headers=headers) as answer:
            assert answer.status == status
    assert sorted(row["result"] for row in await logged(pbxd, source="token 1")) == ["done", "refused", "refused"]


async def end_call(pbxd: House) -> None:
    """Have the PBX say that the latest call is over."""
    leg = await pbxd.agent_leg()
    for event in conversation(leg):
        pbxd.click_to_call.feed(event)


async def test_what_changes_nothing_is_not_logged(pbxd: House) -> None:
    async with pbxd.public.get("/favicon.ico") as answer:
        assert answer.status == 401
    async with pbxd.local.get("/api/v1/lookup?number=84951234567") as answer:
        assert answer.status == 200
    assert await logged(pbxd) == []


async def test_a_change_that_fails_leaves_no_row(pbxd: House) -> None:
    """The row is written in the change's own transaction."""
    with pytest.raises(ZeroDivisionError):
        async with pbxd.database.writing():
            raise ZeroDivisionError
    pbxd.pbx.on["Getvar"] = lambda session, action: session.respond(action, "Value: UNAVAILABLE")
    async with pbxd.local.post(
        CALLS, json={"agent": "101", "target": "89161234567"}, headers={"Idempotency-Key": "one"}
    ) as answer:
        assert answer.status == 403
    rows = await logged(pbxd)
    assert [(row["result"], row["reason"]) for row in rows] == [("refused", "agent-offline")]


async def test_refusals_say_why(unlinked: House) -> None:
    headers = await bearer(unlinked, "crm", "lookup")
    async with unlinked.public.get(AUDIT, headers=headers) as answer:
        assert answer.status == 403
    async with unlinked.public.get(AUDIT, headers={"Authorization": "Bearer wrong"}) as answer:
        assert answer.status == 401
    unknown, scope = await logged(unlinked, result="refused")
    assert (scope["source"], scope["action"], scope["reason"]) == ("token 1 crm", "list_audit", "insufficient-scope")
    assert (unknown["source"], unknown["employee"], unknown["reason"]) == ("", None, "unauthorized")
    assert unknown["address"] == "127.0.0.1"


async def test_signing_in_is_logged_whether_it_succeeds_or_not(pbxd: House) -> None:
    await let_in(pbxd, "101")
    for password, status in (("wrong password", 401), (PASSWORD, 201)):
        async with pbxd.public.post("/api/v1/session", json={"login": "101", "password": password}) as answer:
            assert answer.status == status
    rows = [row for row in await logged(pbxd) if row["action"] == "sign_in"]
    told = sorted((row["result"], row["subject"], row["address"], row["reason"]) for row in rows)
    assert told == [("done", "101", "127.0.0.1", ""), ("refused", "101", "127.0.0.1", "wrong-login")]


async def test_what_is_no_user_s_login_may_be_a_password_and_is_not_logged(pbxd: House) -> None:
    await let_in(pbxd, "101")
    asked = {"login": PASSWORD, "password": "101"}
    for _attempt in range(8):  # the last ones are delayed, before anybody is looked up
        async with pbxd.public.post("/api/v1/session", json=asked) as answer:
            assert answer.status in {401, 429}
    form = {"login": f" {PASSWORD} ", "password": "101"}
    async with pbxd.public.post("/sign-in", data=form) as answer:
        assert answer.status in {401, 429}
    async with pbxd.public.post("/api/v1/session", json=asked, headers={"Origin": "http://evil.example"}) as answer:
        assert answer.status == 403
    async with pbxd.public.post("/api/v1/session", json={"login": "102", "password": "x"}) as answer:
        assert answer.status == 401
    rows = await logged(pbxd)
    subjects = [row["subject"] for row in rows if row["action"] == "sign_in" and row["result"] == "refused"]
    assert {subject.partition(" ")[0] for subject in subjects} == {"unknown"}
    assert len(set(subjects)) == 2, "equal logins are told apart from others"
    assert not any(PASSWORD in str(row) for row in rows)


async def test_tokens_of_one_name_are_told_apart(unlinked: House) -> None:
    for headers in (await bearer(unlinked, "crm", "lookup"), await bearer(unlinked, "crm", "lookup")):
        async with unlinked.public.get(AUDIT, headers=headers) as answer:
            assert answer.status == 403
    for n in range(3, 12):
        await bearer(unlinked, f"t{n}", "lookup")
    unlinked.services.refusals.note(Deed(source="token 11 t11", action="a"))
    assert [row["source"] for row in await logged(unlinked)] == ["token 11 t11", "token 2 crm", "token 1 crm"]
    assert [row["source"] for row in await logged(unlinked, source="token 1")] == ["token 1 crm"]
    assert len(await logged(unlinked, source="token")) == 3
    assert await logged(unlinked, source="token%") == await logged(unlinked, source="crm") == []


async def test_pages_and_filters(unlinked: House) -> None:
    await unlinked.services.refusals.flush()
    for n in range(5):
        unlinked.services.refusals.note(Deed(source=f"token {n % 2}", action="a", subject=str(n)))
    everything = await logged(unlinked)
    async with unlinked.local.get(AUDIT, params={"limit": "2"}) as answer:
        first = await answer.json()
        assert answer.headers["Link"] == f'<{AUDIT}?limit=2&after={first["next"]}>; rel="next"'
    async with unlinked.local.get(AUDIT, params={"limit": "5", "after": str(first["next"])}) as answer:
        rest = await answer.json()
    assert first["items"] + rest["items"] == everything
    assert rest["next"] is None
    assert (first["total"], first["total_is_exact"]) == (3, False), "at least"
    assert (rest["total"], rest["total_is_exact"]) == (3, False), "there were pages before"
    async with unlinked.local.get(AUDIT) as answer:
        whole = await answer.json()
    assert (whole["total"], whole["total_is_exact"], whole["next"], "Link" in answer.headers) == (5, True, None, False)
    assert [row["subject"] for row in await logged(unlinked, source="token 1")] == ["3", "1"]
    assert await logged(unlinked, to="01.01.2020") == []
    async with unlinked.local.get(AUDIT, params={"from": "tomorrow?"}) as answer:
        assert answer.status == 422


async def test_a_flood_of_refusals_is_counted_and_does_not_fill_the_disk(unlinked: House) -> None:
    for _n in range(150):
        async with unlinked.public.get(AUDIT) as answer:
            assert answer.status == 401
    assert len(await logged(unlinked, limit="1000")) <= 120  # a minute may have ended meanwhile
    async with unlinked.local.get("/metrics") as answer:
        assert "pbxd_refusals_total 150.0" in await answer.text()


async def test_a_flood_hides_no_failed_sign_in_and_no_refusal_of_somebody_known(pbxd: House) -> None:
    await let_in(pbxd, "101")
    refusals = pbxd.services.refusals
    for n in range(2000):
        refusals.note(Deed(source="", action="find_contacts", address=f"192.0.2.{n % 250}", reason="unauthorized"))
        refusals.note(Deed(source="", action="sign_in", reason="wrong-login"), "unknown")
    refusals.note(Deed(source="token 9 other", action="list_audit", reason="insufficient-scope"))
    for body in ({"login": "101", "password": "wrong password"}, {"login": PASSWORD, "password": "x"}):
        async with pbxd.public.post("/api/v1/session", json=body) as answer:
            assert answer.status == 401
    async with pbxd.public.get(AUDIT, headers=await bearer(pbxd, "crm", "lookup")) as answer:
        assert answer.status == 403
    rows = await logged(pbxd, limit="1000", result="refused")
    assert ("sign_in", "101") in {(row["action"], row["subject"]) for row in rows}
    assert {"token 1 crm", "token 9 other"} <= {row["source"] for row in rows}
    assert len(rows) < 250, "a minute may have ended meanwhile"


async def test_what_nobody_known_is_refused_does_not_fill_the_disk(unlinked: House) -> None:
    for n in range(3000):
        unlinked.services.refusals.note(Deed(source="", action="sign_in", reason="wrong-login"), f"user{n}")
        unlinked.services.refusals.note(Deed(source=f"token {n % 3} x", action="a", reason="insufficient-scope"))
    await unlinked.services.refusals.flush()
    async with unlinked.database.reading() as connection:
        counted = select(audit.c.source, func.count().label("rows")).group_by(audit.c.source)
        rows = {row.source: row.rows for row in await connection.execute(counted)}
    assert rows[""] <= 1200, "a minute may have ended meanwhile"
    assert all(60 <= rows[f"token {n} x"] <= 120 for n in range(3))


async def test_refusals_wait_for_a_database_that_is_away(unlinked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = Refusals(unlinked.database)
    monkeypatch.setattr(unlinked.database, "_usable", False)
    refusals.note(Deed(source="token 1 crm", action="a"))
    with pytest.raises(UnavailableError):
        await refusals.flush()
    monkeypatch.undo()
    await refusals.flush()
    async with unlinked.database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(audit)) == 1
