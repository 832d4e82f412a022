"""Recordings over HTTP: who hears which, parts of a file, and nothing outside the folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pbxd.book.employees import Employee
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.roles import Sights
from pbxd.services.calls.recordings import Recordings
from pbxd.settings import RecordingSettings
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import acting_token
from tests.api.examples import CALLS, problem
from tests.api.test_audit import logged
from tests.api.test_queues import session
from tests.http.conftest import House, serving
from tests.http.contract import checked_session

SOUND = b"RIFF" + bytes(range(256)) * 40
MONITOR = "/var/spool/asterisk/monitor"
BEGAN = datetime.now(UTC) - timedelta(days=1)
CALL = "01J00000000000000000000001"
FREEPBX = "in-74951234567-101-20261129-120000-1469918176.1.wav"


@dataclass
class Office:
    """101 talked in the call; `folder` is where the recordings lie."""

    pbxd: House
    client: aiohttp.ClientSession
    folder: Path
    settings: RecordingSettings
    sights: Sights

    async def call(
        self, *recordings: str, key: str = CALL, linkedid: str = "1469918176.1", number: str = "+74951234567"
    ) -> str:
        record = CallRecord(
            id=key, pbx="pbx", linkedid=linkedid, started=BEGAN, ended=BEGAN + timedelta(minutes=1), outcome="answered",
            caller=Party(number), agents=[Agent("101"), Agent("102")], answered_by=["101"], recordings=list(recordings),
        )  # fmt: skip
        await Calls(self.pbxd.database).upsert([record])
        return f"{CALLS}/{key}/recordings"

    def file(self, name: str, content: bytes = SOUND) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    async def list(self, address: str, headers: dict[str, str]) -> list[dict[str, Any]]:
        async with self.client.get(address, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            items: list[dict[str, Any]] = (await answer.json())["items"]
            return items

    async def boss(self) -> dict[str, str]:
        return await session(self.pbxd, "103", "supervisor")


@pytest.fixture
async def office(pbxd: House, tmp_path: Path) -> AsyncIterator[Office]:
    people = [Employee("101", "Иванова Анна"), Employee("102", "Петров Пётр"), Employee("103", "Сидоров Сидор")]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.directory._refresh()
    folder = tmp_path / "monitor"
    folder.mkdir()
    recordings = Recordings(pbxd.services.workspace, lambda: made.settings)
    services = replace(pbxd.services, recordings=recordings, sights=lambda: made.sights)
    async with (
        serving(replace(pbxd, services=services)) as server,
        checked_session(f"http://127.0.0.1:{server.port}") as client,
    ):
        made = Office(pbxd, client, folder, RecordingSettings(folder=str(folder)), Sights())
        yield made


async def test_a_recording_is_listed_and_heard_with_its_type(office: Office) -> None:
    address = await office.call(f"{MONITOR}/2026/11/29/{FREEPBX}", f"{MONITOR}/gone.wav", "q-sales.MP3", "raw.sln")
    office.file(f"2026/11/29/{FREEPBX}")
    office.file("q-sales.MP3", b"ID3")
    office.file("raw.sln", b"x")
    boss = await office.boss()
    found = await office.list(address, boss)
    assert [(each["n"], each["bytes"], each["type"], each["lack"]) for each in found] == [
        (1, len(SOUND), "audio/wav", None),
        (2, None, "audio/wav", "no-file"),
        (3, 3, "audio/mpeg", None),
        (4, 1, "application/octet-stream", None),
    ]
    assert found[0]["name"] == FREEPBX
    async with office.client.get(f"{address}/1", headers=boss) as answer:
        assert (answer.status, answer.content_type, await answer.read()) == (200, "audio/wav", SOUND)
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "private, no-store"
    async with office.client.get(f"{address}/2", headers=boss) as answer:
        assert (await problem(answer, 404))["reason"] == "no-file"
    for n in ("5", "1000"):
        async with office.client.get(f"{address}/{n}", headers=boss) as answer:
            assert (await problem(answer, 404))["reason"] == "no-recording"
    for n in ("0", "9999", "-1", "x", "..%2f1"):
        async with office.client.get(f"{address}/{n}", headers=boss) as answer:
            await problem(answer, 404)


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=0-", 206, SOUND),
        ("bytes=4-9", 206, SOUND[4:10]),
        ("bytes=10000-99999", 206, SOUND[10000:]),
        ("bytes=-7", 206, SOUND[-7:]),
        ("bytes=99999-", 416, b""),
        ("bytes=9-4", 416, b""),
        ("seconds=1", 416, b""),
        ("bytes=0-1,5-6", 416, b""),
    ],
)
async def test_a_player_gets_the_part_it_asks_for(office: Office, asked: str, status: int, content: bytes) -> None:
    address = await office.call("a.wav")
    office.file("a.wav")
    boss = await office.boss()
    async with office.client.get(f"{address}/1", headers=boss | {"Range": asked}) as answer:
        if status == 416:
            await problem(answer, 416)
            assert answer.headers["Content-Range"] == f"bytes */{len(SOUND)}"
        else:
            assert (answer.status, await answer.read()) == (206, content)
            assert answer.headers["Content-Range"].endswith(f"/{len(SOUND)}")
    async with office.client.get(f"{address}/1", headers=boss) as answer:  # the connection is still good
        tag = answer.headers["ETag"]
        assert await answer.read() == SOUND
    async with office.client.get(f"{address}/1", headers=boss | {"If-None-Match": tag}) as answer:
        assert (answer.status, await answer.read()) == (304, b"")
    async with office.client.head(f"{address}/1", headers=boss) as answer:
        assert (answer.status, answer.content_length) == (200, len(SOUND))


async def test_agents_hear_their_own_calls_and_supervisors_everybodys(office: Office) -> None:
    address = await office.call("a.wav")
    office.file("a.wav")
    for who, role, status in (
        ("101", "agent", 200), ("102", "agent", 403), ("103", "supervisor", 200),
        ("boss@example.org", "administrator", 200),
    ):  # fmt: skip
        headers = await session(office.pbxd, who, role)
        for path in (address, f"{address}/1"):
            async with office.client.get(path, headers=headers) as answer:
                assert answer.status == status, (who, path)
                if status == 403:
                    assert (await problem(answer, 403))["reason"] == "not-own-call"
    for actor, query, status in (
        (acting_token("x", "101"), {}, 200),
        (acting_token("x", "102"), {}, 403),
        (acting_token("x"), {}, 403),
        (acting_token("x", acts_for_any=True), {}, 403),
        (acting_token("x", acts_for_any=True), {"as": "101"}, 200),
        (acting_token("x", acts_for_any=True), {"as": "102"}, 403),
        (replace(acting_token("x"), role="supervisor", scopes=frozenset({"calls:read", "queues:move"})), {}, 200),
    ):
        _id, plain = await Tokens(office.pbxd.database).create("x", actor)
        headers = {"Authorization": f"Bearer {plain}"}
        async with office.client.get(f"{address}/1", headers=headers, params=query) as answer:
            assert answer.status == status, (actor, query)


async def test_whose_extension_it_is_now_does_not_hear_who_had_it_then(office: Office) -> None:
    """The history of an extension that passed: the new employee hears nothing of the former one's calls."""
    address = await office.call("a.wav")
    office.file("a.wav")
    former = await session(office.pbxd, "101", "agent")
    staff = Employees(office.pbxd.database)
    await staff.upsert([Employee("101", "Новикова Нина")], source="list")
    await office.pbxd.directory._refresh()
    new = await session(office.pbxd, "101", "agent")
    async with office.client.get(f"{address}/1", headers=new) as answer:
        assert (await problem(answer, 403))["reason"] == "not-own-call"
    async with office.client.get(f"{address}/1", headers=former) as answer:
        await problem(answer, 401)


async def test_a_call_that_is_not_seen_has_no_recordings(office: Office) -> None:
    address = await office.call("a.wav")
    office.file("a.wav")
    office.sights = Sights("own", "all")
    stranger, own = await session(office.pbxd, "102", "agent"), await session(office.pbxd, "101", "agent")
    for path in (address, f"{address}/1"):
        async with office.client.get(path, headers=stranger) as answer:
            await problem(answer, 404)
        async with office.client.get(path, headers=own) as answer:
            assert answer.status == 200
        async with office.client.get(path.replace(CALL, "01J0000000000000000000000X"), headers=own) as answer:
            await problem(answer, 404)


async def test_who_listened_stands_in_the_audit_log_once_however_many_parts(office: Office) -> None:
    address = await office.call("a.wav", "b.wav")
    for name in ("a.wav", "b.wav"):
        office.file(name)
    own, boss = await session(office.pbxd, "101", "agent"), await office.boss()
    await office.list(address, own)
    async with office.client.head(f"{address}/1", headers=own) as answer:
        assert answer.status == 200
    assert await logged(office.pbxd, action="hear_recording") == []
    for headers, path in ((own, "1"), (own, "1"), (own, "2"), (boss, "1")):
        async with office.client.get(f"{address}/{path}", headers=headers | {"Range": "bytes=1-"}) as answer:
            assert answer.status == 206
    rows = await logged(office.pbxd, action="hear_recording")
    assert [(row["employee"], row["subject"], row["result"]) for row in rows] == [
        ("103", f"{address}/1", "done"),
        ("101", f"{address}/2", "done"),
        ("101", f"{address}/1", "done"),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.wav",
        "/etc/passwd",
        f"{MONITOR}/../../../../../etc/passwd",
        f"{MONITOR}/2026/../../secret.wav",
        "link.wav",
        "linked/secret.wav",
        "a\0.wav",
    ],
)
async def test_nothing_outside_the_folder_is_heard(office: Office, name: str) -> None:
    outside = office.folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.wav").write_bytes(b"secret")
    (office.folder.parent / "secret.wav").write_bytes(b"secret")
    (office.folder / "link.wav").symlink_to(outside / "secret.wav")
    (office.folder / "linked").symlink_to(outside)
    address = await office.call(name)
    boss = await office.boss()
    (found,) = await office.list(address, boss)
    assert (found["bytes"], found["lack"]) in {(None, "elsewhere"), (None, "no-file")}
    async with office.client.get(f"{address}/1", headers=boss) as answer:
        assert (await problem(answer, 404))["reason"] == found["lack"]


async def test_a_pipe_is_no_recording_and_a_link_within_the_folder_is_one(office: Office) -> None:
    os.mkfifo(office.folder / "pipe.wav")
    office.file("a.wav")
    (office.folder / "link.wav").symlink_to("a.wav")
    found = await office.list(await office.call("pipe.wav", "link.wav"), await office.boss())
    assert [(each["bytes"], each["lack"]) for each in found] == [(None, "unreadable"), (len(SOUND), None)]


async def test_a_recording_that_was_converted_is_found(office: Office) -> None:
    office.file("2026/a.mp3", b"ID3")
    office.file("b.1.ogg", b"OggS")
    address = await office.call(f"{MONITOR}/2026/a.wav", "b.1")
    found = await office.list(address, await office.boss())
    assert [(each["name"], each["type"], each["lack"]) for each in found] == [
        ("a.mp3", "audio/mpeg", None),
        ("b.1", "application/octet-stream", "no-file"),
    ]


async def test_a_call_whose_record_names_no_file_is_looked_for_by_its_id(office: Office) -> None:
    """FreePBX writes the id of the first channel at the end of a name, below the day's folder."""
    day = BEGAN.astimezone().strftime("%Y/%m/%d")
    for name in (FREEPBX, "in-1-101-1469918176.11.wav", "in-1-101-21469918176.1.wav", "1469918176.1.txt"):
        office.file(f"{day}/{name}")
    boss = await office.boss()
    address = await office.call()
    assert [each["name"] for each in await office.list(address, boss)] == [FREEPBX]
    async with office.client.get(f"{address}/1", headers=boss) as answer:
        assert await answer.read() == SOUND
    office.file("1469918176.1.wav")
    assert len(await office.list(address, boss)) == 2
    for number, linkedid in (("+74951234567", "../1469918176.1"), ("****4567", "1469918176.1")):
        other = await office.call(key="01J00000000000000000000002", linkedid=linkedid, number=number)
        assert await office.list(other, boss) == [], "erased, or no id"


async def test_an_erased_name_leads_to_nothing(office: Office) -> None:
    address = await office.call(f"{MONITOR}/in-****4567-101-1469918176.1.wav")
    office.file("in-****4567-101-1469918176.1.wav")
    boss = await office.boss()
    (found,) = await office.list(address, boss)
    assert found["lack"] == "erased"
    async with office.client.get(f"{address}/1", headers=boss) as answer:
        assert (await problem(answer, 404))["reason"] == "erased"


async def test_without_a_folder_nothing_is_heard_and_it_is_said_why(office: Office) -> None:
    path = await office.call("/etc/passwd")
    office.settings = RecordingSettings()
    boss = await office.boss()
    assert [each["lack"] for each in await office.list(path, boss)] == ["no-folder"]
    async with office.client.get(f"{path}/1", headers=boss) as answer:
        told = await problem(answer, 404)
    assert (told["reason"], "recordings.folder" in told["detail"]) == ("no-folder", True)
