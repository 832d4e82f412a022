"""Requests whose end could be read in two ways: refused, and what follows them is never taken for a request."""

from __future__ import annotations

import json
import re

import pytest

from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.http.conftest import House
from tests.http.test_protocol_errors import said

HEAD = b"POST /api/v1/calls/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\n"
SMUGGLED = b"GET /api/v1/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n"
CHUNKED, EMPTY = b"Transfer-Encoding: chunked\r\n", b"\r\n0\r\n\r\n"
AMBIGUOUS = {
    "length and chunks": HEAD + b"Content-Length: 5\r\n" + CHUNKED + EMPTY,
    "chunks and length": HEAD + CHUNKED + b"Content-Length: 5\r\n" + EMPTY,
    "length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 400\r\n\r\n{}",
    "list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\n{}",
    "signed length": HEAD + b"Content-Length: +2\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -2\r\n\r\n{}",
    "hexadecimal length": HEAD + b"Content-Length: 0x2\r\n\r\n{}",
    "length with underscore": HEAD + b"Content-Length: 0_2\r\n\r\n{}",
    "blank before the length's colon": HEAD + b"Content-Length : 2\r\n\r\n{}",
    "blank before the coding's colon": HEAD + b"Transfer-Encoding : chunked\r\n" + EMPTY,
    "unknown coding": HEAD + b"Transfer-Encoding: xchunked\r\n" + EMPTY,
    "chunks not last": HEAD + b"Transfer-Encoding: chunked, identity\r\n" + EMPTY,
    "chunks twice": HEAD + CHUNKED + CHUNKED + EMPTY,
    "two codings": HEAD + CHUNKED + b"Transfer-Encoding: identity\r\n" + EMPTY,
    "coding after a tab of another kind": HEAD + b"Transfer-Encoding:\x0bchunked\r\n" + EMPTY,
    "chunks in HTTP/1.0": HEAD.replace(b"HTTP/1.1", b"HTTP/1.0") + CHUNKED + EMPTY,
    "folded header": HEAD + b"X-Name: a\r\n b\r\nContent-Length: 2\r\n\r\n{}",
    "folded coding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n" + EMPTY,
    "bare line feeds": HEAD.replace(b"\r\n", b"\n") + b"Content-Length: 2\n\n{}",
    "a bare line feed": HEAD + b"X-Name: a\nContent-Length: 2\r\n\r\n{}",
    "a bare carriage return": HEAD + b"X-Name: a\rContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a zero byte": HEAD + b"X-Name: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
    "chunk size with line feeds": HEAD + CHUNKED + b"\r\n2\n{}\n0\n\n",
    "chunk extension with a line feed": HEAD + CHUNKED + b"\r\n2;a\n{}\r\n0\r\n\r\n",
    "chunk size 0x2": HEAD + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "signed chunk size": HEAD + CHUNKED + b"\r\n+2\r\n{}\r\n0\r\n\r\n",
    "chunk size with a blank": HEAD + CHUNKED + b"\r\n2 \r\n{}\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": HEAD + CHUNKED + b"\r\nfffffffffffffffff2\r\n{}\r\n0\r\n\r\n",
    "chunk longer than it says": HEAD + CHUNKED + b"\r\n2\r\n{}XX0\r\n\r\n",
    "length after the chunks": HEAD + CHUNKED + b"\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "header without a name": b"GET /healthz HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


async def token_of(pbxd: House) -> bytes:
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", acts_for_any=True))
    return plain.encode()


async def test_an_ambiguous_request_is_the_last_of_its_connection(unlinked: House) -> None:
    token = await token_of(unlinked)
    for what, ambiguous in AMBIGUOUS.items():
        sent = (ambiguous + SMUGGLED).replace(b"%s", token)
        head, _blank, body = (await said(unlinked.server.port, sent)).partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 ")), what
        assert json.loads(body)["type"] in {"urn:pbxd:malformed", "urn:pbxd:bad-request"}, what  # and nothing after it


@pytest.mark.parametrize(
    ("first", "statuses"),
    [
        (HEAD + b"Content-Length: 2\r\n\r\n{}", [b"422", b"200"]),
        (HEAD + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", [b"422", b"200"]),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", [b"200"]),  # a body, so no request
        (b"GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n", [b"200", b"200"]),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", [b"401", b"200"]),  # no tunnel
    ],
    ids=["length", "chunks", "body of a GET", "absolute address", "tunnel"],
)
async def test_each_request_of_a_connection_ends_where_it_says(
    unlinked: House, first: bytes, statuses: list[bytes]
) -> None:
    """The ground the test above stands on: what follows a request that is in order is answered."""
    token = await token_of(unlinked)
    following = SMUGGLED.replace(b"%s", token)
    sent = first.replace(b"%s", token).replace(b"%d", str(len(following)).encode()) + following
    if len(statuses) == 1:
        sent += b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        statuses = [*statuses, b"200"]
    answer = await said(unlinked.server.port, sent)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answer) == statuses
    assert (b'"items"' in answer) == (b"%d" not in first)
