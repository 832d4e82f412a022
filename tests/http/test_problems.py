"""Refusals: a problem document each, in the language of whoever asks."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.api.examples import CALLS, problem
from tests.http.conftest import House


async def test_the_language_is_the_asker_s(unlinked: House) -> None:
    headers = {"Accept-Language": "ru-RU,ru;q=0.9"}
    async with unlinked.local.get(f"{CALLS}/X", headers=headers) as answer:
        assert (await problem(answer, 404))["detail"] == "нет звонка X"
    async with unlinked.local.get(f"{CALLS}/X") as answer:
        assert (await problem(answer, 404))["detail"] == "there is no call X"


@pytest.mark.parametrize(
    ("asked", "body", "status", "said"),
    [
        (("GET", "/nowhere"), b"", 404, ("Не найдено", "по этому адресу ничего нет")),
        (("PUT", CALLS), b"", 405, ("Метод не поддерживается", "метод для этого адреса не поддерживается")),
        (("POST", CALLS), b"{", 400, ("Неверный запрос", "тело запроса — не JSON")),
        (("POST", CALLS), b" " * 70_000, 413, ("Слишком большой запрос", "тело запроса длиннее 65536 байт")),
        (("POST", CALLS), b'{"target": "1"}', 422, ("Необрабатываемый запрос", "agent: не указано")),
        (
            ("POST", CALLS),
            b'{"agent": "101"}',
            422,
            ("Необрабатываемый запрос", "нужно ровно одно из target и contact"),
        ),
    ],
)
async def test_every_refusal_is_in_the_asker_s_language(
    pbxd: House, asked: tuple[str, str], body: bytes, status: int, said: tuple[str, str]
) -> None:
    headers = {"Accept-Language": "ru", "Content-Type": "application/json"}
    async with pbxd.local.request(*asked, data=body, headers=headers) as answer:
        found = await problem(answer, status)
        assert (found["title"], found["detail"]) == said


@pytest.mark.parametrize(
    ("data", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"", "application/json", 400),
        (b"[" * 60_000, "application/json", 400),
        (b'{"agent": "\xff"}', "application/json", 400),
        (b'{"agent": "\\ud800", "target": "1"}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b"agent=101", "application/x-www-form-urlencoded", 415),
        (b" " * 70_000, "application/json", 413),
    ],
)
async def test_what_is_no_request_is_refused(pbxd: House, data: bytes, kind: str, status: int) -> None:
    async with pbxd.local.post(CALLS, data=data, headers={"Content-Type": kind}) as answer:
        await problem(answer, status)


async def test_other_methods_and_paths_are_problems_too(pbxd: House) -> None:
    async with pbxd.local.delete(CALLS) as answer:
        await problem(answer, 405)
        assert "POST" in answer.headers["Allow"]
    async with pbxd.local.get("/api/v1/nowhere") as answer:
        await problem(answer, 404)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("plan", {"POST"}), ("planned", {"GET", "HEAD", "PATCH"}), ("X/hangup", {"POST"}), ("", {"GET", "HEAD", "POST"})],
)
async def test_allow_names_what_the_address_has(pbxd: House, path: str, allowed: set[str]) -> None:
    async with pbxd.local.put(f"{CALLS}/{path}".rstrip("/")) as answer:
        await problem(answer, 405)
        assert set(answer.headers["Allow"].split(",")) == allowed


@pytest.mark.parametrize(
    ("id_", "status"), [(b"%FF", 404), (b"%ED%A0%80", 404), (b"%D0%B9", 404), (b"\xff", 400), ("й".encode(), 400)]
)
async def test_an_address_in_no_encoding_is_a_problem_like_any(pbxd: House, id_: bytes, status: int) -> None:
    reader, writer = await asyncio.open_unix_connection(str(pbxd.settings.socket_path))
    writer.write(b"GET /api/v1/calls/" + id_ + b" HTTP/1.1\r\nHost: pbxd\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(60):
        head, _blank, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert int(head.split()[1]) == json.loads(body)["status"] == status
