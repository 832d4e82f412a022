"""Imports of uploaded files and exports, over HTTP."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import openpyxl
import pytest
from sqlalchemy import update

from pbxd.errors import ConflictError
from pbxd.services import privacy
from pbxd.services.files import uploads
from pbxd.services.files.uploads import Uploads
from pbxd.storage.access.audit import Audit, AuditFilter
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.tables import imports
from tests.actors import ADMINISTRATOR, acting_token
from tests.api.crm import ALL, CONTACTS, IGOR, Crm, crm, pointers
from tests.http.conftest import House, in_process, until

IMPORTS = "/api/v1/imports"
GOOD = "ФИО;Телефоны;Метки\nФронкин Игорь;8 916 000-00-01;опт\nЁлкина Анна;8 916 000-00-02;\nБез номера;12;\n"


def form(text: str = GOOD, name: str = "клиенты.csv", **fields: str) -> aiohttp.FormData:
    data = aiohttp.FormData()
    for field, value in fields.items():
        data.add_field(field, value)
    data.add_field("file", io.BytesIO(text.encode()), filename=name, content_type="text/csv")
    return data


async def upload(client: Crm, status: int = 201, /, **more: Any) -> Any:  # noqa: ANN401 - JSON
    return (await client.ask("POST", IMPORTS, status, data=form(**more)))[0]


def left(pbxd: House) -> list[str]:
    folder = pbxd.settings.upload_folder
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*")) if folder.exists() else []


async def test_a_file_is_checked_then_committed_then_undone(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        checked, headers = await client.ask("POST", IMPORTS, 201, data=form())
        path = f"{IMPORTS}/{checked['id']}"
        assert headers["Location"] == path
        assert [checked[name] for name in ("state", "created", "bad", "file")] == ["checked", 2, 1, "клиенты.csv"]
        assert checked["errors"][0]["row"] == 4
        assert (await client.get(CONTACTS))["total"] == 0, "nothing is changed"
        assert await client.get(path) == checked

        done = (await client.ask("POST", f"{path}/commit"))[0]
        assert [done[name] for name in ("id", "state", "created", "undoable")] == [checked["id"], "done", 2, True]
        found = await client.get(CONTACTS)
        assert [(each["name"], each["created_by"]) for each in found["items"]] == [
            ("Ёлкина Анна", "101"), ("Фронкин Игорь", "101"),
        ]  # fmt: skip
        await client.ask("POST", f"{path}/commit", 409)

        async with client.session.get(done["errors_file"]) as answer:
            book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
        assert [row[0].value for row in book.worksheets[0].iter_rows()] == ["ФИО", "Без номера"]

        await client.change(f"{CONTACTS}/{found['items'][1]['id']}", {"comment": "мой"})
        undone = (await client.ask("POST", f"{path}/undo"))[0]
        assert [undone[name] for name in ("state", "deleted", "spared")] == ["undone", 1, 1]
        assert [each["name"] for each in undone["contacts"]] == ["Фронкин Игорь"]
        assert (await client.get(CONTACTS))["total"] == 1
        await client.ask("POST", f"{path}/undo", 409)
        assert [each["state"] for each in (await client.get(IMPORTS))["items"]] == ["undone"]


async def test_the_form_says_how(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        await client.add(IGOR)
        text = "Клиент;Тел\nФронкин Игорь;8 916 000-00-01\nНовый;8 916 000-00-05\n"
        fields = {"map": "Клиент=name", "existing": "skip", "visibility": "personal"}
        checked = await upload(client, text=text, **fields)
        assert [checked[name] for name in ("created", "skipped", "visibility")] == [1, 1, "personal"]
        await client.ask("POST", f"{IMPORTS}/{checked['id']}/commit")
        assert (await client.get(CONTACTS))["total"] == 2
        assert (await other.get(CONTACTS))["total"] == 1
        await other.get(f"{IMPORTS}/{checked['id']}", 404)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"visibility": "secret"}, ["/visibility"]),
        ({"existing": "merge", "colour": "red"}, ["/existing", "/colour"]),
        ({"map": "Клиент"}, ["/map"]),
    ],
)
async def test_a_wrong_form_is_refused(pbxd: House, fields: dict[str, str], found: list[str]) -> None:
    async with crm(pbxd, "101") as client:
        told = await upload(client, 422, **fields)
        assert sorted(pointers(told)) == sorted(found)
        assert (await client.get(IMPORTS))["total"] == 0
        assert left(pbxd) == []


async def test_what_is_no_table_is_refused_and_leaves_nothing(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        told = await upload(client, 422, text="PK\x03\x04 not a workbook", name="x.xlsx")
        assert pointers(told) == ["/file"]
        data = aiohttp.FormData({"visibility": "shared"})
        data.add_field("x", "1", content_type="text/plain")
        assert pointers((await client.ask("POST", IMPORTS, 422, data=data))[0]) == ["/file"]
        await client.ask("POST", IMPORTS, 415, json={})
        await client.ask("POST", IMPORTS, 400, data=b"no form", headers={"Content-Type": "multipart/form-data"})
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        await client.ask("POST", IMPORTS, 400, data=b"--y\r\n\r\n", headers=broken)
        assert left(pbxd) == []
        assert (await client.get(IMPORTS))["total"] == 0


async def test_a_file_that_is_too_long_is_refused_with_and_without_its_length(pbxd: House) -> None:
    big = "Имя;Телефон\n" + "А;89160000001\n" * 100_000

    async def pieces(data: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(data), 65_536):
            yield data[start : start + 65_536]

    async with crm(pbxd, "101") as client:
        await upload(client, 413, text=big)
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        whole = head + big.encode() + b"\r\n--x--\r\n"
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        with suppress(aiohttp.ClientError):  # the server has stopped reading
            await client.ask("POST", IMPORTS, 413, data=pieces(whole), headers=headers)
        assert left(pbxd) == []
        assert (await client.get(IMPORTS))["total"] == 0


async def test_an_upload_that_is_cut_leaves_nothing(pbxd: House) -> None:
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", "101", scopes=ALL))
    _reader, writer = await asyncio.open_connection("127.0.0.1", pbxd.server.port)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    writer.write(
        f"POST {IMPORTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {plain}\r\nContent-Length: 500000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
        + head
        + b"A;89160000001\n" * 20_000
    )
    await writer.drain()
    await until(lambda: any(name.endswith("upload.csv") for name in left(pbxd)))
    writer.transport.abort()
    await until(lambda: left(pbxd) == [])
    async with crm(pbxd, "101") as client:
        assert (await client.get(IMPORTS))["total"] == 0


async def test_a_body_that_ends_before_the_form_does_is_refused(pbxd: House) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    async with crm(pbxd, "101") as client:
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        await client.ask("POST", IMPORTS, 400, data=head + GOOD.encode(), headers=headers)
        assert left(pbxd) == []


async def test_what_lies_in_the_folder_of_a_new_id_is_of_another_database_and_goes(pbxd: House) -> None:
    for number in range(1, 4):  # as a restored database leaves them
        (pbxd.settings.upload_folder / str(number)).mkdir(parents=True)
        (pbxd.settings.upload_folder / str(number) / "upload.xlsx").write_bytes(b"old")
    async with crm(pbxd, "101") as client:
        made = await upload(client)
        assert (await client.ask("POST", f"{IMPORTS}/{made['id']}/commit"))[0]["created"] == 2
    assert f"{made['id']}/upload.xlsx" not in left(pbxd)


async def test_a_long_check_is_asked_for_until_it_is_over(pbxd: House) -> None:
    go = asyncio.Event()

    async def held(*work: Any) -> Any:  # noqa: ANN401 - what `in_process` takes and returns
        await go.wait()
        go.clear()
        return await in_process(*work)

    uploads = Uploads(pbxd.services.workspace, pbxd.settings.upload_folder, 1, patience=0, run=held)
    object.__setattr__(pbxd.services, "uploads", uploads)
    async with crm(pbxd, "101") as client:
        begun = await upload(client, 202)
        path = f"{IMPORTS}/{begun['id']}"
        assert begun["state"] == "checking"
        await client.ask("POST", f"{path}/commit", 409)
        go.set()
        assert (await ended(client, path))["state"] == "checked"
        begun = (await client.ask("POST", f"{path}/commit", 202))[0]
        assert begun["state"] in {"checked", "writing"}
        go.set()
        assert (await ended(client, path))["state"] == "done"
        await client.ask("POST", f"{path}/undo", 202)
        go.set()
        assert (await ended(client, path))["state"] == "undone"
        bad = await upload(client, 202, text="PK\x03\x04 not a workbook", name="x.xlsx")
        go.set()
        told = await ended(client, f"{IMPORTS}/{bad['id']}")
        assert (told["state"], bool(told["problem"])) == ("refused", True)


async def ended(client: Crm, path: str) -> Any:  # noqa: ANN401 - JSON
    for _time in range(600):
        found = await client.get(path)
        if "rows_done" not in found:
            return found
        await asyncio.sleep(0.05)
    pytest.fail("not in time")


async def test_who_may_see_and_commit_another_s_upload(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other, crm(pbxd) as nobody:
        path = f"{IMPORTS}/{(await upload(client))['id']}"
        for stranger in (other, nobody):
            seen = await stranger.get(path)
            assert "errors" not in seen, "the rows are the uploader's"
            for what in ("commit", "undo"):
                assert (await stranger.ask("POST", f"{path}/{what}", 403))[0]["reason"] == "not-importer"
            await stranger.get(f"{path}/errors.xlsx", 403)
        own = f"{IMPORTS}/{(await upload(nobody))['id']}"
        assert (await nobody.ask("POST", f"{own}/commit"))[0]["state"] == "done", "by the token that uploaded it"
        await nobody.get(f"{IMPORTS}/99", 404)
    async with crm(pbxd, "101", scopes=frozenset({"contacts:read"})) as reader:
        assert (await upload(reader, 403))["scope"] == "contacts:write"


async def test_an_administrator_does_not_see_nor_commit_a_personal_upload(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        shared = await upload(client)
        path = f"{IMPORTS}/{(await upload(client, visibility='personal'))['id']}"
        boss = Crm(pbxd.local)
        assert "errors" in await boss.get(f"{IMPORTS}/{shared['id']}")
        seen = await boss.get(path)
        assert (seen["visibility"], "errors" in seen) == ("personal", False)
        assert (await boss.ask("POST", f"{path}/commit", 403))[0]["reason"] == "not-importer"
        await boss.get(f"{path}/errors.xlsx", 403)
        assert (await client.ask("POST", f"{path}/commit"))[0]["state"] == "done"
        assert "errors" not in await boss.get(path)
        assert (await boss.ask("POST", f"{path}/undo"))[0]["state"] == "undone"


@pytest.mark.parametrize("extension", ["101", ""])
async def test_of_many_files_that_nobody_commits_the_newest_stay(
    pbxd: House, monkeypatch: pytest.MonkeyPatch, extension: str
) -> None:
    """Of each employee; of each token, and of all on the unix socket, that are no employee."""
    monkeypatch.setattr(uploads, "MOST", 3)
    async with crm(pbxd, "102") as other, crm(pbxd) as nobody, crm(pbxd, extension) as client:
        boss = Crm(pbxd.local)
        others = [await upload(each) for each in (other, nobody, boss)]
        made = [await upload(client) for _file in range(5)]
        states = [(await client.get(f"{IMPORTS}/{each['id']}"))["state"] for each in made]
        assert states == ["dropped", "dropped", "checked", "checked", "checked"]
        await client.ask("POST", f"{IMPORTS}/{made[0]['id']}/commit", 409 if extension else 403)
        for uploader, each in zip((other, nobody, boss), others, strict=True):
            await uploader.ask("POST", f"{IMPORTS}/{each['id']}/commit")
    kept = {each.partition("/")[0] for each in left(pbxd)}
    assert kept == {str(each["id"]) for each in [*others, *made[2:]]}


async def test_what_is_done_is_in_the_audit_log_and_what_was_refused_is_not(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        path = f"{IMPORTS}/{(await upload(client))['id']}"
        await client.ask("POST", f"{path}/undo", 409)
        await client.ask("POST", f"{path}/commit")
        await client.ask("POST", f"{path}/commit", 409)
        await client.ask("POST", f"{path}/undo")
        key = {"Idempotency-Key": "a"}
        await client.add({"name": "А"}, status=422, headers=key)
        await client.add(headers=key)
        await client.add(headers=key)
    rows = await Audit(pbxd.database).find(AuditFilter(), 100)
    assert [row.deed.action for row in reversed(rows)] == [
        "upload_import",
        "commit_import",
        "undo_import",
        "add_contact",
    ]


async def test_the_template_can_be_filled_in(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, client.session.get(f"{IMPORTS}/template.xlsx") as answer:
        assert answer.status == 200
        book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
        assert "Full name" in [cell.value for cell in book.worksheets[0][1]]


async def test_exports_have_what_the_asker_sees_and_the_filters_name(pbxd: House) -> None:
    async with crm(pbxd, "101") as client, crm(pbxd, "102") as other:
        await client.add({**IGOR, "tags": ["опт"]})
        await client.add({**IGOR, "name": "Тайна", "visibility": "personal"})
        path = f"{CONTACTS}/export.csv"
        mine, headers = await client.ask("GET", path)
        assert headers["Content-Type"] == "text/csv"
        assert "contacts.csv" in headers["Content-Disposition"]
        assert mine.count("\n") == 3
        theirs = await other.get(path)
        assert ("Тайна" in mine, "Тайна" in theirs, theirs.count("\n")) == (True, False, 2)
        assert (await client.get(f"{CONTACTS}/export.vcf", tag="опт")).count("BEGIN:VCARD") == 1
        async with client.session.get(f"{CONTACTS}/export.xlsx") as answer:
            book = openpyxl.load_workbook(io.BytesIO(await answer.read()))
        assert book.worksheets[0].max_row == 3
        await client.get(path, 422, colour="red")
        await client.get(path, 422, number="что-то")
        await client.get(f"{CONTACTS}/export.pdf", 404)
        assert left(pbxd) == []


async def test_calls_are_exported(pbxd: House) -> None:
    async with crm(pbxd, "101") as client:
        text = await client.get("/api/v1/calls/export.csv", agent="101")
        assert len(text.splitlines()) == 1
        await client.get("/api/v1/calls/export.csv", 404, client="Никто")
        await client.get("/api/v1/calls/export.vcf", 404)
    async with crm(pbxd, "101", scopes=frozenset({"contacts:read"})) as client:
        await client.get("/api/v1/calls/export.csv", 403)


@pytest.mark.sqlite_house
def test_uploads_lie_beside_the_database(pbxd: House, tmp_path: Path) -> None:
    assert pbxd.settings.upload_folder == tmp_path / "uploads"


async def test_an_erased_client_does_not_come_back_with_a_file(pbxd: House) -> None:
    erase = privacy.EraseClient(client="89160000001", uploads=pbxd.settings.upload_folder, by="root")
    foreign = pbxd.settings.upload_folder / "2026" / "photo.jpg"
    async with crm(pbxd, "101") as client:
        done, checked = await upload(client), await upload(client, existing="add")
        await client.ask("POST", f"{IMPORTS}/{done['id']}/commit")
        foreign.parent.mkdir()
        foreign.write_text("no upload")
        async with pbxd.services.workspace.database.writing() as connection:
            row = imports.c.id == done["id"]
            await connection.execute(update(imports).where(row).values(state="writing", beat=datetime.now(UTC)))
        with pytest.raises(ConflictError, match=f"import {done['id']} is under way"):
            await privacy.erase(pbxd.services.workspace, ADMINISTRATOR, erase)
        async with pbxd.services.workspace.database.writing() as connection:
            await connection.execute(update(imports).where(row).values(state="done"))
        assert f"{checked['id']}/upload.csv" in left(pbxd), "what is refused changes nothing"
        erased = (await privacy.erase(pbxd.services.workspace, ADMINISTRATOR, erase)).erased
        assert (erased.contacts, erased.uploads) == (1, 2)
        assert left(pbxd) == ["2026", "2026/photo.jpg"]
        await client.ask("POST", f"{IMPORTS}/{checked['id']}/commit", 409)
        states = {each["id"]: each["state"] for each in (await client.get(IMPORTS))["items"]}
        assert states == {done["id"]: "done", checked["id"]: "dropped"}
