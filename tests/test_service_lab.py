"""The daemon's life on a real Asterisk: settings read anew while calls go on, and a stop that loses nothing."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import time
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.ports import free_ports
from tests.lab.processes import until
from tests.lab.wire import wire_to

pytestmark = pytest.mark.lab

CLIENT = "89161234567"
STOP_SECONDS = 5.0


def logged(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


async def reload(daemon: Daemon, event: str = "reloaded") -> dict[str, Any]:
    """Tell the daemon to read its file again; return the line it wrote."""
    assert daemon.child
    before = len(logged(daemon, event))
    daemon.child.send(signal.SIGHUP)
    await until(lambda: len(logged(daemon, event)) > before, f"{event} in the log")
    return logged(daemon, event)[-1]


async def vip(lab: Lab) -> None:
    await lab.know("Вознесенская Анна", CLIENT, vip=True)


async def rank(lab: Lab) -> str:
    """Let the VIP call into an empty queue; the priority he enters with."""
    client = lab.call_in("pool", CLIENT)
    await lab.until_waiting("pool", 1)
    entries = await lab.admin.listing("QueueStatus", {"Queue": "pool"})
    client.hangup()
    await client.until_ended()
    await lab.until_waiting("pool", 0)
    return next(entry["Priority"] for entry in entries if entry["Event"] == "QueueEntry")


async def test_settings_are_taken_over_while_it_runs_and_the_rest_is_named(lab: Lab) -> None:
    daemon = await lab.pbxd({"queues": {"vip_priority": 5}, "logs": {"level": "warning"}})
    assert daemon.child
    process = daemon.child.pid
    await vip(lab)
    assert await rank(lab) == "5"
    daemon.config["queues"]["vip_priority"] = 7
    daemon.config["dialing"]["allow_foreign"] = True
    daemon.config["logs"] = {"level": "info"}
    daemon.config["service"] = {"language": "ru"}
    daemon.config["http"]["listen"] = f"127.0.0.1:{free_ports(1)[0]}"
    daemon.config["asterisk"]["secret"] = "another"
    daemon.write()
    line = await reload(daemon)
    assert sorted(line["applied"]) == [
        "dialing.allow_foreign", "logs.level", "queues.vip_priority", "service.language",
    ]  # fmt: skip
    assert sorted(line["needs_a_restart"]) == ["asterisk.secret", "http.listen"]
    assert "another" not in daemon.log_text()
    assert await rank(lab) == "7"
    _status, answer = await daemon.api("/api/v1/lookup")
    assert any("а" <= letter <= "я" for letter in answer["detail"])
    assert (daemon.child.pid, daemon.child.returncode) == (process, None)
    assert not logged(daemon, "ready")  # of the old level
    await stop(daemon)
    assert logged(daemon, "stopped")  # of the new one


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[queues]\nvip_priority = 'high'\n", "queues.vip_priority: "),
        ("[queues\n", "not valid TOML"),
        ("[queues]\nvip_priority = 7\n[dialing]\ntrunk = 'PJSIP/trunk'\n", "dialing.trunk"),
    ],
)
async def test_a_broken_file_changes_nothing_and_is_one_clear_error(lab: Lab, text: str, why: str) -> None:
    daemon = await lab.pbxd({"queues": {"vip_priority": 5}})
    await vip(lab)
    daemon.file.write_text(text, encoding="utf-8")
    line = await reload(daemon, "reload_refused")
    assert line["level"] == "error"
    assert why in line["why"]
    assert await rank(lab) == "5"
    daemon.config["queues"]["vip_priority"] = 9
    daemon.write()
    assert (await reload(daemon))["applied"] == ["queues.vip_priority"]
    assert await rank(lab) == "9"


async def stop(daemon: Daemon) -> float:
    """Stop it as systemd does; return the seconds it took. It must end by itself, with status 0."""
    assert daemon.child
    child, began = daemon.child, time.monotonic()
    child.send(signal.SIGTERM)
    assert await child.wait(STOP_SECONDS + 25) == 0, daemon.report()
    return time.monotonic() - began


async def test_a_stop_under_calls_loses_nothing(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await until(lambda: logged(daemon, "resync_done"), "the link")
    agents = ("101", "102")
    talking = [await lab.talk(agent, f"89160001{agent}", agent=agent) for agent in agents]
    ended = [lab.call_in("tone", f"891600020{number:02}") for number in range(20)]
    for call in ended:
        await call.until_talking()
    for call in ended:
        call.hangup()
    for call in ended:
        await call.until_ended()
    assert await stop(daemon) < STOP_SECONDS
    rows = (await daemon.cli("calls", "list", "--limit", "100"))["items"]
    known = {row["caller"]["number"]: row for row in rows}
    expected = [f"+79160001{agent}" for agent in agents] + [f"+791600020{number:02}" for number in range(20)]
    assert sorted(known) == sorted(expected)
    assert all(known[f"+79160001{agent}"]["answered"] and not known[f"+79160001{agent}"]["ended"] for agent in agents)
    client, agent_leg = talking[0]
    client.hangup()
    await agent_leg.until_ended()
    await daemon.start()

    async def closed() -> bool:
        return [row["caller"]["number"] for row in await daemon.calls() if row["ended"] is None] == ["+79160001102"]

    await until(closed, "the call that ended meanwhile to be closed, the other not")


async def test_a_stop_reads_what_is_on_its_way(lab: Lab) -> None:
    async with wire_to(lab.asterisk.ami_port) as wire:
        daemon = await lab.pbxd({"asterisk": {"port": wire.port}})
        await until(lambda: logged(daemon, "resync_done"), "the link")
        wire.delay = 0.05  # each way: the call is over before pbxd hears that it began
        client, agent = await lab.talk("101", CLIENT)
        client.hangup()
        await agent.until_ended()
        assert await stop(daemon) < STOP_SECONDS
    (row,) = (await daemon.cli("calls", "list"))["items"]
    assert (row["caller"]["number"], row["outcome"], row["gaps"]) == (f"+7{CLIENT[1:]}", "answered", [])
    assert row["ended"]


async def test_a_stop_ends_in_time_though_the_pbx_is_silent(lab: Lab) -> None:
    async with wire_to(lab.asterisk.ami_port) as wire:
        daemon = await lab.pbxd({"asterisk": {"port": wire.port}})
        await until(lambda: logged(daemon, "resync_done"), "the link")
        wire.go_silent()
        assert await stop(daemon) < STOP_SECONDS


async def test_a_stop_ends_in_time_though_somebody_somebody_holds_the_database(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await until(lambda: logged(daemon, "resync_done"), "the link")
    client, agent = await lab.talk("101", CLIENT)

    async def written() -> bool:
        return [item["answered"] is not None for item in await daemon.calls()] == [True]

    await until(written, "the call in the history")
    with contextlib.closing(sqlite3.connect(daemon.folder / "pbxd.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        client.hangup()
        await agent.until_ended()
        assert await stop(daemon) < STOP_SECONDS
        other.execute("ROLLBACK")
    assert logged(daemon, "calls_write_failed")  # what it can't write it says
    await daemon.start()

    async def ended() -> bool:
        items = await daemon.calls()
        return len(items) == 1 and items[0]["ended"] is not None

    await until(ended, "the call to be closed by what the PBX tells")
