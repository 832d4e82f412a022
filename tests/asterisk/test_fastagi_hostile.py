"""The FastAGI server under attack: honest look-ups are all answered, and as quickly as in peace.

Server, attacker and the honest client are three processes, the attacker on a core of its own as if it were another
machine: else the kernel's scheduler is measured, not the server. For the same reason that core is as busy in peace.
The connection limit is the shipped one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pbxd.settings import AgiSettings
from tests.asterisk import agi_peers

ROOT = Path(__file__).parents[2]
PEERS = [sys.executable, "-m", "tests.asterisk.agi_peers"]
FLOOR_SECONDS = 0.004  # two cores shared by server, attacker and client: below this the scheduler is measured
PACE_SECONDS = 0.01  # between honest look-ups
ATTEMPTS = 3  # other programs on the machine may spoil a measurement; never may a look-up go without an answer


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int
    counters: dict[str, float] = field(default_factory=dict)

    def end(self) -> None:
        """End it and take its counters."""
        self.counters = json.loads(self.process.communicate("\n", timeout=10)[0])


@contextlib.contextmanager
def server_process() -> Iterator[Server]:
    with subprocess.Popen([*PEERS, "serve"], cwd=ROOT, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        server = Server(process, int(process.stdout.readline()))
        try:
            yield server
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def _beside_the_server() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    agi_peers.keep_to_a_core(0)
    yield
    os.sched_setaffinity(0, before)


def looks_up_during(attack: str, port: int) -> list[float]:
    """Look up at PACE_SECONDS while the attack lasts; a look-up without an answer raises."""
    waits: list[float] = []
    with subprocess.Popen([*PEERS, attack, str(port)], cwd=ROOT) as attacker:
        while attacker.poll() is None:
            waits.append(_look_up(port, len(waits)))
    assert attacker.returncode == 0
    return waits


def _look_up(port: int, n: int) -> float:
    started = time.monotonic()
    wait, commands = agi_peers.look_up(port, number=f"8916{n:07}")
    assert commands == [b'SET VARIABLE ARRAY(PBXD_STATUS,PBXD_CONTACT) "unknown,8916%07d"\n' % n]
    _pause_until(started + PACE_SECONDS)
    return wait


def _pause_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def figures(name: str, waits: list[float]) -> str:
    shares = " ".join(f"p{share * 100:g} {percentile(waits, share) * 1000:.2f} ms" for share in (0.5, 0.99, 0.999))
    return f"{name}: {len(waits)} honest look-ups, {shares}, max {max(waits) * 1000:.2f} ms"


def attacked(attack: str) -> tuple[list[float], list[float]]:
    """Return the waits of honest look-ups in peace and under attack; every one of them was answered."""
    with server_process() as server:
        idle = looks_up_during("nothing", server.port)
        hurt = looks_up_during(attack, server.port)
        server.end()
    print(f"\nlimit {AgiSettings().max_connections} connections", figures("idle", idle), sep="\n")
    print(figures(attack, hurt), server.counters, sep="\n")
    assert server.counters["answered"] == len(idle) + len(hurt)
    assert server.counters["accepted"] >= len(idle) + len(hurt) + 30  # the attack did reach the server
    return idle, hurt


def lost(attempt: int, attack: str, waits: list[float], bound: float) -> None:
    """Show the attempt in the report of a run that passes, too: one lost now and then is the machine, often is ours."""
    worst = percentile(waits, 0.99)
    warnings.warn(f"{attack}: attempt {attempt + 1} lost: p99 {worst:.4f} s over {bound:.4f} s", stacklevel=1)


@pytest.mark.alone
@pytest.mark.filterwarnings("default:.*attempt . lost")
@pytest.mark.parametrize("attack", ["binary", "connect_and_close", "megabyte", "slow_loris"])
def test_under_attack_every_honest_look_up_is_answered_as_quickly(attack: str) -> None:
    for attempt in range(ATTEMPTS):
        idle, hurt = attacked(attack)
        bound = max(2 * percentile(idle, 0.99), FLOOR_SECONDS)
        if percentile(hurt, 0.99) <= bound:
            return
        lost(attempt, attack, hurt, bound)
    pytest.fail("p99 over twice that of peace each time")


@pytest.mark.alone
@pytest.mark.filterwarnings("default:.*attempt . lost")
def test_a_crowd_over_the_limit_does_not_shut_honest_peers_out() -> None:
    for attempt in range(ATTEMPTS):
        _idle, hurt = attacked("slow_loris_crowd")
        if percentile(hurt, 0.99) <= AgiSettings().deadline_seconds:
            return
        lost(attempt, "slow_loris_crowd", hurt, AgiSettings().deadline_seconds)
    pytest.fail("p99 over the deadline each time")


def test_running_out_of_file_descriptors_shuts_nobody_out() -> None:
    with server_process() as server, contextlib.ExitStack() as stack:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        crowd = [socket.create_connection((agi_peers.HOST, server.port), 5) for _n in range(100)]
        for peer in crowd:
            stack.enter_context(peer)
            peer.sendall(b"agi_")
        for n in range(5):
            _look_up(server.port, n)
        server.end()
    print(server.counters)
    assert server.counters["answered"] == 5
    assert server.counters["evicted"] >= 60


@pytest.mark.alone
def test_fifty_look_ups_a_second_meet_the_deadline() -> None:
    with server_process() as server:
        started = time.monotonic()
        waits: list[float] = []
        for n in range(1000):
            _pause_until(started + n / 50)
            waits.append(agi_peers.look_up(server.port)[0])
        server.end()
    print("\n" + figures("50 a second", waits), server.counters, sep="\n")
    assert percentile(waits, 0.999) <= AgiSettings().deadline_seconds
    assert server.counters["late"] == 0
