"""Calls by a click and cards of calls, without script: addresses, rights, what is refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from yarl import URL

from pbxd.book.employees import Employee
from pbxd.calls.presence import PhoneState, Presence
from pbxd.calls.record import Agent, CallRecord, Party, Step
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services import companies
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
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


async def known_by(browser: Browser, number: str = "+79161234567") -> Shown:
    """The card of a call from a number."""
    there(browser, incoming(caller=Party(number)), {"101": "ringing"})
    return await browser.get("/card/01CALL", **FRAGMENT)


async def test_a_company_s_own_number_names_the_card(browser: Browser) -> None:
    asked = companies.AddCompany(name="Ромашка", numbers=("+74950000001",))
    company = await companies.add(browser.pbxd.services.workspace, ADMINISTRATOR, asked)
    shown = await known_by(browser, "+74950000001")
    assert label(shown) == ["Входящий звонок: Ромашка"]
    assert "+7 495 000-00-01" in shown.text
    assert {"Открыть компанию", "Добавить контакт"} <= set(shown.page.texts("button"))
    assert f'action="/companies/{company.id}"' in shown.text
    assert {"name": "company", "value": "Ромашка", "type": "hidden"} in [
        each.attributes for each in shown.page.elements
    ]


async def test_a_colleague_s_mobile_names_the_card_and_offers_nothing_to_add(browser: Browser) -> None:
    people = [Employee("102", "Петров Сергей", mobile="+79160000102", department="Продажи")]
    await Employees(browser.pbxd.database).upsert(people, source="list")
    await browser.pbxd.directory.load()
    shown = await known_by(browser, "+79160000102")
    assert label(shown) == ["Входящий звонок: Петров Сергей"]
    assert "Продажи" in shown.text
    assert not {"Добавить контакт", "Привязать к контакту"} & set(shown.page.texts("button"))


async def test_people_of_one_company_with_one_number_head_the_card_with_its_name_and_a_vip_of_them_counts(
    browser: Browser,
) -> None:
    for place in range(8):
        await add(browser.pbxd, ADMINISTRATOR, name=f"Ким {place}", company="Ромашка", vip=place == 7)
    shown = await known_by(browser)
    assert label(shown) == ["Входящий звонок: Ромашка (8)"]
    assert '<span class="vip"' in shown.text
    links = [each for each in shown.page.texts("a") if each.startswith(("Ким", "Ещё"))]
    assert links == [*(f"Ким {place}, Ромашка" for place in range(6)), "Ещё 2"]
    assert 'href="/clients?number=%2B79161234567"' in shown.text


async def test_strangers_with_one_number_have_no_name_in_common(browser: Browser) -> None:
    for name in ("Ким Анна", "Ли Олег"):
        await add(browser.pbxd, ADMINISTRATOR, name=name)
    assert label(await known_by(browser)) == ["Входящий звонок: +7 916 123-45-67"]


async def test_another_one_s_personal_contact_gives_no_name_and_no_vip_to_a_shared_number(browser: Browser) -> None:
    await add(browser.pbxd, agent("102"), name="Тайный", company="Ромашка", visibility="personal", vip=True)
    for name in ("Ким Анна", "Ли Олег"):
        await add(browser.pbxd, ADMINISTRATOR, name=name, company="Ромашка")
    shown = await known_by(browser)
    assert (label(shown), "vip" in shown.text, "Тайный" in shown.text) == (
        ["Входящий звонок: Ромашка (2)"], False, False,
    )  # fmt: skip


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
    await known_by(browser)
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


def timer(shown: Shown) -> tuple[str, float | None]:
    """What the timer of a card says, and from how many seconds it goes on; None: it stands."""
    (found,) = [each for each in shown.page.elements if each.attributes.get("data-part") == "timer"]
    seconds = found.attributes.get("data-seconds")
    return found.text, float(seconds) if seconds else None


async def test_the_timer_counts_from_the_own_answer_and_stands_still_at_the_end(browser: Browser) -> None:
    now = datetime.fromtimestamp(browser.pbxd.services.call_watch.now(), UTC)
    answered = now - timedelta(seconds=600)
    story = [Step(answered, "answered", "102"), Step(now - timedelta(seconds=65), "answered", "101")]
    record = incoming(answered=answered, answered_by=["102", "101"], story=story)
    there(browser, record, {"101": "talking"})
    text, seconds = timer(await browser.get("/card/01CALL", **FRAGMENT))
    assert seconds is not None
    assert 65 <= seconds < 125
    assert text in {f"{second // 60}:{second % 60:02}" for second in (int(seconds), int(seconds) + 1)}
    record.ended, record.outcome = now, "answered"
    record.seconds |= {"talk": 3600.0, "hold": 61.0}
    there(browser, record, {})
    assert timer(await browser.get("/card/01CALL", **FRAGMENT)) == ("1:01:01", None)


async def test_the_last_call_stands_in_a_line_and_five_below_without_the_call_itself(browser: Browser) -> None:
    anna = await add(browser.pbxd, ADMINISTRATOR, **ANNA, manager="102")
    talked = {"outcome": "answered", "answered_by": ["101"]}
    earlier = [incoming(id=f"01C{day}", started=AT - timedelta(days=day), ended=AT, **talked) for day in range(1, 8)]
    for day, each in enumerate(earlier, 1):
        each.seconds["talk"] = 60.0 + day
    record = incoming(ended=AT, outcome="missed")
    await Calls(browser.pbxd.database).upsert([*earlier, record])
    there(browser, record, {})
    shown = await browser.get("/card/01CALL", **FRAGMENT)
    line, below = shown.text.partition("<details")[::2]
    assert re.findall(r'href="/history/(\w+)"', line) == ["01C1"]
    assert "входящий, отвечен, 1:01" in line
    assert re.findall(r'href="/history/(\w+)"', below) == [f"01C{day}" for day in range(1, 6)]
    facts = dict(zip(shown.page.texts("dt"), shown.page.texts("dd"), strict=True))
    assert facts["Менеджер"] == "Петров Сергей"
    assert f'action="/clients/{anna.id}"' in shown.text


@pytest.mark.parametrize(("queue", "said"), [(None, "На номер: +7 495 123-01-00"), ("sales", "Очередь: sales")])
async def test_the_card_says_which_queue_or_number_was_called(browser: Browser, queue: str | None, said: str) -> None:
    there(browser, incoming(queue=queue), {"101": "ringing"})
    shown = await browser.get("/card/01CALL", **FRAGMENT)
    assert said in shown.page.texts("span")
