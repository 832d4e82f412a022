"""`/history/ID` and `/history/attach`: the story of a call, and giving its number to a contact."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pbxd.book.contacts import ContactDraft
from pbxd.calls.record import Gap, Step
from pbxd.roles import Sights
from pbxd.services.calls.recordings import Recordings
from pbxd.settings import RecordingSettings
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR, agent
from tests.web.test_history import CALLS, DID, MARKUP, NOON, ONE, TWO, beside, call, sign_in
from tests.web.test_history import history as history
from tests.web.test_pages import Browser, Shown
from tests.web.test_pages import browser as browser

BEGAN = NOON - timedelta(minutes=1)


def at(seconds: float, what: str, who: str | None = None, detail: str | None = None, times: int = 1) -> Step:
    return Step(BEGAN + timedelta(seconds=seconds), what, who, detail, times)


STORY = [
    at(0, "called", ONE, DID), at(12, "queued", ONE, "sales"), at(12.1, "rang", "101"), at(13, "rang", "102"),
    at(30, "no-answer", "102"), at(31, "rang", "102"), at(52, "left-queue", ONE, "sales"), at(52, "answered", "101"),
    at(52.5, "cancelled", "102"), at(53, "recorded", None, "a.wav"), at(60, "held", "101"), at(80, "resumed", "101"),
    at(85, "called", "101", "102"), at(90, "attended-transfer", "101", "102"), at(95, "answered", "102"),
    at(300, "left", "101"), at(300.1, "left", "101"),
    at(4000, "ended", ONE),
]  # fmt: skip


async def told(history: Browser, story: list[Step], **changes: object) -> list[str]:
    """The lines of the story of a call."""
    record = replace(CALLS[0], story=story, **changes)  # type: ignore[arg-type]  # any of its fields
    await Calls(history.pbxd.database).upsert([record])
    shown = await history.get("/history/C1")
    assert shown.status == 200
    return [text for text in shown.page.texts("li") if ":" in text[:3]]


async def test_a_call_is_told_as_a_person_would(history: Browser) -> None:
    gap = Gap(BEGAN + timedelta(seconds=100), BEGAN + timedelta(seconds=140))
    lines = await told(history, STORY, seconds=CALLS[0].seconds | {"menu": 12.0}, gaps=[gap])
    assert lines == [
        "11:59:00Фронкин Игорь (+7 916 000-00-01) звонит на +7 495 123-45-67",
        "11:59:00Клиент слушает меню 12 с",
        "11:59:12Фронкин Игорь (+7 916 000-00-01) ждёт в очереди sales 40 с",
        "11:59:12Звонят телефоны: Иванова Анна, Петров Борис, 18 с",
        "11:59:30Не отвечает: Петров Борис",
        "11:59:31Звонит телефон: Петров Борис, 21 с",
        "11:59:52Отвечает Иванова Анна",
        "12:00:00Иванова Анна ставит звонок на удержание на 20 с",
        "12:00:25Иванова Анна звонит: Петров Борис",
        "12:00:30Иванова Анна переводит звонок после разговора, кому: Петров Борис",
        "12:00:35Отвечает Петров Борис",
        "12:00:40До 12:01:20 связи с АТС не было; здесь может чего-то не хватать",
        "12:04:00Иванова Анна выходит из разговора",
        "13:05:40Фронкин Игорь (+7 916 000-00-01) кладёт трубку",
    ]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (at(1, "ended", None, "pbx"), "Звонок завершает АТС"),
        (at(1, "ended", None, "unheard"), "Звонок окончен, когда — неизвестно"),
        (at(1, "moved", "101", "sales"), "Клиента переместили в начало очереди sales"),
        (at(1, "busy", "102", None, 3), "Занято: Петров Борис (×3)"),
        (at(1, "of later", "102"), "of later Петров Борис"),
        (at(1, "queued", None, "sales"), "Клиент ждёт в очереди sales 29 с"),
        (at(1, "held", "101"), "Иванова Анна ставит звонок на удержание на 29 с"),
    ],
)
async def test_steps(history: Browser, step: Step, line: str) -> None:
    assert await told(history, [step]) == [f"11:59:01{line}"]


async def test_a_call_under_way(history: Browser) -> None:
    gap = Gap(BEGAN + timedelta(seconds=2), None)
    story = [at(0, "called", ONE, DID), at(1, "queued", ONE, "sales")]
    lines = await told(history, story, ended=None, outcome=None, gaps=[gap])
    assert [line[8:] for line in lines[1:]] == [
        "Фронкин Игорь (+7 916 000-00-01) ждёт в очереди sales",
        "С этого момента связи с АТС нет",
    ]
    assert "Звонок ещё идёт" in (await history.get("/history/C1")).text


async def test_the_facts_stand_beside_it(history: Browser) -> None:
    await Calls(history.pbxd.database).upsert([replace(CALLS[0], seconds=CALLS[0].seconds | {"wait": 9.0})])
    shown = await history.get("/history/C1")
    facts = dict(zip(shown.page.texts("dt"), shown.page.texts("dd"), strict=True))
    assert facts == {
        "Время": f"{NOON:%d.%m.%Y} 11:59:00", "Направление": "входящий", "Сотрудник": "Иванова Анна",
        "Итог": "отвечен", "Ожидание": "9 с", "Разговор": "1 мин 5 с",
    }  # fmt: skip
    assert shown.page.texts("h1") == ["Звонок: Фронкин Игорь"]
    english = await history.get("/history/C1", **{"Accept-Language": "en"})
    assert f"{NOON:%Y-%m-%d} 11:59:00" in english.page.texts("dd")


async def test_the_id_of_a_call_that_became_part_of_another_leads_there(history: Browser) -> None:
    await Calls(history.pbxd.database).upsert([replace(CALLS[1], merged_into="C1")])
    shown = await history.get("/history/C2")
    assert (shown.status, shown.headers["Location"]) == (303, "/history/C1")


async def test_a_row_alone(history: Browser) -> None:
    part = await history.get("/history/C1?row=1", **{"X-Fragment": "1"})
    assert part.text.strip().startswith('<tr id="call-C1"')
    assert (await history.get("/history/C1", **{"X-Fragment": "1"})).page.texts("h1") == []


async def test_what_is_not_seen_is_not_there(history: Browser) -> None:
    async with beside(history.pbxd, sights=lambda: Sights("own", "all")) as site:
        url = f"{site}/history"
        found = {name: (await history.get(f"{url}/{name}")).status for name in ("C1", "C2", "C3", "C4", "nothing")}
        rows = {name: (await history.get(f"{url}/{name}?row=1", **{"X-Fragment": "1"})).status for name in ("C2", "C4")}
    assert found == {"C1": 200, "C2": 404, "C3": 404, "C4": 200, "nothing": 404}
    assert rows == {"C2": 404, "C4": 200}


async def test_others_personal_contacts_have_no_name_in_the_story(history: Browser) -> None:
    await Calls(history.pbxd.database).upsert([replace(CALLS[1], story=[at(0, "called", TWO, DID)])])
    assert "Тайная" not in (await history.get("/history/C2")).text
    await sign_in(history, "102")
    assert "Тайная Жена" in (await history.get("/history/C2")).text


@pytest.mark.parametrize("text", MARKUP)
async def test_hostile_texts_stay_texts(history: Browser, text: str) -> None:
    evil = call(7, caller=replace(CALLS[0].caller, number=text, name=text), queues=[text], queue=text)
    evil.story = [at(0, "called", text, text), at(1, text, text, text), at(2, "rang", text)]
    evil.recordings, evil.joined = [text], ["C1"]
    await Calls(history.pbxd.database).upsert([evil])
    for path, query in (("/history/C7", {}), ("/history/attach", {"number": text, "search": text})):
        async with history.session.get(path, params=query) as answer:
            body = await answer.text()
        assert answer.status == 200
        for markup in ("<script>alert", "<img", "<b>", "<svg/", "onfocus='alert"):
            assert markup not in body


async def attach(history: Browser, contact: str, **fields: str) -> int:
    form = {"number": "8 903 555-01-01", "contact": contact, **fields}
    return (await history.post("/history/attach", form)).status


async def test_a_number_is_attached_to_a_contact(history: Browser) -> None:
    book = Contacts(history.pbxd.database)
    (chosen,) = [card for card in (await book.list(actor=agent("101")))[1] if card.name == "Фронкин Игорь"]
    shown = await history.get("/history/attach?number=%2B79035550101&search=фронк")
    assert "Номер +7 903 555-01-01 станет одним из номеров выбранного контакта" in shown.text
    assert any("Фронкин Игорь" in text for text in shown.page.texts("button"))
    part = await history.get("/history/attach?number=1&search=фронк&part=results", **{"X-Fragment": "1"})
    assert part.page.texts("h2") == []
    done = await history.post("/history/attach", {"number": "+79035550101", "contact": str(chosen.id)})
    assert (done.status, done.headers["Location"]) == (303, f"/clients/{chosen.id}")
    assert "+79035550101" in {each.number for each in (await book.get(chosen.id, actor=agent("101"))).numbers}


async def test_what_cannot_be_attached_is_said(history: Browser) -> None:
    book = Contacts(history.pbxd.database)
    secret = ContactDraft("Чужая", visibility="personal", owner="102")
    other = await book.add(secret, actor=agent("102"))
    own = await book.add(ContactDraft("Своя"), actor=ADMINISTRATOR)
    assert await attach(history, str(other.id)) == 422, "what one can't see can't be changed"
    assert await attach(history, str(own.id), number="не номер") == 422
    assert await attach(history, "") == 200, "nothing was chosen"
    assert await attach(history, str(own.id), _resumed="1") == 200, "it is shown again, not saved"
    assert (await book.get(own.id, actor=ADMINISTRATOR)).numbers == ()


SOUND = b"RIFF" + bytes(range(256)) * 40


async def test_who_took_part_hears_the_recording(history: Browser, tmp_path: Path) -> None:
    pbxd, folder = history.pbxd, tmp_path / "monitor"
    folder.mkdir()
    (folder / "one.wav").write_bytes(SOUND)
    await Calls(pbxd.database).upsert([replace(CALLS[0], recordings=["one.wav", "gone.wav"])])
    settings = RecordingSettings(folder=str(folder))
    recordings = Recordings(pbxd.services.workspace, lambda: settings)
    async with beside(pbxd, recordings=recordings) as url:
        shown = await history.get(f"{url}/history/C1")
        (player,) = [each for each in shown.page.elements if each.tag == "audio"]
        assert player.attributes["aria-label"] == "Запись 1"
        async with history.session.get(url + player.attributes["src"]) as answer:
            assert await answer.read() == SOUND
        assert "gone.wav: файла больше нет" in shown.text
        await sign_in(history, "102")
        other = await history.get(f"{url}/history/C1")
        assert (other.status, [each for each in other.page.elements if each.tag == "audio"]) == (200, [])
        assert "прослушать" in other.text or "слушать" in other.text
        async with history.session.get(url + player.attributes["src"]) as answer:
            assert answer.status == 403


def plays(shown: Shown) -> list[str]:
    """Which calls a page offers to listen to."""
    return [each.attributes["href"] for each in shown.page.elements if "data-play" in each.attributes]


async def test_rows_offer_the_recordings_that_the_visitor_may_hear(history: Browser, tmp_path: Path) -> None:
    pbxd, own = history.pbxd, "/history/C1#recording"
    changed = [
        replace(CALLS[0], recordings=["one.wav"]),  # 101 talked
        replace(CALLS[1], recordings=["two.wav"], answered_by=["102"]),
        replace(CALLS[2], recordings=["in-****-1.wav"]),  # erased
        replace(CALLS[5], recordings=["six.wav"], answered_by=["101"]),  # it goes on
    ]
    await Calls(pbxd.database).upsert(changed)
    recordings = Recordings(pbxd.services.workspace, lambda: RecordingSettings(folder=str(tmp_path)))
    assert plays(await history.get("/history")) == [], "nobody said where they are"
    (client,) = (await Contacts(pbxd.database).list(actor=ADMINISTRATOR))[1]
    async with beside(pbxd, recordings=recordings) as url:
        for path in ("/history", f"/clients/{client.id}", f"/clients/{client.id}?tab=calls"):
            assert plays(await history.get(url + path)) == [own], path
        assert plays(await history.get(f"{url}/history/C1?row=1", **{"X-Fragment": "1"})) == [own]
        await sign_in(history, "102", "supervisor")
        assert plays(await history.get(f"{url}/history")) == [own, "/history/C2#recording"]
    assert 'id="recording"' in (await history.get("/history/C1")).text


@pytest.mark.parametrize(("who", "label"), [("101", "Петров Борис"), ("102", "Иванова Анна")])
async def test_a_call_among_ourselves_can_be_called_back(history: Browser, who: str, label: str) -> None:
    await history.pbxd.directory.load()
    if who != "101":
        await sign_in(history, who)
    for path in ("/history", "/history/C4", "/history/C4?row=1"):
        shown = await history.get(path, **({"X-Fragment": "1"} if "row" in path else {}))
        assert f'aria-label="Позвонить: {label}"' in shown.text, path
    gone = {"101": "102", "102": "101"}[who]
    await Employees(history.pbxd.database).retire([gone])
    await history.pbxd.directory.load()
    assert f'aria-label="Позвонить: {label}"' not in (await history.get("/history")).text


async def test_without_a_folder_of_recordings_the_page_says_so(history: Browser) -> None:
    await Calls(history.pbxd.database).upsert([replace(CALLS[0], recordings=["one.wav"])])
    assert "one.wav: администратор должен указать папку с записями" in (await history.get("/history/C1")).text
