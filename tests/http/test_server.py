"""The listeners: whose socket it is, what is refused at the start, and an orderly end."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from pbxd import api
from pbxd.errors import ConfigurationError, ConflictError, UnavailableError
from pbxd.http.server import HttpServer
from tests.http.conftest import House


def another(pbxd: House, **changes: object) -> HttpServer:
    """A second server in the same folder."""
    return HttpServer(pbxd.settings.model_copy(update=changes), pbxd.services, api.mount)


async def test_a_second_daemon_is_refused_and_the_first_goes_on(pbxd: House) -> None:
    second = another(pbxd)
    with pytest.raises(ConflictError, match="another pbxd answers on"):
        await second.start()
    await second.stop()
    async with pbxd.local.get("/healthz") as answer:
        assert answer.status == 200


async def test_a_socket_left_over_by_a_crash_is_replaced(pbxd: House) -> None:
    await pbxd.server.stop()
    path = pbxd.settings.socket_path
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(path))
    assert path.is_socket()
    second = another(pbxd)
    await second.start()
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession("http://pbxd", connector=connector) as client, client.get("/healthz") as answer:
        assert answer.status == 200
    await second.stop()
    assert not path.exists()


async def test_a_socket_that_is_not_ours_any_more_stays(pbxd: House) -> None:
    path = pbxd.settings.socket_path
    path.unlink()
    path.write_text("somebody else's")
    await pbxd.server.stop()
    assert path.read_text() == "somebody else's"


async def test_a_file_that_is_no_socket_is_never_removed(pbxd: House) -> None:
    await pbxd.server.stop()
    path = pbxd.settings.socket_path
    path.write_text("data")
    second = another(pbxd)
    with pytest.raises(ConfigurationError, match=r"service\.runtime_folder: .*api\.sock: "):
        await second.start()
    await second.stop()
    assert path.read_text() == "data"


@pytest.mark.parametrize("folder", ["nowhere", "x" * 120])
async def test_a_folder_that_can_t_hold_the_socket_is_named(pbxd: House, tmp_path: Path, folder: str) -> None:
    if folder != "nowhere":
        (tmp_path / folder).mkdir()
    second = another(pbxd, service=pbxd.settings.service.model_copy(update={"runtime_folder": folder}))
    with pytest.raises(ConfigurationError, match=r"service\.runtime_folder: "):
        await second.start()
    await second.stop()


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "192.0.2.1:8573"])
async def test_an_address_that_can_t_be_had_is_named(pbxd: House, host: str) -> None:
    address = host.format(port=pbxd.server.port)
    second = another(pbxd, http=pbxd.settings.http.model_copy(update={"listen": address}))
    with pytest.raises(UnavailableError, match=f"http.listen: {address}: "):
        await second.start()
    await second.stop()


async def test_a_stop_ends_streams_and_takes_the_socket_away(pbxd: House) -> None:
    async with pbxd.local.post("/api/v1/calls", json={"agent": "101", "target": "89160000001"}) as answer:
        call_id = (await answer.json())["id"]
    async with pbxd.local.get(f"/api/v1/calls/{call_id}/states") as stream:
        await stream.content.readline()
        async with asyncio.timeout(60):
            await pbxd.server.stop()
    assert not pbxd.settings.socket_path.exists()
