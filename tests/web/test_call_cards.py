"""Calls by a click and cards of calls, without script: addresses, rights, what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from yarl import URL

from pbxd.book.employees import Employee
from pbxd.calls.presence import PhoneState, Presence
from pbxd.calls.record import Agent, CallRecord, Party, Step
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.api.examples import conversation
from tests.web.book import ANNA, add, agent
from tests.web.test_pages import Browser, Shown
from tests.web.test_pages import browser as browser

FRAGMENT = {"X-Fragment": "1"}
AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def signed_in(browser: Browser) -> None:
    await Employees(browser.pbxd.database).upsert([Employee("102", "Петров Сергей")], source="list")
    await browser.pbxd.directory.load()
    plain = await browser.let_in("101")
    browser.session.cookie_jar.update_cookies({PLAIN_NAME: plain}, URL(str(browser.session._base_url)))


def label(shown: Shown) -> list[str]:
    return [each.attributes["aria-label"] for each in shown.page.elements if each.attributes.get("role") == "region"]


async def rung(browser: Browser) -> list[str]:
    """The numbers that the PBX was asked to call."""
    return [one["Exten"] for one in browser.pbxd.pbx.sessions[0].actions if one["Action"] == "Originate"]


async def test_without_script_a_page_follows_a_call_by_a_click_and_cancels_it(browser: Browser) -> None:
    await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    made = await browser.post("/calls", {"number": "8 (916) 123-45-67"})
    assert made.status == 303
    path = made.headers["Location"]
    shown = await browser.get(path)
    assert (label(shown), shown.page.role("status")[0]) == (["Исходящий звонок: Ким Анна"], "Звоним вам")
    assert [each.attributes["content"] for each in shown.page.elements if "http-equiv" in each.attributes] == ["2"]
    for event in conversation(await browser.pbxd.agent_leg())[:2]:
        browser.pbxd.click_to_call.feed(event)
    assert "Отменить вызов" in (await browser.get(path)).page.texts("button")
    assert (await browser.post(f"{path}/hangup", {})).headers["Location"] == path
    assert "Hangup" in browser.pbxd.pbx.asked
    assert await rung(browser) == ["89161234567"]


@pytest.mark.parametrize("typed", ["", "1", "999", "Ким Анна", "<b>1</b>", "9" * 200, "abc916", "+7916"])
async def test_what_is_no_number_calls_nobody_though_a_contact_has_that_id_or_name(
    browser: Browser, typed: str
) -> None:
    contact = await add(browser.pbxd, ADMINISTRATOR, **ANNA)
    assert contact.id == 1
    refused = await browser.post("/calls", {"number": typed})
    assert refused.status == 422
    assert "<b>" not in refused.text
    said = await browser.post("/calls", {"number": typed}, **FRAGMENT)
    assert (said.status, said.headers["Content-Type"]) == (422, "text/plain; charset=utf-8")
    assert await rung(browser) == []


async def test_a_colleague_is_called_by_the_extension(browser: Browser) -> None:
    shown = await browser.post("/calls", {"number": "102"}, **FRAGMENT)
    assert (shown.status, label(shown)) == (200, ["Исходящий звонок: Петров Сергей"])


async def test_a_caller_from_outside_who_sends_an_extension_is_no_colleague(browser: Browser) -> None:
    there(browser, incoming(caller=Party("102")), {"101": "ringing"})
    assert label(await browser.get("/card/01CALL", **FRAGMENT)) == ["Входящий звонок: 102"]


async def test_a_second_call_at_a_time_is_refused_in_words(browser: Browser) -> None:
    await browser.post("/calls", {"number": "102"})
    again = await browser.post("/calls", {"number": "+79161234567"}, **FRAGMENT)
    assert again.status == 409
    assert "101" in again.text


async def test_another_one_s_call_is_neither_shown_nor_ended(browser: Browser) -> None:
    made = await browser.post("/calls", {"number": "+79161234567"})
    path = made.headers["Location"]
    other = await browser.let_in("102")
    browser.session.cookie_jar.update_cookies({PLAIN_NAME: other}, URL(str(browser.session._base_url)))
    assert (await browser.get(path)).status == 404
    assert (await browser.post(f"{path}/hangup", {})).status == 422
    assert "Hangup" not in browser.pbxd.pbx.asked


async def test_another_site_s_form_calls_nobody(browser: Browser) -> None:
    refused = await browser.post("/calls", {"number": "+79161234567"}, Origin="https://evil.example")
    assert refused.status == 403
    assert await rung(browser) == []


async def test_a_personal_contact_of_somebody_else_names_no_card(browser: Browser) -> None:
    await add(browser.pbxd, agent("102"), name="Тайный", visibility="personal")
    there(browser, incoming(), {"101": "ringing"})
    shown = await browser.get("/card/01CALL", **FRAGMENT)
    assert (label(shown), "Тайный" in shown.text) == (["Входящий звонок: +7 916 123-45-67"], False)


async def test_a_number_a_colleague_s_extension_and_112_in_the_search_can_be_called(browser: Browser) -> None:
    for typed in ("8 916 123-45-67", "+79161234567", "8(916)1234567"):
        shown = await browser.get(f"/clients?search={typed.replace('+', '%2B')}")
        assert "Позвонить +7 916 123-45-67" in shown.page.texts("button")
    for typed, button in (
        ("102", ["Позвонить Петров Сергей (102)"]),
        ("112", ["Позвонить 112"]),
        ("916", []),
        ("101", []),
    ):
        shown = await browser.get(f"/clients?search={typed}")
        assert [each for each in shown.page.texts("button") if "Позвонить" in each] == button, typed


def incoming(**changes: object) -> CallRecord:
    record = CallRecord("01CALL", "pbx", "1.1", AT, caller=Party("+79161234567"), callee=Party("+74951230100"))
    for extension in ("101", "102"):
        record.agents.append(Agent(extension, rings=1))
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def there(browser: Browser, record: CallRecord, phones: dict[str, PhoneState], part: str = "talk") -> None:
    browser.pbxd.presences[:] = [Presence(record, part, phones)]


BLIND = [Step(AT, "answered", "101"), Step(AT, "blind-transfer", "101", "102")]
TAKEN = {"answered": AT, "answered_by": ["102"]}
OURS = {"answered": AT, "answered_by": ["101"]}
CONTINUES: dict[str, PhoneState] = {"102": "ringing"}


@pytest.mark.parametrize(
    ("record", "phones", "part", "status"),
    [
        (incoming(), {"101": "ringing"}, "ring", "Звонит"),
        (incoming(), {"102": "ringing"}, "ring", "Звонит"),
        (incoming(**TAKEN), {"102": "talking"}, "talk", "Ответил Петров Сергей"),
        (incoming(**TAKEN, ended=AT, outcome="answered"), {}, "", "Ответил Петров Сергей"),
        (incoming(**OURS), {"101": "talking"}, "talk", "Разговор"),
        (incoming(**OURS), {"101": "held"}, "hold", "Удержание"),
        (incoming(**OURS), {}, "hold", "Удержание"),
        (incoming(**OURS, story=BLIND), CONTINUES, "ring", "Переведён"),
        (incoming(**OURS), CONTINUES, "ring", "Завершён"),
        (incoming(**OURS, ended=AT, outcome="answered"), {}, "", "Завершён"),
        (incoming(ended=AT, outcome="missed"), {}, "", "Завершён"),
    ],
    ids=[
        "rings", "rings at others", "taken by another", "was taken", "talks", "holds", "parked", "given away",
        "left it", "talked", "missed",
    ],
)  # fmt: skip
async def test_what_a_card_says(
    browser: Browser, record: CallRecord, phones: dict[str, PhoneState], part: str, status: str
) -> None:
    there(browser, record, phones, part)
    shown = await browser.get("/card/01CALL", **FRAGMENT)
    assert shown.page.role("status") == [status]
    assert ("Перезвонить" in shown.page.texts("button")) == (status == "Завершён")
    assert ("Пропущенный звонок" in shown.text) == (record.outcome == "missed")
    assert (" data-leaves" in shown.text) == status.startswith("Ответил"), "it closes by itself"


async def test_a_closed_card_is_closed_for_its_user_until_the_phone_rings_again(browser: Browser) -> None:
    record = incoming()
    there(browser, record, {"101": "ringing"})
    assert (await browser.post("/card/01CALL/close", {}, **FRAGMENT)).status == 204
    assert (await browser.get("/card/01CALL", **FRAGMENT)).status == 404
    assert label(await browser.get("/cards?open=01CALL", **FRAGMENT)) == []
    assert label(await browser.get("/calls/01CALL")) == ["Входящий звонок: +7 916 123-45-67"], "a page is no card"
    record.agent("101").rings += 1
    assert len(label(await browser.get("/cards", **FRAGMENT))) == 1
    assert (await browser.get("/card/01CALL", **FRAGMENT)).status == 200


async def test_whom_one_took_a_caller_for_holds_in_all_browsers(browser: Browser) -> None:
    ids = [(await add(browser.pbxd, ADMINISTRATOR, name=name)).id for name in ("Ким Анна", "Ли Олег")]
    there(browser, incoming(), {"101": "ringing"})
    assert (await browser.post("/card/01CALL/contact", {"contact": str(ids[1])}, **FRAGMENT)).status == 204
    for path in ("/card/01CALL", "/cards"):
        assert label(await browser.get(path, **FRAGMENT)) == ["Входящий звонок: Ли Олег"]
    for nonsense in ("", "999", "x"):
        await browser.post("/card/01CALL/contact", {"contact": nonsense}, **FRAGMENT)
        assert label(await browser.get("/card/01CALL", **FRAGMENT)) == ["Входящий звонок: +7 916 123-45-67"]


async def test_another_one_s_card_can_neither_be_closed_nor_named(browser: Browser) -> None:
    record = incoming()
    record.agents[:] = [Agent("102", rings=1)]
    there(browser, record, {"102": "ringing"})
    for path in ("/card/01CALL/close", "/card/01CALL/contact"):
        assert (await browser.post(path, {"contact": "1"}, **FRAGMENT)).status == 404
        assert (await browser.post(path, {}, Origin="https://evil.example")).status == 403
