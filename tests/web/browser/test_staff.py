"""Staff and queues show what happens while one looks, and nothing moves under the pointer or the focus."""

from __future__ import annotations

from playwright.async_api import expect

from pbxd.book.employees import Employee
from pbxd.storage.book.employees import Employees
from tests.api.test_queues import WAITS
from tests.http.conftest import House, until
from tests.services.scripted_queue import Pbx
from tests.web.browser.site import ADMINISTRATOR, AGENT, COLLEAGUE, SUPERVISOR, Site


async def test_a_state_changes_where_it_stands(site: Site, pbxd: House) -> None:
    page = await site.page()
    await page.goto("/staff")
    row = page.get_by_role("row").filter(has_text=COLLEAGUE.extension)
    await expect(row).to_contain_text("свободен")
    call = row.get_by_role("button", name="Позвонить")
    await call.focus()
    pbxd.phones[COLLEAGUE.extension] = "talking"
    await expect(row).to_contain_text("разговаривает")
    await expect(call).to_be_focused()
    await expect(page.get_by_role("row").filter(has_text=AGENT.extension)).to_contain_text("свободен")
    pbxd.phones.clear()
    await expect(row).to_contain_text("свободен")


async def test_a_name_keeps_its_words_beside_many_departments(site: Site, pbxd: House) -> None:
    many = "; ".join(f"department {number}" for number in range(14))
    person = Employee(COLLEAGUE.extension, COLLEAGUE.name, department=many)
    await Employees(pbxd.database).upsert([person], source="list")
    page = await site.page()
    await page.goto("/staff")
    link = page.get_by_role("link", name=COLLEAGUE.name, exact=True)
    assert await link.evaluate("each => each.getClientRects().length") == 1
    await page.set_viewport_size({"width": 1024, "height": 768})
    assert await page.locator(".state").first.evaluate("each => each.getBoundingClientRect().height") < 30
    settings = await site.page(ADMINISTRATOR, size=390)
    await settings.goto("/settings/users")
    await expect(settings.get_by_role("row", name=ADMINISTRATOR.name)).to_contain_text("администратор · может войти")
    long = Employee(ADMINISTRATOR.extension, f"{ADMINISTRATOR.name} Длиннофамильный-Константинопольский Александрович")
    await Employees(pbxd.database).upsert([long], source="list")
    await settings.set_viewport_size({"width": 1280, "height": 800})
    await settings.reload()
    lines = "cell => { const all = new Range(); all.selectNodeContents(cell); return all.getClientRects().length; }"
    role = settings.get_by_role("cell", name="администратор", exact=True)
    assert await role.evaluate(lines) == 1
    await settings.set_viewport_size({"width": 390, "height": 844})
    await settings.goto("/settings/audit")
    await expect(settings.get_by_role("link", name="Журнал действий")).to_be_in_viewport(ratio=0.9)


async def test_the_alert_that_the_pbx_is_away_comes_and_goes(site: Site, pbxd: House) -> None:
    page = await site.page()
    await page.clock.install()
    await page.goto("/staff")
    alert = page.get_by_role("alert").filter(has_text="Нет связи с АТС")
    row = page.get_by_role("row").filter(has_text=COLLEAGUE.extension)
    await expect(row).to_contain_text("свободен")
    login, pbxd.pbx.on["Login"] = pbxd.pbx.on["Login"], lambda _session, _asked: None
    pbxd.pbx.sessions[-1].writer.transport.abort()
    await until(lambda: not pbxd.ami.connected)
    await page.clock.fast_forward(61_000)  # no event tells of it
    await expect(alert).to_be_visible()
    await expect(row).not_to_contain_text("свободен")
    pbxd.pbx.on["Login"] = login
    await until(lambda: len(pbxd.pbx.sessions) > 1)
    pbxd.pbx.sessions[-1].writer.transport.abort()
    known = len(pbxd.pbx.sessions)
    await until(lambda: len(pbxd.pbx.sessions) > known and pbxd.ami.connected)
    pbxd.phones[COLLEAGUE.extension] = "talking"
    await expect(row).to_contain_text("разговаривает")
    await expect(alert).to_have_count(0)


async def test_a_supervisor_serves_somebody_first(site: Site, pbxd: House) -> None:
    Pbx(pbxd.pbx, "22.1.0", immediate=True)
    pbxd.services.queues.call_of = WAITS.get
    page = await site.page(SUPERVISOR)
    await page.goto("/queues")
    table = page.get_by_role("table", name="Очередь sales")
    rows = table.get_by_role("row")
    await expect(rows.nth(1)).to_contain_text("+7 916 000-00-01")
    await expect(rows.nth(1)).not_to_contain_text("0:05")  # the time runs
    await table.get_by_role("button", name="Переместить в начало: +7 916 000-00-02").click()
    await expect(rows.nth(1)).to_contain_text("+7 916 000-00-02")
    await expect(rows.nth(2).get_by_role("button", name="Переместить в начало: +7 916 000-00-01")).to_be_visible()
    await expect(page.locator("#queues")).to_be_focused()  # not another caller's button
    assert page.url.endswith("/queues")
