"""`/settings/…`: administrators alone, secrets shown once, and what is wrong beside its field."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from ipaddress import ip_network

import aiohttp
import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs

from pbxd.book.companies import Company
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.roles import Role
from pbxd.services import checkups
from pbxd.services.access import tokens, users
from pbxd.services.access.users import InviteUser
from pbxd.services.webhooks import webhooks
from pbxd.services.webhooks.webhooks import AddWebhook
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.employees import Employees
from pbxd.storage.tables import audit
from pbxd.web import settings
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.web.book import fields_of
from tests.web.test_pages import PASSWORD, Browser, Shown

HOSTILE = '"><img src=x onerror=alert(1)>'


@pytest.fixture
async def browser(pbxd: House, site: str) -> AsyncIterator[Browser]:
    people = [Employee("101", "Иванова Анна"), Employee("102", "Петров Пётр"), Employee("103", HOSTILE)]
    await Employees(pbxd.database).upsert(people, source="list")
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(site, cookie_jar=jar, headers={"Accept-Language": "ru"}) as session:
        browser = Browser(session, pbxd)
        await _sign_in(browser, "101", "administrator")
        yield browser


async def _sign_in(browser: Browser, who: str, role: Role) -> None:
    browser.session.cookie_jar.clear()
    made = await users.invite(browser.pbxd.services.workspace, ADMINISTRATOR, InviteUser(who=who, role=role))
    await browser.post(made.path, {"password": PASSWORD, "again": PASSWORD})


def _value(shown: Shown, label: str) -> str:
    return shown.page.field(label).attributes["value"]


def _no_markup(shown: Shown) -> None:
    assert not [each for each in shown.page.elements if each.tag in {"img", "script"} and "src" not in each.attributes]
    assert not [each for each in shown.page.elements if each.tag == "img" or "onerror" in each.attributes]


async def test_only_administrators_get_in(browser: Browser) -> None:
    asked = [(page.method, re.sub(r"\{id[^}]*\}+", "1", page.path)) for page in settings.PAGES]
    assert len(asked) > 20
    roles: tuple[Role, ...] = ("agent", "supervisor")
    for who, role in zip(("102", "104"), roles, strict=True):
        await _sign_in(browser, who, role)
        for method, path in asked:
            shown = await (browser.get(path) if method == "GET" else browser.post(path, {"role": "administrator"}))
            assert (shown.status, shown.page.texts("h1")) == (403, ["Не получилось"]), path
        assert "Настройки" not in (await browser.get("/staff")).page.texts("a")
    found = await users.find(browser.pbxd.services.workspace, ADMINISTRATOR)
    assert [user.role for user in found] == ["administrator", *roles]


async def test_the_sections(browser: Browser) -> None:
    assert (await browser.get("/settings")).headers["Location"] == "/settings/users"
    for path in ("users", "users/1", "tokens", "webhooks", "numbers", "checks", "audit", "components"):
        shown = await browser.get(f"/settings/{path}")
        assert (shown.status, shown.page.texts("h1")) == (200, ["Настройки"]), path
        here = {each.text for each in shown.page.elements if each.attributes.get("aria-current") == "page"}
        assert {"Настройки"} < here, "the menu's line and the section's tab"
        _no_markup(shown)


async def test_an_invitation_is_shown_once_and_works(browser: Browser) -> None:
    shown = await browser.post("/settings/users", {"who": "102", "role": "supervisor"})
    assert shown.status == 200
    link = _value(shown, "Приглашение: Петров Пётр")
    path = "/invitation/" + link.rsplit("/", 1)[1]
    assert link.startswith("http")
    assert path not in (await browser.get("/settings/users")).text
    again = await browser.post("/settings/users", {"who": "102", "role": "agent"})
    assert _value(again, "Приглашение: Петров Пётр") != link, "the earlier link ended"
    browser.session.cookie_jar.clear()
    assert (await browser.get(path)).status == 404
    fresh = "/invitation/" + _value(again, "Приглашение: Петров Пётр").rsplit("/", 1)[1]
    assert (await browser.post(fresh, {"password": PASSWORD, "again": PASSWORD})).status == 303


async def test_whom_nobody_can_invite(browser: Browser) -> None:
    label = "Внутренний номер, ФИО или e-mail"
    for who, said in (
        ("", "Введите внутренний номер, имя или e-mail"),
        ("Кто Такой", "укажите внутренний номер или полное имя, как в списке сотрудников"),
        (HOSTILE + "@x", "Не адрес e-mail"),
        ("101", "Пароль уже есть; сбросить его можно на странице пользователя"),
    ):
        shown = await browser.post("/settings/users", {"who": who, "role": "agent"})
        assert (shown.status, _value(shown, label)) == (422, who)
        assert said in shown.page.described(label)
        _no_markup(shown)


async def test_a_user_is_changed_blocked_and_let_in_again(browser: Browser) -> None:
    workspace = browser.pbxd.services.workspace
    made = await users.invite(workspace, ADMINISTRATOR, InviteUser(who="102"))
    session = (await browser.pbxd.services.sessions.accept(made.plain, PASSWORD, "192.0.2.9")).plain
    page = f"/settings/users/{made.user.id}"
    assert (await browser.post(f"{page}/role", {"role": "supervisor"})).status == 303
    assert (await users.show(workspace, ADMINISTRATOR, made.user.id)).role == "supervisor"
    assert (await browser.post(f"{page}/role", {"role": HOSTILE})).status == 422
    assert await browser.pbxd.services.sessions.verify(session) is None
    reset = await browser.post(f"{page}/reset", {})
    assert "/invitation/" in _value(reset, "Ссылка для нового пароля")
    assert (await browser.post(f"{page}/block", {})).status == 303
    assert "заблокирован" in (await browser.get("/settings/users")).text
    assert "Заблокировать" not in (await browser.get(page)).page.texts("button")
    assert (await browser.post("/settings/users", {"who": "102", "role": "agent"})).status == 200
    assert "Заблокировать" not in (await browser.get("/settings/users/1")).page.texts("button"), (
        "nobody blocks themselves"
    )
    for step, form in (("role", {"role": "agent"}), ("block", {})):
        assert (await browser.post(f"/settings/users/1/{step}", form)).status == 403, "nobody else could undo it"
    own = (await browser.get("/settings/users/1")).page
    assert (own.texts("select"), own.texts("h2")) == ([], ["Иванова Анна"])
    assert (await browser.get("/settings/users/99")).status == 404


async def test_a_token_is_shown_once_and_opens(browser: Browser) -> None:
    form = {"name": HOSTILE, "scope-lookup": "1", "scope-calls:read": "1", "as": "102", "expires_days": "30"}
    shown = await browser.post("/settings/tokens", form)
    assert shown.status == 200
    _no_markup(shown)
    plain = _value(shown, "Новый токен")
    headers = {"Authorization": f"Bearer {plain}"}
    async with browser.session.get("/api/v1/lookup", params={"number": "101"}, headers=headers) as answer:
        assert answer.status == 200
    listed = await browser.get("/settings/tokens")
    assert plain not in listed.text
    assert "Петров Пётр" in listed.text
    (token,) = await tokens.find(browser.pbxd.services.workspace, ADMINISTRATOR)
    assert token.actor.scopes == {"lookup", "calls:read"}
    one = await browser.get(f"/settings/tokens/{token.id}")
    assert "узнавать, чей номер" in one.text
    asked = await browser.get(f"/settings/tokens/{token.id}/revoke")
    assert (asked.page.texts("h1"), asked.page.texts("button")[-2:]) == (["Отозвать токен?"], ["Отозвать", "Отмена"])
    _no_markup(asked)
    assert f'method="post" action="/settings/tokens/{token.id}/revoke"' not in one.text, "it asks first"
    assert (await browser.post(f"/settings/tokens/{token.id}/revoke", {})).status == 303
    assert "отозван" in (await browser.get("/settings/tokens")).text
    async with browser.session.get("/api/v1/lookup", params={"number": "101"}, headers=headers) as answer:
        assert answer.status == 401


async def test_a_form_that_is_sent_twice_makes_one_token_and_one_webhook(browser: Browser) -> None:
    workspace = browser.pbxd.services.workspace
    typed = {"name": "CRM", "scope-lookup": "1"}
    begun = await browser.get("/settings/tokens")
    assert {"ничьего: только общие данные, без звонков", "любого сотрудника"} <= set(begun.page.texts("option"))
    form = fields_of(begun.page)
    refused = await browser.post("/settings/tokens", form)
    form |= typed
    assert fields_of(refused.page)["_key"] == form["_key"]
    first = await browser.post("/settings/tokens", form)
    plain = _value(first, "Новый токен")
    again = await browser.post("/settings/tokens", form)
    (token,) = await tokens.find(workspace, ADMINISTRATOR)
    assert (plain[-4:], plain in again.text) == (token.last_four, False)
    assert "дважды" in again.page.role("alert")[0]
    assert f'action="/settings/tokens/{token.id}/revoke"' in again.text
    assert {"ничьего", "ещё ни разу"} < set(again.page.texts("dd")), "acts for nobody"
    await browser.post("/settings/tokens", fields_of(first.page) | typed)
    assert len(await tokens.find(workspace, ADMINISTRATOR)) == 2, "the next form is another one"

    form = fields_of((await browser.get("/settings/webhooks")).page) | {"url": "https://192.0.43.8/", "events": "gap"}
    secrets = {
        _value(shown, "Секрет для подписи")
        for shown in await asyncio.gather(*(browser.post("/settings/webhooks", form) for _click in range(2)))
    }
    assert {each.webhook.secret for each in await webhooks.find(workspace, ADMINISTRATOR)} == secrets
    assert len(secrets) == 1


@pytest.mark.parametrize("days", ["сто", "0000019999999999", "0", "9" * 4400])
async def test_a_token_with_everything_wrong(browser: Browser, days: str) -> None:
    shown = await browser.post("/settings/tokens", {"expires_days": days, "scope-nothing": "1", "as": "Кто <b>"})
    assert shown.status == 422
    assert shown.page.described("Название")
    assert shown.page.by_id("scope-error").text == "Выберите, что может программа"
    assert shown.page.by_id("expires_days-error").text == "Введите число дней"
    assert shown.page.by_id("as-error").text
    assert days in [each.attributes.get("value") for each in shown.page.elements]
    _no_markup(shown)
    assert await tokens.find(browser.pbxd.services.workspace, ADMINISTRATOR) == []


async def test_a_webhook_its_test_and_its_deliveries(browser: Browser) -> None:
    url = "http://127.0.0.1:9/hook"
    refused = await browser.post("/settings/webhooks", {"url": url, "events": "call.*"})
    assert (refused.status, bool(refused.page.described("Адрес"))) == (422, True), "not a public address"
    asked = AddWebhook(url=url, events=["call.*"], allowed=[ip_network("127.0.0.0/8")])
    made = await webhooks.add(browser.pbxd.services.workspace, ADMINISTRATOR, asked)
    page = f"/settings/webhooks/{made.id}"
    tested = await browser.post(f"{page}/test", {})
    assert tested.status == 200
    assert "Не доставлено" in tested.text
    assert "curl" in tested.text
    secret = _value(await browser.post(f"{page}/rotate", {}), "Секрет для подписи")
    shown = await browser.get(page)
    assert secret not in shown.text
    assert "call.answered" in shown.text
    for state in ("pending", "dead", "нет"):
        assert (await browser.get(f"{page}?state={state}&before=9")).status == 200
    assert {"ждёт отправки", "не доставлено"} < set(shown.page.texts("a"))
    assert {"Ждут отправки", "Не доставлено"} < set((await browser.get("/settings/webhooks")).page.texts("th"))
    assert (await browser.post(f"{page}/replay", {"after": "x"})).status == 422
    assert "Отправок пока нет" in shown.text, "none of them since a replay either"
    assert f'method="post" action="{page}/delete"' not in shown.text, "it asks first"
    question = await browser.get(f"{page}/delete")
    assert (question.page.texts("h1"), question.page.texts("button")[-2:]) == (
        ["Удалить вебхук?"],
        ["Удалить", "Отмена"],
    )
    assert (await browser.post(f"{page}/delete", {})).headers["Location"] == "/settings/webhooks"
    assert (await browser.get(page)).status == 404


async def test_a_webhook_with_wrong_fields(browser: Browser) -> None:
    shown = await browser.post("/settings/webhooks", {"url": HOSTILE, "events": "call.*"})
    assert (shown.status, shown.page.described("Адрес")) == (422, "Ожидается http://… или https://…")
    assert _value(shown, "Адрес") == HOSTILE
    _no_markup(shown)
    other = await browser.post("/settings/webhooks", {"url": "https://example.org/", "events": HOSTILE})
    assert HOSTILE.split(maxsplit=1)[0] in other.page.described("События")
    _no_markup(other)


async def test_what_a_number_becomes_and_why(browser: Browser) -> None:
    numbers = (ContactNumber("+79161234567"),)
    await browser.pbxd.contacts.add(ContactDraft("Ким Анна", numbers=numbers), actor=ADMINISTRATOR)
    for number, becomes, why, name in (
        ("8 916 123-45-67", "+7 916 123-45-67", "номер этой страны, начинается с 8", "Ким Анна"),
        ("101", "101", "подходит под шаблон внутренних номеров", "Иванова Анна"),
        (HOSTILE, "ничего", "это не номер телефона", None),
        ("+375 29 123-45-67", "+375 29 123-45-67", "есть код страны", None),
    ):
        async with browser.session.get("/settings/numbers", params={"number": number}) as answer:
            text = await answer.text()
        said = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text))
        assert (said["Читается как"], said["Почему"], said.get("Имя")) == (becomes, why, name)
        assert "<img" not in text
        assert said["Результат"]


async def test_a_number_leads_to_every_card_that_has_it(browser: Browser) -> None:
    numbers = (ContactNumber("+79161234567"),)
    book = browser.pbxd.contacts
    (anna, hostile) = [
        await book.add(ContactDraft(name, numbers=numbers), actor=ADMINISTRATOR) for name in ("Ким Анна", HOSTILE)
    ]
    company = await Companies(browser.pbxd.database).create(Company(0, "Ромашка", numbers=("+79161234567",)))
    await Employees(browser.pbxd.database).upsert([Employee("101", mobile="+79161234567")], source="list")
    shown = await browser.get("/settings/numbers?number=89161234567")
    links = {each.attributes["href"]: each.text for each in shown.page.elements if each.tag == "a"}
    wanted = {
        f"/clients/{hostile.id}": HOSTILE,
        f"/companies/{company.id}": "Ромашка",
        "/staff?search=101": "Иванова Анна",
    }
    assert wanted.items() <= links.items()
    everybody = await browser.get(next(path for path, text in links.items() if text == "все контакты с этим номером"))
    assert "Всего: 2" in everybody.page.role("status")
    _no_markup(shown)
    await book.delete(hostile.id, actor=ADMINISTRATOR)
    again = await browser.get("/settings/numbers?number=89161234567")
    assert [e.text for e in again.page.elements if e.attributes.get("href") == f"/clients/{anna.id}"] == ["Ким Анна"]


async def test_the_check_of_the_installation(browser: Browser) -> None:
    pbx = browser.pbxd.pbx
    for action in (
        "Command", "CoreSettings", "CoreShowChannels", "CoreStatus", "DBGet", "DeviceStateList", "Events", "Filter",
        "Getvar", "GetConfig", "ListCommands", "ModuleCheck", "PJSIPShowEndpoints", "QueueStatus", "QueueSummary",
        "ShowDialPlan", "SIPpeers", "UserEvent",
    ):  # fmt: skip
        pbx.on[action] = lambda session, asked: session.respond(asked, "Message: No such command", status="Error")
    assert "data-poll" not in (await browser.get("/settings/checks")).text
    sent = await browser.post("/settings/checks", {})
    assert (sent.status, sent.headers["Location"]) == (303, "/settings/checks")
    while 'http-equiv="refresh"' in (shown := await browser.get("/settings/checks")).text:
        part = await browser.get("/settings/checks", **{"X-Fragment": "auto"})
        assert (part.page.texts("h1"), "data-poll" in part.text or "status-ok" in part.text) == ([], True)
        await asyncio.sleep(0.1)
    assert (shown.status, shown.page.role("alert")) == (200, [])
    found = dict(re.findall(r'<th scope="row"[^>]*>([\w-]+)</th>\s*<td class="status-(\w+)">', shown.text))
    assert found["database"] in {"ok", "warning"}
    assert found["login"] == "ok", "the PBX was asked"
    assert len(found) > 20
    assert shown.page.texts("th")[:3] == ["Проверка", "Состояние", "Что найдено"]
    assert "не пройдена" in shown.page.texts("td")
    other = "check again to read it in this one"
    english = await browser.get("/settings/checks", **{"Accept-Language": "en"})
    assert (other in english.text, '<td lang="ru">' in english.text) == (True, True)
    assert ("на другом языке" in shown.text, '<td lang="ru">' in shown.text) == (False, False)


async def test_nobody_waits_for_a_check_that_a_slow_pbx_holds_up(browser: Browser) -> None:
    """The page comes at once and says so; a second click starts no second check."""
    asked: list[str] = []
    browser.pbxd.pbx.on["Command"] = lambda _session, action: asked.append(action["Command"])  # no answer ever
    browser.pbxd.pbx.on["CoreSettings"] = lambda _session, _action: asked.append("settings")
    begun = []
    for _click in range(2):
        assert (await browser.post("/settings/checks", {})).status == 303
        begun.append(browser.pbxd.services.checkups._work)
    work = begun[0]
    assert begun[1] is work
    shown = await browser.get("/settings/checks")
    assert "Установка проверяется" in " ".join(shown.page.role("status"))
    assert [each for each in shown.page.elements if each.tag == "progress"]
    assert work is not None
    assert not work.done()
    work.cancel()  # as the daemon's stop does: the child ends with it
    await asyncio.gather(work, return_exceptions=True)
    assert "Установка проверяется" not in (await browser.get("/settings/checks")).text


@pytest.mark.parametrize(
    ("child", "seconds", "reason", "told"),
    [
        ("pbxd.no_such_module", 600.0, "No module named", "прервалась; причина в журнале pbxd"),
        ("platform", 600.0, "JSONDecodeError", "прервалась; причина"),
        ("pbxd.checkup.child", 0.0, "no end after", "минут и была остановлена"),
    ],
)
async def test_why_a_check_ended_early_is_logged_and_told(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, child: str, seconds: float, reason: str, told: str
) -> None:
    monkeypatch.setattr(checkups, "_CHILD", child)
    monkeypatch.setattr(checkups, "_LONGEST_SECONDS", seconds)
    with capture_logs() as logs:
        await browser.post("/settings/checks", {})
        work = browser.pbxd.services.checkups._work
        assert work
        await work
    (failed,) = [each for each in logs if each["event"] == "checkup_failed"]
    assert reason in failed["reason"]
    (alert,) = (await browser.get("/settings/checks")).page.role("alert")
    assert told in alert
    assert alert[0] == "П"


async def test_a_role_and_a_number_chosen_when_the_session_ended_are_shown_again(browser: Browser) -> None:
    made = await webhooks.add(
        browser.pbxd.services.workspace, ADMINISTRATOR, AddWebhook(url="https://example.org/x", events=["call.*"])
    )
    await users.invite(browser.pbxd.services.workspace, ADMINISTRATOR, InviteUser(who="102"))
    for path, name, value in (
        ("/settings/users/2", "role", "supervisor"),
        (f"/settings/webhooks/{made.id}", "after", "4711"),
    ):
        sent = f"{path}/{'role' if name == 'role' else 'replay'}"
        shown = await browser.post(sent, {name: value, "_resumed": "1"})
        assert shown.status == 200
        chosen = [e.attributes for e in shown.page.elements if {"selected"} <= e.attributes.keys() or e.tag == "input"]
        assert value in [each.get("value") for each in chosen]
        led = await browser.get(sent)
        assert (led.status, led.headers["Location"]) == (303, path)
    user = await users.show(browser.pbxd.services.workspace, ADMINISTRATOR, 2)
    assert user.role == "agent"
    wrong = await browser.post(f"/settings/webhooks/{made.id}/replay", {"after": "с начала"})
    assert (wrong.status, _value(wrong, "Отправить заново всё после события номер")) == (422, "с начала")


async def test_the_audit_log_and_its_filters(browser: Browser) -> None:
    async with browser.pbxd.database.writing() as connection:
        await connection.execute(delete(audit))
    empty = await browser.get("/settings/audit")
    assert ("В журнале пока пусто" in empty.text, "фильтров" in empty.text) == (True, False)
    await browser.post("/settings/users", {"who": "102", "role": "agent"})
    await browser.post("/settings/users/2/block", {})
    everything = await browser.get("/settings/audit")
    assert "block_user" in everything.text
    assert "/settings/users/2/block" in everything.text, "it says whom"
    only = await browser.get("/settings/audit?action=invite_user&result=done")
    assert "invite_user" in only.text
    assert "block_user" not in only.text.partition("<tbody>")[2]
    assert "Ничего не найдено" in (await browser.get("/settings/audit?from=2001-01-01&to=2001-01-02")).text
    for query in (f"action={HOSTILE}", "from=x", "before=x&employee=y&result=z", "before=99999999999999999999"):
        shown = await browser.get(f"/settings/audit?{query}")
        assert shown.status in {200, 422}
        _no_markup(shown)
    assert (await browser.get("/settings/audit?from=x")).page.described("С")
