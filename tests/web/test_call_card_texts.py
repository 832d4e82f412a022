"""What the card of a call says: who calls, for how long, what was before, which number was called."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from pbxd.book.employees import Employee
from pbxd.calls.record import Party, Step
from pbxd.services import companies
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR
from tests.web.book import ANNA, add, agent
from tests.web.test_call_cards import AT, FRAGMENT, incoming, label, there
from tests.web.test_call_cards import signed_in as signed_in
from tests.web.test_pages import Browser, Shown
from tests.web.test_pages import browser as browser


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


async def test_the_last_call_stands_in_a_line_and_more_below_without_calls_under_way(browser: Browser) -> None:
    anna = await add(browser.pbxd, ADMINISTRATOR, **ANNA, manager="102")
    talked = {"outcome": "answered", "answered_by": ["101"]}
    earlier = [incoming(id=f"01C{day}", started=AT - timedelta(days=day), ended=AT, **talked) for day in range(1, 8)]
    for day, each in enumerate(earlier, 1):
        each.seconds["talk"] = 60.0 + day
    record = incoming(ended=AT, outcome="missed")
    other_line = incoming(id="01OTHER")  # the client calls a colleague too; it would stay «идёт» on this card
    await Calls(browser.pbxd.database).upsert([*earlier, record, other_line])
    there(browser, record, {})
    shown = await browser.get("/card/01CALL", **FRAGMENT)
    line, below = shown.text.partition("<details")[::2]
    assert re.findall(r'href="/history/(\w+)"', line) == ["01C1"]
    assert "входящий, отвечен, 1:01" in line
    assert re.findall(r'href="/history/(\w+)"', below) == [f"01C{day}" for day in range(1, 5)]
    facts = dict(zip(shown.page.texts("dt"), shown.page.texts("dd"), strict=True))
    assert facts["Менеджер"] == "Петров Сергей"
    assert f'action="/clients/{anna.id}"' in shown.text


@pytest.mark.parametrize(("queue", "said"), [(None, "На номер: +7 495 123-01-00"), ("sales", "Очередь: sales")])
async def test_the_card_says_which_queue_or_number_was_called(browser: Browser, queue: str | None, said: str) -> None:
    there(browser, incoming(queue=queue), {"101": "ringing"})
    shown = await browser.get("/card/01CALL", **FRAGMENT)
    assert said in shown.page.texts("span")
