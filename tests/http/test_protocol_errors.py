"""What is no HTTP request: a problem document, and next to nothing in the log, least of all a token (C12)."""

from __future__ import annotations

import asyncio
import json

import pytest
from structlog.testing import capture_logs

from pbxd.http import protocol_errors
from pbxd.logs import Notes
from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.http.conftest import House

POST = b"POST /api/v1/calls/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
MALFORMED = {
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "method": b"G@T / HTTP/1.1\r\n\r\n",
    "version": b"GET / HTTP/9.9x\r\n\r\n",
    "header": b"GET /api/v1/queues HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\n%s\r\n\r\n",
    "long line": b"GET /%s" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "long header": b"GET / HTTP/1.1\r\nx: %s" + b"a" * 20_000 + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n",
    "compressed": POST + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nabcde",
    "expectation": b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: something\r\nConnection: close\r\n\r\n",
}


async def said(port: int, sent: bytes) -> bytes:
    """Send that; return everything that comes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(60):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
async def test_what_is_no_request_is_a_problem_and_a_line_without_its_text(
    pbxd: House, sent: bytes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    _id, token = await Tokens(pbxd.database).create("crm", acting_token("crm", acts_for_any=True))
    monkeypatch.setattr(protocol_errors, "_notes", Notes(protocol_errors._notes._log))
    with capture_logs() as logs:
        answer = await said(pbxd.server.port, sent.replace(b"%s", token.encode()))
    head, _blank, body = answer.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    assert status in {400, 417}
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["status"] == status
    assert token.encode() not in answer
    assert token not in str(logs) + caplog.text
    assert "Traceback" not in str(logs) + caplog.text
    assert [line["event"] for line in logs] in ([], ["http_request_malformed"])
    assert caplog.records == []


async def test_a_flood_of_them_is_a_line(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol_errors, "_notes", Notes(protocol_errors._notes._log))
    with capture_logs() as logs:
        for _count in range(200):
            assert b" 400 " in await said(pbxd.server.port, MALFORMED["header"])
    assert 1 <= len(logs) <= 20  # one in ten seconds, on a slow machine too
    async with pbxd.public.get("/healthz") as answer:
        assert answer.status == 200
