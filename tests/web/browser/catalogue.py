"""Every page, in each state in which it looks different: tests judge them all, `make screenshots` shows them.

Add a line for each new page, and for each state of one: a form that refuses, an empty list, a dialog.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from playwright.async_api import FilePayload, Page

from pbxd.services.access import tokens
from pbxd.services.access.tokens import CreateToken
from pbxd.services.webhooks import webhooks
from pbxd.services.webhooks.webhooks import AddWebhook
from tests.actors import ADMINISTRATOR as ADMINISTRATORS
from tests.http.conftest import House
from tests.web.browser import present
from tests.web.browser.books import BookName
from tests.web.browser.contents import IMPORTED
from tests.web.browser.judging import PHONE
from tests.web.browser.site import ADMINISTRATOR, AGENT, NEWCOMER, PASSWORD, SUPERVISOR, Person, Site

Act = Callable[[Page], Awaitable[object]]

LISTS: tuple[BookName, ...] = ("empty", "long", "full")
POSITIONS = ("Бухгалтер", "Снабженец")
FILLED: tuple[BookName, ...] = ("long", "full")


async def no_act(_page: Page) -> None:
    """Leave a page as it opens."""


@dataclass(frozen=True)
class View:
    """One state of one page."""

    name: str  # of its picture
    path: str  # GIVEN says what is made for {…}. Contact 1 has the longest texts
    who: Person | None = AGENT
    books: tuple[BookName, ...] = ("empty",)  # LISTS, or FILLED for a page of one contact or call
    act: Act = no_act  # what brings the page into that state; it uses no text, since the language differs
    now: Callable[[House], None] | None = None  # what goes on at the PBX meanwhile
    status: int = 200  # of the page as it opens

    @property
    def changes_nothing(self) -> bool:
        """Tell whether it is only looked at: several may share one pbxd."""
        return self.act is no_act and not any(f"{{{name}}}" in self.path for name in MADE)

    async def open(self, site: Site, page: Page) -> None:
        """Bring a page of `site.page(view.who, …)` into this state."""
        path = self.path
        assert site.pbxd
        present.quiet(site.pbxd)
        if self.now:
            self.now(site.pbxd)
        for name, give in GIVEN.items():
            if f"{{{name}}}" in path:
                path = path.format_map({name: await give(site, page)})
        answer = await page.goto(path)
        assert answer
        assert answer.status == self.status, f"{path} answers {answer.status}"
        assert urlsplit(page.url).path == urlsplit(path).path, f"{path} led to {page.url}"
        await self.act(page)


async def _invitation(site: Site, _page: Page) -> str:
    return await site.invite(NEWCOMER)


async def _call(_site: Site, page: Page) -> str:
    answer = await page.context.request.get("/api/v1/calls?limit=1")
    return str((await answer.json())["items"][0]["id"])


async def _employee(_site: Site, page: Page) -> str:
    answer = await page.context.request.get("/api/v1/employees?limit=1")
    return str((await answer.json())["items"][0]["id"])


async def _token(site: Site, _page: Page) -> str:
    assert site.pbxd
    asked = CreateToken(name="CRM", scopes=["contacts:read", "calls:read"])
    return str((await tokens.create(site.pbxd.services.workspace, ADMINISTRATORS, asked)).id)


async def _webhook(site: Site, _page: Page) -> str:
    assert site.pbxd
    asked = AddWebhook(url="https://crm.example/events", events=["call.*"], allowed=())
    return str((await webhooks.add(site.pbxd.services.workspace, ADMINISTRATORS, asked)).id)


GIVEN: Mapping[str, Callable[[Site, Page], Awaitable[str]]] = {
    "invitation": _invitation, "call": _call, "employee": _employee, "token": _token, "webhook": _webhook,
}  # fmt: skip
MADE = ("invitation", "token", "webhook")  # for a view, which changes the book


async def _wrong_password(page: Page) -> None:
    await page.locator("[autocomplete=username]").fill("101")
    await page.locator("[autocomplete=current-password]").fill("неверный")
    await page.locator("form button").click()
    await page.get_by_role("alert").wait_for()


async def _different_passwords(page: Page) -> None:
    fields = page.locator("[autocomplete=new-password]")
    await fields.nth(0).fill("корова 7 лошадь")
    await fields.nth(1).fill("корова 8 лошадь")
    await page.locator("form button").click()
    await page.locator("[aria-invalid=true]").wait_for()


async def _share(page: Page) -> None:
    await page.locator("[popovertarget=share]").click()
    await page.locator("#share").wait_for()


async def _wrong_contact(page: Page) -> None:
    await page.locator("[name=number-0]").fill("?")
    await page.locator("[name=birth_date]").fill("31.13.1980")
    await page.locator("main form button:not([name]):visible").first.click()
    await page.locator("[aria-invalid=true]").first.wait_for()


async def _filters(page: Page) -> None:
    await page.locator("[popovertarget=filter]").click()
    await page.locator("#filter").wait_for()


async def _edit(page: Page) -> None:
    await page.locator("form[data-dialog] button").click()
    await page.get_by_role("dialog").wait_for()


async def _to_the_end(page: Page) -> None:
    if page.viewport_size == PHONE:  # a picture of the other width has the whole page
        await page.locator("button[form=delete]").scroll_into_view_if_needed()


async def _clash(page: Page) -> None:
    """Save the same field in another tab first."""
    other = await page.context.new_page()
    await other.goto(page.url)
    now = await other.locator("[name=position]").input_value()
    for tab, text in ((other, next(each for each in POSITIONS if each != now)), (page, "Директор")):
        await tab.locator("[name=position]").fill(text)
        await tab.locator("main form button:not([name]):visible").first.click()
        if tab is other:
            await tab.wait_for_url(lambda url: not url.endswith("/edit"))
            await tab.close()
    await page.locator(".clashes").wait_for()


async def _token_made(page: Page) -> None:
    await page.locator("[name=name]").fill("CRM")
    await page.locator("[name='scope-contacts:read']").check()
    await page.locator("main form button:visible").first.click()
    await page.locator(".once").wait_for()


async def _invited(page: Page) -> None:
    await page.locator("[name=who]").fill(NEWCOMER.extension)
    await page.locator("main form button:visible").first.click()
    await page.locator(".once").wait_for()


async def _session_ends(page: Page) -> None:
    """Send a form without scripts after the session has ended."""
    await page.locator("[name=name]").fill("Ли Олег")
    await page.context.clear_cookies()
    await page.locator("main form[method=post]").first.evaluate("form => form.submit()")
    await page.locator("[autocomplete=username]").wait_for()


async def _resumed(page: Page) -> None:
    await _session_ends(page)
    await page.locator("[autocomplete=username]").fill(AGENT.extension)
    await page.locator("[autocomplete=current-password]").fill(PASSWORD)
    await page.locator("form button").click()
    await page.locator("[name=_resumed]").wait_for(state="attached")


async def _menu(page: Page) -> None:
    await page.locator("header button[popovertarget]").last.click()
    await page.get_by_role("menuitem").last.wait_for()


async def _nothing_found(page: Page) -> None:
    await page.get_by_role("searchbox").fill("zzz")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**search=zzz**")


async def _card(page: Page) -> None:
    await page.locator(".cards > .card[data-state=ringing]").wait_for()


async def _two_cards(page: Page) -> None:
    await _card(page)
    await page.locator(".cards > .card[data-state=talking]").wait_for()


async def _checked_file(page: Page) -> None:
    file = FilePayload(name="clients.csv", mimeType="text/csv", buffer=IMPORTED.encode())
    await page.locator("input[type=file]").set_input_files([file])
    await page.locator("main form [type=submit]").click()
    await page.locator("#columns").wait_for()


async def _loaded_file(page: Page) -> None:
    await page.locator("[name=existing][value=add]").check()  # also if a picture of another size was taken before
    await _checked_file(page)
    await page.locator("form[action$='/commit'] button").click()
    await page.locator("form[action$='/undo']").wait_for()


async def _refused_file(page: Page) -> None:
    file = FilePayload(name="1.csv", mimeType="text/csv", buffer="№;№2\n1;2\n".encode())
    await page.locator("input[type=file]").set_input_files([file])
    await page.locator("main form [type=submit]").click()
    await page.locator("#columns").wait_for()


VIEWS = (
    View("sign-in", "/sign-in", None),
    View("sign-in-refused", "/sign-in", None, act=_wrong_password),
    View("invitation", "{invitation}", None),
    View("invitation-refused", "{invitation}", None, act=_different_passwords),
    View("invitation-used", "/invitation/used", None, status=404),
    View("session-ended", "/clients/new", act=_session_ends),
    View("session-resumed", "/clients/new", act=_resumed),
    View("me", "/me"),
    View("clients", "/clients", books=LISTS),
    View("clients-menu", "/clients", act=_menu),
    View("clients-nothing-found", "/clients", books=("long",), act=_nothing_found),
    View("client", "/clients/1", books=FILLED),
    View("client-calls", "/clients/1?tab=calls", books=("long",)),
    View("client-changes", "/clients/1?tab=changes", books=("long",)),
    View("client-share", "/clients/1", books=("long",), act=_share),
    View("client-form", "/clients/new"),
    View("client-form-refused", "/clients/new", act=_wrong_contact),
    View("client-form-dialog", "/clients/1", books=("long",), act=_edit),
    View("client-form-edit", "/clients/1/edit", ADMINISTRATOR, books=("long",), act=_to_the_end),
    View("client-form-clash", "/clients/1/edit", books=("long",), act=_clash),
    View("client-delete", "/clients/1/delete", ADMINISTRATOR, books=("long",)),
    View("client-delete-refused", "/clients/1/delete", SUPERVISOR, books=("long",)),
    View("client-gone", "/clients/999", status=404),
    View("clients-filtered", "/clients?vip=1&manager=101", books=("long",)),
    View("clients-filters", "/clients", books=("long",), act=_filters),
    View("clients-export", "/clients/export", books=("long",)),
    View("companies", "/companies", books=LISTS),
    View("companies-similar", "/companies?tab=doubles", ADMINISTRATOR, books=("long",)),
    View("card-rings", "/clients", books=("long",), act=_card, now=present.call_rings),
    View("card-two-calls", "/clients/new", books=("long",), act=_two_cards, now=present.calls_go_on),
    View("company", "/companies/1", books=FILLED),
    View("company-form", "/companies/new"),
    View("company-edit", "/companies/1/edit", ADMINISTRATOR, books=("long",)),
    View("company-merge", "/companies/1/merge?with=2", ADMINISTRATOR, books=("long",)),
    View("history", "/history", books=LISTS),
    View("history-nothing-found", "/history?client=zzz", books=FILLED),
    View("history-wrong-date", "/history?from=31.13.2026"),
    View("call", "/history/{call}", books=FILLED),
    View("attach", "/history/attach?number=%2B79035550101&part=results&search=%D0%B0%D0%BD%D0%BD%D0%B0", books=FILLED),
    View("import", "/import"),
    View("import-checked", "/import", act=_checked_file),
    View("import-refused", "/import", act=_refused_file),
    View("staff", "/staff", books=LISTS),
    View("staff-supervisor", "/staff", SUPERVISOR, books=("long",), now=present.phones_ring),
    View("employee", "/staff/{employee}", books=FILLED),
    View("queues", "/queues"),
    View("queues-callers", "/queues", SUPERVISOR, books=("long",), now=present.callers_wait),
    View("settings-users", "/settings/users", ADMINISTRATOR),
    View("settings-user-invited", "/settings/users", ADMINISTRATOR, act=_invited),
    View("settings-user", "/settings/users/1", ADMINISTRATOR),
    View("settings-tokens", "/settings/tokens", ADMINISTRATOR),
    View("settings-token-made", "/settings/tokens", ADMINISTRATOR, act=_token_made),
    View("settings-token", "/settings/tokens/{token}", ADMINISTRATOR),
    View("settings-token-revoke", "/settings/tokens/{token}/revoke", ADMINISTRATOR),
    View("settings-token-gone", "/settings/tokens/999", ADMINISTRATOR, status=404),
    View("settings-webhooks", "/settings/webhooks", ADMINISTRATOR),
    View("settings-webhook", "/settings/webhooks/{webhook}", ADMINISTRATOR),
    View("settings-webhook-delete", "/settings/webhooks/{webhook}/delete", ADMINISTRATOR),
    View("settings-webhook-gone", "/settings/webhooks/999", ADMINISTRATOR, status=404),
    View("settings-numbers", "/settings/numbers?number=8-916-123-45-67", ADMINISTRATOR),
    View("settings-checks", "/settings/checks", ADMINISTRATOR),
    View("settings-audit", "/settings/audit", ADMINISTRATOR),
    View("settings-components", "/settings/components", ADMINISTRATOR),
    View("settings-refused", "/settings/users", status=403),
    View("import-loaded", "/import", act=_loaded_file),  # the last one: pictures of one book share it
)
