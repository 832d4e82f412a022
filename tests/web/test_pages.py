"""`/sign-in`, `/invitation/TOKEN`, `/me`: what people see, and what an attacker gets."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp.web import Application, Request, Response
from jinja2 import Environment
from multidict import CIMultiDictProxy
from sqlalchemy import update
from yarl import URL

from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services.access import audit, users
from pbxd.services.access.sign_in_throttle import PAIR
from pbxd.services.access.users import InviteUser
from pbxd.storage.book.employees import Employees
from pbxd.storage.tables import sessions
from pbxd.web import pages
from pbxd.web.assets import asset
from pbxd.web.pages import HOME, Page, Unfinished, local_path, serve
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House, serving
from tests.web.conftest import mount
from tests.web.document import Document

PASSWORD = "корова 7 лошадь"


class Shown(NamedTuple):
    status: int
    page: Document
    headers: CIMultiDictProxy[str]
    text: str


class Browser:
    """A browser without scripts, in Russian; it doesn't follow redirects by itself."""

    def __init__(self, session: aiohttp.ClientSession, pbxd: House) -> None:
        self.session, self.pbxd = session, pbxd

    async def get(self, path: str, **headers: str) -> Shown:
        async with self.session.get(path, allow_redirects=False, headers=headers) as answer:
            text = await answer.text()
            return Shown(answer.status, Document(text), answer.headers, text)

    async def post(self, path: str, form: object, **headers: str) -> Shown:
        async with self.session.post(path, data=form, allow_redirects=False, headers=headers) as answer:
            text = await answer.text()
            return Shown(answer.status, Document(text), answer.headers, text)

    async def invite(self, who: str) -> users.Invited:
        return await users.invite(self.pbxd.services.workspace, ADMINISTRATOR, InviteUser(who=who))

    async def let_in(self, who: str) -> str:
        return (await self.pbxd.services.sessions.accept((await self.invite(who)).plain, PASSWORD, "192.0.2.9")).plain


@pytest.fixture
async def browser(pbxd: House, site: str) -> AsyncIterator[Browser]:
    await Employees(pbxd.database).upsert([Employee("101", "Иванова Анна")], source="list")
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(site, cookie_jar=jar, headers={"Accept-Language": "ru"}) as session:
        yield Browser(session, pbxd)


async def test_from_the_link_to_the_profile_and_out(browser: Browser) -> None:
    made = await browser.invite("101")
    await browser.get(made.path)  # a messenger's preview
    shown = await browser.get(made.path)
    assert (shown.status, shown.page.texts("h1"), shown.page.texts("button")) == (
        200, ["Создание пароля"], ["Сохранить и войти"],
    )  # fmt: skip
    assert shown.page.field("Новый пароль").attributes["autocomplete"] == "new-password"
    assert "Иванова Анна · 101" in shown.text
    assert "Дальше для входа: 101 и пароль" in shown.text
    form = {shown.page.field(label).attributes["name"]: PASSWORD for label in ("Новый пароль", "Повторите пароль")}
    saved = await browser.post(made.path, form)
    assert (saved.status, saved.headers["Location"]) == (303, HOME)
    assert (await browser.get(HOME)).page.texts("h1") == ["Клиенты"]
    me = await browser.get("/me")
    assert me.page.texts("h1") == ["Профиль"]
    assert {"Профиль", "Выйти", "Сохранить", "Выйти на всех устройствах"} <= set(me.page.texts("button"))
    assert "Иванова Анна · 101 · сотрудник" in me.text
    assert (await browser.get("/sign-in")).headers["Location"] == HOME
    out = await browser.post("/sign-out", {})
    assert (out.status, out.headers["Location"]) == (303, "/sign-in")
    assert (await browser.get(HOME)).headers["Location"] == "/sign-in?next=%2Fclients"
    again = await browser.get(made.path)
    assert (again.status, again.page.texts("h1")) == (404, ["Не получилось"])
    assert "другую" not in again.text
    assert again.page.role("alert") == ["Ссылка уже использована или устарела; попросите у администратора новую"]


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize(
    "path", ["/nothing", "/clients/abc/def", "/api.html", "/sign-in/", "/<script>alert(1)</script>"]
)
@pytest.mark.parametrize("known", [False, True])
async def test_an_unknown_address_shows_people_a_page(browser: Browser, path: str, known: bool) -> None:
    if known:
        await browser.let_in("101")
        await browser.post("/sign-in", {"login": "101", "password": PASSWORD})
    shown = await browser.get(path, **BROWSER)
    assert (shown.status, shown.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert shown.page.texts("h1") == ["Не получилось"]
    assert shown.page.role("alert") == ["По этому адресу ничего нет"]
    assert shown.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "<script>alert" not in shown.text
    program = await browser.get(path, Accept="application/json")
    assert (program.status, program.headers["Content-Type"].partition(";")[0]) == (
        404 if known else 401, "application/problem+json",
    )  # fmt: skip
    assert (await browser.get("/api/v1/nothing", **BROWSER)).headers["Content-Type"].startswith("application/problem")


async def test_an_address_of_forms_says_so_in_a_page(browser: Browser) -> None:
    shown = await browser.get("/sign-out", **BROWSER)
    assert (shown.status, shown.headers["Allow"], shown.page.texts("h1")) == (405, "POST", ["Не получилось"])


async def test_our_own_mistake_is_told_in_a_page(pbxd: House) -> None:
    async def broken(_request: Request) -> Response:
        raise ValueError("<b>secret</b>")

    def mounted(app: Application) -> None:
        mount(app)
        serve(app, [Page("GET", "/broken", broken)])

    async with (
        serving(pbxd, mounted) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
    ):
        shown = await Browser(session, pbxd).get("/broken", **BROWSER)
        told = await Browser(session, pbxd).get("/broken", Accept="application/json")
    assert (shown.status, shown.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "Content-Security-Policy" in shown.headers
    assert "secret" not in shown.text + told.text
    assert (told.status, told.headers["Content-Type"].partition(";")[0]) == (500, "application/problem+json")


async def test_a_page_is_filled_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of a hundred rows takes longer than a look-up may wait."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting, texts = asyncio.create_task(count()), []
    try:
        for seconds, fewest, most in ((-1.0, 5, 1000), (60.0, 0, 0)):
            monkeypatch.setattr(pages, "TURN_SECONDS", seconds)
            page = Unfinished("error.html", HTTPStatus.OK, {"message": "<b>"})
            before = turns
            await page.finish()
            assert fewest <= turns - before <= most
            texts.append(page.text)
    finally:
        counting.cancel()
    assert texts[0] == texts[1]
    assert texts[0] is not None
    assert "&lt;b&gt;" in texts[0]


async def test_no_template_is_compiled_where_look_ups_wait(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: dict[str, threading.Thread] = {}
    compile_one = Environment.compile

    def seen(self: Environment, source: str, name: str, *rest: Any) -> object:  # noqa: ANN401 - Jinja2's own
        compiled[name] = threading.current_thread()
        return compile_one(self, source, name, *rest)

    monkeypatch.setattr(Environment, "compile", seen, raising=True)
    monkeypatch.setattr(pages, "_templates", pages._environment())
    monkeypatch.setattr(pages, "_compiled", threading.Event())
    await asyncio.gather(*(browser.get("/sign-in") for _reader in range(3)))
    await browser.let_in("101")
    await browser.get(HOME)
    assert {"clients.html", "sign_in.html", "settings/audit.html"} <= compiled.keys()
    assert threading.main_thread() not in compiled.values()


async def test_one_page_is_filled_at_a_time(pbxd: House) -> None:
    """Otherwise each turn of the loop would be as long as all of theirs together."""
    filling: list[str] = []

    class Slow(Unfinished):
        async def finish(self) -> None:
            filling.append("begun")
            for _turn in range(50):
                await asyncio.sleep(0)
            await super().finish()
            filling.append("done")

    async def slow(_request: Request) -> Slow:
        return Slow("error.html", HTTPStatus.OK, {"message": ""})

    def mounted(app: Application) -> None:
        mount(app)
        serve(app, [Page("GET", "/slow", slow)])

    async with (
        serving(pbxd, mounted) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
    ):
        shown = await asyncio.gather(*(Browser(session, pbxd).get("/slow") for _page in range(5)))
    assert [each.status for each in shown] == [200] * 5
    assert filling == ["begun", "done"] * 5


async def test_browsers_find_the_icon(browser: Browser) -> None:
    led = await browser.get("/favicon.ico")
    assert (led.status, led.headers["Location"]) == (302, asset("icon.svg"))
    icon = await browser.get(led.headers["Location"])
    assert (icon.status, icon.headers["Content-Type"].partition(";")[0]) == (200, "image/svg+xml")


async def test_sign_in(browser: Browser) -> None:
    await browser.let_in("101")
    shown = await browser.get("/sign-in?next=/history%3Fagent=101")
    assert (shown.status, shown.page.texts("h1"), shown.page.texts("button")) == (200, ["Вход"], ["Войти"])
    assert "autofocus" in shown.page.field("Внутренний номер или e-mail").attributes
    form = {each.attributes["name"]: each.attributes["value"] for each in shown.page.elements if each.tag == "input"}
    assert form == {"next": "/history?agent=101", "login": "", "password": ""}
    done = await browser.post("/sign-in", form | {"login": "101", "password": PASSWORD})
    assert (done.status, done.headers["Location"]) == (303, "/history?agent=101")
    assert (await browser.get("/")).headers["Location"] == HOME
    assert (await browser.get(HOME)).status == 200


async def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(browser: Browser) -> None:
    await browser.let_in("101")
    wrong = await browser.post("/sign-in", {"login": '101"><script>', "password": "x", "next": "/history"})
    assert (wrong.status, wrong.page.role("alert")) == (401, ["Неверный логин или пароль"])
    assert wrong.page.field("Внутренний номер или e-mail").attributes["value"] == '101"><script>'
    assert "script" not in [each.tag for each in wrong.page.elements]
    assert 'value="/history"' in wrong.text
    assert "WWW-Authenticate" not in wrong.headers
    empty = await browser.post("/sign-in", {})
    assert empty.status == 422
    assert empty.page.described("Внутренний номер или e-mail") == "Введите внутренний номер или e-mail"
    assert empty.page.described("Пароль") == "Введите пароль"
    half = await browser.post("/sign-in", {"login": "101"})
    assert half.page.field("Внутренний номер или e-mail").attributes["value"] == "101"
    assert half.page.field("Пароль").attributes["aria-invalid"] == "true"
    assert PASSWORD not in (await browser.post("/sign-in", {"login": "102", "password": PASSWORD})).text


async def test_the_same_for_unknown_users_and_a_time_to_wait(browser: Browser) -> None:
    await browser.let_in("101")
    seen = set()
    for login in ("101", "999", "nobody@example.org"):
        shown = await browser.post("/sign-in", {"login": login, "password": "wrong"})
        seen.add((shown.status, shown.text.replace(login, "")))
    assert len(seen) == 1
    for _guess in range(PAIR.free - 1):
        await browser.post("/sign-in", {"login": "101", "password": "wrong"})
    late = await browser.post("/sign-in", {"login": "101", "password": PASSWORD})
    assert (late.status, late.headers["Retry-After"]) == (429, "1")
    assert late.page.role("alert") == ["Слишком много попыток входа; повторите через 1 с"]


@pytest.mark.parametrize(
    ("password", "again", "label", "said"),
    [
        ("", "", "Новый пароль", "Введите новый пароль"),
        ("short", "short", "Новый пароль", "Пароль должен быть не короче 10 символов"),
        ("йцукенгшщз", "йцукенгшщз", "Новый пароль", "Этот пароль слишком легко угадать"),
        (PASSWORD, PASSWORD + "x", "Повторите пароль", "Пароли не совпадают"),
        (PASSWORD, "", "Повторите пароль", "Пароли не совпадают"),
    ],
)
async def test_a_password_that_can_not_be_set(
    browser: Browser, password: str, again: str, label: str, said: str
) -> None:
    made = await browser.invite("101")
    shown = await browser.post(made.path, {"password": password, "again": again})
    assert (shown.status, shown.page.described(label)) == (422, said)
    assert "Set-Cookie" not in shown.headers
    assert not password or password not in shown.text
    assert (await browser.get(made.path)).status == 200, "nothing is used up"


async def test_english(browser: Browser) -> None:
    shown = await browser.get("/sign-in", **{"Accept-Language": "en-GB"})
    assert shown.page.texts("h1") == ["Sign in"]
    assert shown.page.elements[0].attributes["lang"] == "en"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
        "/\t/evil.example", "/\n/evil.example", " //evil.example", "javascript:alert(1)", "https:evil.example",
        "evil.example", "", "/sign-in?next=/sign-in", "/%0d%0aSet-Cookie: a=b\r\nX: y", "/клиенты", "//[", "/a b",
    ],
)  # fmt: skip
async def test_no_sign_in_leads_elsewhere(browser: Browser, elsewhere: str) -> None:
    await browser.let_in("101")
    shown = await browser.get(f"/sign-in?next={quote(elsewhere, safe='')}")
    assert 'name="next" value="/clients"' in shown.text
    done = await browser.post("/sign-in", {"login": "101", "password": PASSWORD, "next": elsewhere})
    assert (done.status, done.headers["Location"]) == (303, HOME)
    again = await browser.get(f"/sign-in?next={quote(elsewhere, safe='')}")
    assert again.headers["Location"] == HOME


def test_pages_of_ours_stay() -> None:
    for path in ("/clients?search=%D0%B0&vip=1", "/history/01ABC#x", "/me", "/clients//x"):
        assert local_path(path) == path


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
        {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
async def test_a_form_of_another_origin_does_nothing(browser: Browser, headers: dict[str, str]) -> None:
    session = await browser.let_in("101")
    made = await browser.invite("102")
    cookie = {"Cookie": f"{PLAIN_NAME}={session}"}
    for path, form in (
        ("/sign-in", {"login": "101", "password": PASSWORD}),
        ("/sign-out", {}),
        (made.path, {"password": PASSWORD, "again": PASSWORD}),
    ):
        shown = await browser.post(path, form, **headers, **cookie)
        assert (shown.status, "Set-Cookie" in shown.headers) == (403, False)
        assert shown.page.texts("h1") == ["Не получилось"]
    assert await browser.pbxd.services.sessions.verify(session)
    assert (await browser.get(made.path)).status == 200


async def test_a_form_whose_session_ended_comes_back_to_the_same_user_only(browser: Browser) -> None:
    await browser.let_in("101")
    await browser.let_in("102")
    (me,) = [each.user.id for each in [await browser.pbxd.services.sessions.sign_in("101", PASSWORD, "192.0.2.9")]]
    typed = {"_user": str(me), "name": 'Ким "<b>Анна', "language": "ru"}
    lost = await browser.post("/clients/new", typed)
    assert (lost.status, lost.page.texts("h1")) == (401, ["Вход"])
    form = {each.attributes["name"]: each.attributes["value"] for each in lost.page.elements if each.tag == "input"}
    another = await browser.post("/sign-in", form | {"login": "102", "password": PASSWORD})
    assert (another.status, another.headers["Location"], "Ким" in another.text) == (303, "/clients/new", False)
    await browser.post("/sign-out", {})
    wrong = await browser.post("/sign-in", form | {"login": "101", "password": "x"})
    form = {each.attributes["name"]: each.attributes["value"] for each in wrong.page.elements if each.tag == "input"}
    back = await browser.post("/sign-in", form | {"login": "101", "password": PASSWORD})
    assert (back.status, back.page.texts("h1")) == (200, ["С возвращением"])
    shown = {each.attributes["name"]: each.attributes["value"] for each in back.page.elements if each.tag == "input"}
    assert shown == typed | {"_resumed": "1"}


@pytest.mark.parametrize(
    ("path", "seen", "next_path"),
    [
        ("/queues/first", "/queues", "/queues"),
        ("/settings/users/1/block", "/settings/users/1", "/settings/users/1"),
        ("/calls", "/clients?search=%D0%BA", "/clients?search=%D0%BA"),
        ("/me/sessions/end", "/me", "/me"),
        ("/import/7/commit", "", HOME),
        ("/import/7/commit", "/import/7/undo", HOME),
        ("/clients/1/favourite", "/elsewhere", HOME),
        ("/clients/1/favourite", "//[", HOME),
        ("/clients/1/favourite", "/sign-in", HOME),
    ],
)
async def test_a_click_whose_session_ended_is_forgotten(browser: Browser, path: str, seen: str, next_path: str) -> None:
    headers = {"Referer": f"http://pbx.example{seen}"} if seen else {}
    shown = await browser.post(path, {"_user": "1", "queue": "sales"}, **headers)
    assert (shown.status, shown.headers["Location"]) == (303, f"/sign-in?next={quote(next_path, safe='')}")


async def test_looks_that_were_chosen_when_the_session_ended_are_shown_again(browser: Browser) -> None:
    await browser.let_in("101")
    lost = await browser.post("/me", {"_user": "1", "language": "en", "theme": "dark"})
    assert (lost.status, "theme=dark" in lost.text) == (401, True)
    await browser.post("/sign-in", {"login": "101", "password": PASSWORD})
    for resumed in ({"_resumed": "1"}, {}):
        form = {"_user": "1", "language": "en", "theme": "dark", **resumed}
        shown = await browser.post("/me", form)
        if resumed:
            chosen = [e.attributes["value"] for e in shown.page.elements if "selected" in e.attributes]
            assert (shown.status, chosen, "Set-Cookie" in shown.headers) == (200, ["en", "dark"], False)
        else:
            assert (shown.status, "pbxd_theme=dark" in str(shown.headers.getall("Set-Cookie"))) == (303, True)


async def test_looks_go_with_the_user_into_every_browser(browser: Browser, site: str) -> None:
    """What is chosen in one shows in another that had other looks, then also on its page of the sign-in."""
    await browser.let_in("101")
    form = {"login": "101", "password": PASSWORD}

    async def look() -> tuple[list[str], str]:
        page = (await browser.get("/me")).page
        return page.texts("h1"), page.elements[0].attributes["data-theme"]

    await browser.post("/sign-in", form)
    assert await look() == (["Профиль"], "auto")
    assert (await browser.post("/me", {"language": "en", "theme": "dark"})).status == 303
    browser.session.cookie_jar.clear()
    assert (await browser.get("/sign-in")).page.texts("h1") == ["Вход"]
    browser.session.cookie_jar.update_cookies({"pbxd_theme": "light", "pbxd_language": "ru"}, URL(site))
    await browser.post("/sign-in", form)
    assert await look() == (["Profile"], "dark")
    browser.session.cookie_jar.update_cookies({"pbxd_theme": "light", "pbxd_language": "ru"}, URL(site))
    assert await look() == (["Profile"], "dark")
    await browser.post("/sign-in", form)
    await browser.post("/sign-out", {})
    shown = await browser.get("/sign-in")
    assert (shown.page.texts("h1"), shown.page.elements[0].attributes["data-theme"]) == (["Sign in"], "dark")


async def test_only_pages_that_show_a_form_again_keep_one(browser: Browser) -> None:
    app = Application()
    mount(app)
    routes = [(each.method, each.resource.canonical) for each in app.router.routes() if each.resource]
    opened = {path for method, path in routes if method == "GET"}
    own = {"/sign-in", "/sign-out", "/invitation/{token}"}
    sent = {path for method, path in routes if method == "POST" and not path.startswith("/api/")} - own
    kept = set()
    for path in sent:
        lost = await browser.post(path.replace("{id}", "1"), {"_user": "1", "name": "Ким"})
        assert lost.status in {303, 401}, path
        if lost.status == 401:
            kept.add(path)
    assert len(sent) > 30
    assert kept == {
        "/clients/new", "/clients/{id}/edit", "/clients/{id}/delete", "/companies/new", "/companies/{id}/edit",
        "/companies/{id}/merge", "/history/attach", "/settings/users", "/settings/tokens", "/settings/webhooks",
        "/me", "/import", "/import/{id}/check", "/settings/users/{id}/role", "/settings/webhooks/{id}/replay",
        "/settings/webhooks/{id}/delete", "/settings/tokens/{id}/revoke",
    }  # fmt: skip
    assert kept <= opened


@pytest.mark.parametrize("path", ["/me/sessions/end", "/queues/first", "/settings/users/1/block", "/calls", "/nothing"])
async def test_no_sign_in_hands_out_a_form_that_would_be_carried_out(browser: Browser, path: str) -> None:
    await browser.let_in("101")
    form = {"login": "101", "password": PASSWORD, "next": path, "draft": "_user=1&queue=sales"}
    expected = (303, "/me" if path == "/me" else HOME)
    done = await browser.post("/sign-in", form)
    assert (done.status, done.headers["Location"]) == expected
    again = await browser.get(f"/sign-in?next={quote(path, safe='')}")
    assert (again.status, again.headers["Location"]) == expected


async def test_a_form_that_somebody_else_had_filled_in_is_refused(browser: Browser) -> None:
    session = await browser.let_in("101")
    cookie = {"Cookie": f"{PLAIN_NAME}={session}"}
    shown = await browser.post("/me", {"_user": "4711", "language": "en"}, **cookie)
    assert (shown.status, "Set-Cookie" in shown.headers) == (403, False)
    assert "вошёл другой пользователь" in shown.page.role("alert")[0]


@pytest.mark.parametrize("path", ["/clients", "/history/missed", "/cards?open=", "/api/v1/queues"])
@pytest.mark.parametrize(("asks", "counts"), [("auto", False), ("1", True)])
async def test_what_an_open_page_fetches_by_itself_keeps_no_idle_session(
    browser: Browser, path: str, asks: str, counts: bool
) -> None:
    headers = {"X-Fragment": asks, "Cookie": f"{PLAIN_NAME}={await browser.let_in('101')}"}

    async def status(idle_minutes: int) -> int:
        async with browser.pbxd.database.writing() as connection:
            used = datetime.now(UTC) - timedelta(minutes=idle_minutes)
            await connection.execute(update(sessions).values(used=used))
        return (await browser.get(path, **headers)).status

    for _ in range(2):
        assert await status(719) == 200
    assert await status(721) == (200 if counts else 401)


async def test_another_origin_leaves_no_form_for_later(browser: Browser) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        shown = await browser.post("/me", {"_user": "1", "language": "en"}, **headers)
        assert (shown.status, "language" in shown.text) == (403, False)


async def test_every_answer_is_locked_down(browser: Browser) -> None:
    made = await browser.invite("101")
    answers = [
        await browser.get("/"), await browser.get("/sign-in"), await browser.get(HOME), await browser.get(made.path),
        await browser.get("/invitation/x"), await browser.post("/sign-in", {}), await browser.post("/sign-in", b"x"),
    ]  # fmt: skip
    for shown in answers:
        policy = shown.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self'" in policy
        assert shown.headers["X-Content-Type-Options"] == "nosniff"
        assert shown.headers["Referrer-Policy"] == "same-origin"
        assert shown.headers["Cache-Control"] == "no-store"
        for element in shown.page.elements:
            assert element.tag not in {"style", "iframe", "object"}
            assert element.tag != "script" or (element.attributes["src"], element.text) == (asset("app.js"), "")
            assert not [name for name in element.attributes if name.startswith("on") or name == "style"]
            for name in ("src", "href", "action"):
                assert element.attributes.get(name, "/").startswith("/")


async def test_the_audit_log_knows_who_signed_in_and_no_secret(browser: Browser) -> None:
    made = await browser.invite("101")
    await browser.post(made.path, {"password": PASSWORD, "again": PASSWORD}, Origin="https://evil.example")
    await browser.post(made.path, {"password": PASSWORD, "again": PASSWORD})
    await browser.post("/sign-out", {})
    await browser.post("/sign-in", {"login": "101", "password": "wrong"})
    await browser.pbxd.services.refusals.flush()
    found = await audit.find(browser.pbxd.services.workspace, ADMINISTRATOR, audit.FindDeeds())
    said = {(row.deed.action, row.deed.subject, row.deed.source, row.deed.result) for row in found}
    assert said == {
        ("accept_invitation", "/invitation/{token}", "", "refused"),
        ("accept_invitation", "101", "", "done"),
        ("sign_out", "/sign-out", "user 101", "done"),
        ("sign_in", "101", "", "refused"),
    }
    assert {row.deed.address for row in found} == {"127.0.0.1"}
    assert made.plain not in repr(found)
    assert PASSWORD not in repr(found)


async def test_the_style_is_cached_for_ever_under_its_hash(browser: Browser) -> None:
    links = [each for each in (await browser.get("/sign-in")).page.elements if each.tag == "link"]
    (link,) = [each for each in links if each.attributes["rel"] == "stylesheet"]
    address = link.attributes["href"]
    assert re.fullmatch(r"/static/[0-9a-f]{16}/pages\.css", address)
    async with browser.session.get(address) as answer:
        assert (answer.status, answer.content_type) == (200, "text/css")
        assert "immutable" in answer.headers["Cache-Control"]
    for other in ("/static/0/pages.css", address.replace("pages.css", "..%2f__init__.py"), address + "x"):
        assert (await browser.get(other)).status == 404


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"login=%ff&password=%00", {}, 401),
        (b"&".join([b"a=1"] * 301), {}, 400),
        (b"login=" + b"x" * 270_000, {}, 413),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"--a\r\n\r\n", {"Content-Type": "multipart/form-data; boundary=a"}, 415),
        (b"login=101&login=102", {"Content-Type": "application/x-www-form-urlencoded; charset=nope"}, 422),
        (b"login=" + b"9" * 300 + b"&password=" + b"9" * 2000, {}, 401),
    ],
)
async def test_odd_forms(browser: Browser, body: bytes, headers: dict[str, str], status: int) -> None:
    sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    assert (await browser.post("/sign-in", body, **sent)).status == status


async def test_without_the_database_people_are_told(browser: Browser) -> None:
    folder = browser.pbxd.settings.folder
    (folder / "book.db").rename(folder / "away.db")
    assert (await browser.get("/sign-in")).status == 200
    shown = await browser.post("/sign-in", {"login": "101", "password": PASSWORD})
    assert (shown.status, shown.page.texts("h1"), "Retry-After" in shown.headers) == (503, ["Не получилось"], True)


async def test_head_and_other_methods(browser: Browser) -> None:
    async with browser.session.head("/sign-in") as answer:
        assert answer.status == 200
    async with browser.session.put("/sign-in") as answer:
        assert answer.status in {401, 405}
