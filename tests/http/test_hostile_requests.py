"""Requests that want to cost much, to be taken for another's, or to write into a log or a header."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pbxd.errors import InvalidInputError
from pbxd.http import handling
from pbxd.services.access.tokens import CreateToken
from pbxd.services.access.tokens import create as create_token
from pbxd.storage.access.tokens import Tokens
from tests.actors import ADMINISTRATOR, acting_token
from tests.api.examples import CALLS, problem
from tests.http.conftest import House
from tests.http.test_protocol_errors import said

JSON = {"Content-Type": "application/json"}
LINE_BREAKS = 'a\r\nSet-Cookie: stolen=1\r\n\r\n{"event": "forged"}'
ESCAPED = "a%0D%0ASet-Cookie:%20stolen=1%0D%0A%0D%0A%1B[2Jforged"


async def token_of(pbxd: House, name: str = "crm", expires: datetime | None = None) -> dict[str, str]:
    actor = acting_token(name, acts_for_any=True)
    _id, plain = await Tokens(pbxd.database).create(name, actor, expires)
    return {"Authorization": f"Bearer {plain}"}


async def test_an_expired_and_a_revoked_token_are_no_valid_ones(unlinked: House) -> None:
    expired = await token_of(unlinked, "old", datetime.now(UTC) - timedelta(seconds=1))
    revoked = await token_of(unlinked, "gone")
    await Tokens(unlinked.database).revoke(2)
    for headers in (expired, revoked, {"Authorization": "Bearer " + "x" * 7000}, {"Authorization": "Bearer ключ"}):
        async with unlinked.public.get(CALLS, headers=headers) as answer:
            await problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pbxd", error="invalid_token"'


async def test_of_two_credentials_the_second_is_no_way_in(unlinked: House) -> None:
    valid = (await token_of(unlinked))["Authorization"]
    for first in ("Bearer wrong", "Basic eDp5"):
        head = f"GET {CALLS} HTTP/1.1\r\nHost: x\r\nAuthorization: {first}\r\nAuthorization: {valid}\r\n"
        answer = await said(unlinked.server.port, head.encode() + b"Connection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_body_that_grows_when_it_is_unpacked_is_too_long(unlinked: House) -> None:
    for packed in (gzip.compress(b" " * 100_000_000), gzip.compress(b" " * 70_000)):
        head = b"POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
        reader, writer = await asyncio.open_unix_connection(str(unlinked.settings.socket_path))
        writer.write(head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)
        async with asyncio.timeout(60):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.close()


async def test_a_body_without_end_is_refused_and_cut(unlinked: House) -> None:
    """Chunk after chunk, as fast as pbxd takes them."""
    reader, writer = await asyncio.open_unix_connection(str(unlinked.settings.socket_path))
    writer.write(b"POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    writer.write(b"Transfer-Encoding: chunked\r\n\r\n")
    sent = 0

    async def send() -> None:
        nonlocal sent
        while True:
            writer.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
            await writer.drain()
            sent += 4096

    sending = asyncio.create_task(send())
    async with asyncio.timeout(60):
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 413 ")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            await sending
    assert sent < 50_000_000
    writer.close()


async def test_a_slow_body_gets_no_more_time_by_trickling(unlinked: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "REQUEST_SECONDS", 0.3)
    reader, writer = await asyncio.open_unix_connection(str(unlinked.settings.socket_path))
    writer.write(
        b"POST /api/v1/calls HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )

    async def trickle() -> None:
        while True:
            writer.write(b" ")
            await asyncio.sleep(0.02)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(60):
        assert b" 408 " in await reader.readline()
    trickling.cancel()
    writer.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"agent": "101", "target": "1", "agent": "102"}', {202, 403, 422}),
        (b'{"agent": "101", "target": ' + b"9" * 60_000 + b"}", {400, 422}),
        (b'{"agent": "101", "target": 1e999999}', {422}),
        (b'{"agent": "101", "target": NaN}', {400, 422}),
        (b'{"agent": "101", "target": "1", "x": ' + b'{"x":' * 5_000 + b"1" + b"}" * 5_001, {400}),
        ('{"agent": "101", "target": "1"}'.encode("utf-16"), {400}),
        (b'\xef\xbb\xbf{"agent": "101"}', {400, 422}),
        (b'{"agent": "101\\u0000", "target": "1"}', {202, 403, 404, 422}),
    ],
    ids=["member twice", "long number", "infinite", "NaN", "deep", "UTF-16", "byte order mark", "zero character"],
)
async def test_odd_json_is_refused_and_never_an_error_of_ours(unlinked: House, body: bytes, status: set[int]) -> None:
    async with unlinked.local.post(CALLS, data=body, headers=JSON) as answer:
        assert answer.status in status | {503}  # the PBX is away
        assert answer.status != 503 or body.startswith(b'{"agent": "101", "target": "1", "agent"')


async def test_nothing_a_client_sends_breaks_a_line_of_the_log_or_a_header(
    unlinked: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """In paths, queries, bodies, credentials and the names of programs."""
    token = await token_of(unlinked)
    paths = [
        f"/api/v1/{ESCAPED}",
        f"{CALLS}/{ESCAPED}",
        f"{CALLS}?after={ESCAPED}",
        f"/api/v1/contacts?search={ESCAPED}",
    ]
    paths += [f"/api/v1/contacts/by-external/crm/{ESCAPED}", f"/invitation/{ESCAPED}", f"/sign-in?next={ESCAPED}"]
    for headers in ({}, token, {"Authorization": f"Bearer {ESCAPED}"}):
        for path in paths:
            for method in ("GET", "PUT"):
                head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {ESCAPED}\r\nX-Request-Id: {ESCAPED}\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                answer = await said(unlinked.server.port, f"{head}Connection: close\r\n\r\n".encode())
                written = answer.partition(b"\r\n\r\n")[0]
                assert b"\r\nset-cookie" not in written.lower(), path
                assert int(written.split()[1]) < 500, path
    await unlinked.services.refusals.flush()
    logged = capsys.readouterr()
    assert "\x1b[2J" not in logged.out + logged.err
    assert not [line for line in (logged.out + logged.err).splitlines() if line.startswith("Set-Cookie")]


def _broken(value: object) -> Iterator[str]:
    """Find texts with a line break in an answer."""
    if isinstance(value, str):
        if "\n" in value or "\r" in value or "\x1b" in value:
            yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _broken(each)
    elif isinstance(value, list):
        for each in value:
            yield from _broken(each)


async def test_the_audit_log_keeps_a_path_with_line_breaks_on_one_line(unlinked: House) -> None:
    async with unlinked.public.get(f"{CALLS}/{ESCAPED}"):
        pass
    await said(
        unlinked.server.port, f"POST {CALLS}/{ESCAPED}/hangup HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    async with unlinked.public.post("/api/v1/session", json={"login": LINE_BREAKS, "password": "x"}) as answer:
        assert answer.status == 401
    await unlinked.services.refusals.flush()
    async with unlinked.local.get("/api/v1/audit") as answer:
        items = (await answer.json())["items"]
    assert len(items) == 3
    assert list(_broken(items)) == []
    assert sorted("Set-Cookie" in each["subject"] for each in items) == [False, True, True]
    assert any(each["subject"].startswith("unknown ") for each in items), "the login is nobody's"


async def test_names_with_line_breaks_are_refused_wherever_a_program_gives_one(unlinked: House) -> None:
    for broken in (LINE_BREAKS, "a\nb", "a\x1b[2Jb", "a\x00b"):
        for path, body, pointer in (
            ("/api/v1/contacts", {"name": broken, "numbers": ["+79160000001"]}, "/name"),
            ("/api/v1/contacts", {"name": "Ok", "numbers": ["+79160000001"], "company": broken}, "/company"),
            ("/api/v1/companies", {"name": broken}, "/name"),
        ):
            async with unlinked.local.post(path, json=body) as answer:
                assert [each["pointer"] for each in (await problem(answer, 422))["errors"]] == [pointer], (path, broken)
        asked = CreateToken(name=broken, scopes=["lookup"])
        with pytest.raises(InvalidInputError):
            await create_token(unlinked.services.workspace, ADMINISTRATOR, asked)
    assert await Tokens(unlinked.database).list() == []
