"""What judges pages finds what is wrong with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Route

from tests.web.browser.books import BookName
from tests.web.browser.judging import audit, fits, no_english, no_russian, tab_to
from tests.web.browser.site import AGENT, Site

POLICY = "default-src 'none'; script-src 'nonce-a'; style-src 'nonce-a'; img-src *"


@pytest.fixture
async def site(browser: Browser) -> AsyncIterator[Site]:
    """Pages without a server: all that is shown is made here."""
    made = Site(browser, "http://127.0.0.1:1", lambda who: pytest.fail(f"{who.name} is not invited"), {})
    yield made
    await made.close()


@pytest.fixture
async def page(site: Site) -> Page:
    return await site.page(None)


@pytest.fixture
async def phone_page(site: Site) -> Page:
    return await site.page(None, size=390)


def page_with(content: str, language: str = "en") -> str:
    return (
        f"<!doctype html><html lang={language}><head><title>pbxd</title></head>"
        f"<body><main><h1>pbxd</h1>{content}</main></body></html>"
    )


async def show(page: Page, content: str, language: str = "en", status: int = 200) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(
            status=status,
            content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": POLICY},
            body=page_with(content, language),
        )

    await page.route("**/shown", answer)
    await page.goto("/shown")


async def test_what_no_page_may_do_is_seen(site: Site) -> None:
    page = await site.page(None)
    await page.route("**/none.png", lambda route: route.fulfill(status=404))
    for content, found in {
        "<script nonce=a>console.error('broken')</script>": "console: broken",
        "<script nonce=a>throw new Error('broken')</script>": "error of the page: broken",
        "<script>document.title = 'inline'</script>": "console: Executing inline script violates",
        "<p style='color: red'>red</p>": "console: Applying inline style violates",
        "<img alt='' src='http://example.org/a.png'>": "another host was asked: http://example.org/a.png",
        "<img alt='' src='/static/0/none.png'>": "404 for http",
    }.items():
        await show(page, content)
        await page.wait_for_load_state("networkidle")
        assert [one for one in site.watch.found if one.startswith(found)], site.watch.found
        with pytest.raises(AssertionError, match="the browser saw"):
            site.watch.check()
        site.watch.found.clear()
    site.watch.allow("example")
    site.watch.found.append("example")
    site.watch.check()


async def test_an_answer_that_refuses_is_no_error_but_one_that_fails_is(site: Site) -> None:
    page = await site.page(None)
    await show(page, "", status=422)
    site.watch.check()
    await page.unroute_all()
    await show(page, "", status=500)
    assert [one.split()[0] for one in site.watch.found] == ["500"]
    site.watch.allow("^500 ")


async def test_a_session_is_the_persons_own(standing: Callable[[BookName], Awaitable[Site]]) -> None:
    site = await standing("empty")
    for who, path in ((AGENT, "/me"), (None, "/sign-in")):
        page = await site.tab(who, "ru", "light", 1280)
        await page.goto("/me")
        assert urlsplit(page.url).path == path


async def test_what_axe_calls_serious_is_told_with_its_place(page: Page) -> None:
    await show(page, "<label>Name <input></label>")
    await audit(page)
    await show(page, "<input><p><a href=/>to the first page</a></p>")
    with pytest.raises(AssertionError, match=r"critical: label(.|\n)*<input>"):
        await audit(page)


async def test_untranslated_text_is_found_also_where_only_a_screen_reader_finds_it(page: Page) -> None:
    for content in ("<p>Клиенты</p>", "<button aria-label='Закрыть'>x</button>", "<input placeholder='Поиск'>"):
        await show(page, content)
        with pytest.raises(AssertionError, match="another language"):
            await no_russian(page)
    await show(page, "<p hidden>Клиенты</p><p>Иванова Анна, Фронкин</p>")
    await no_russian(page, "Фронкин")


async def test_english_words_of_a_russian_page_are_found(page: Page) -> None:
    await show(page, "<p>Сохранить <b>Cancel</b></p>", "ru")
    with pytest.raises(AssertionError, match="Cancel"):
        await no_english(page)
    await show(page, "<p>E-mail, VIP-клиент, 12 px <b translate=no>Acme Incorporated</b></p>", "ru")
    await no_english(page)
    with pytest.raises(AssertionError, match="says it is in 'ru'"):
        await no_russian(page)


async def test_a_page_wider_than_its_window_is_found(phone_page: Page) -> None:
    await show(phone_page, "<p>" + "a" * 200)
    with pytest.raises(AssertionError, match="wider than the window"):
        await fits(phone_page)


async def test_a_table_that_one_must_scroll_is_found(phone_page: Page) -> None:
    table = "<div><table aria-label=Calls><tr><td>{}<td><button>Call</button></table></div>"
    await show(phone_page, "<style nonce=a>div { overflow-x: auto }</style>" + table.format("a"))
    await fits(phone_page)
    await show(phone_page, "<style nonce=a>div { overflow-x: auto }</style>" + table.format("a" * 200))
    with pytest.raises(AssertionError, match="Calls"):
        await fits(phone_page)


async def test_a_focus_that_does_not_show_is_found(page: Page) -> None:
    await show(page, "<button>A</button><button>B</button>")
    await tab_to(page.get_by_role("button", name="B"))
    await show(page, "<style nonce=a>button { outline: none }</style><button>A</button>")
    with pytest.raises(AssertionError, match="can't be seen"):
        await tab_to(page.get_by_role("button", name="A"))
    await show(page, "<button tabindex=-1>A</button>")
    with pytest.raises(AssertionError, match="does not lead"):
        await tab_to(page.get_by_role("button", name="A"), most=5)
