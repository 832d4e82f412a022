"""The FastAGI server under attack: honest look-ups are all answered, and in soak as quickly as in peace.

Server, attacker and the honest client are three processes. Where times are judged, the attacker has a core of its own
as if it were another machine: else the kernel's scheduler is measured, not the server. For the same reason that core is
as busy in peace. The connection limit is the shipped one. Attacks come one after the other to one server.
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
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxd.settings import AgiSettings
from tests.asterisk import agi_peers
from tests.lab.processor import processor_seconds
from tests.unjudged import unjudged

ROOT = Path(__file__).parents[2]
SERVE = [sys.executable, "-m", "tests.asterisk.agi_server"]
ATTACK = [sys.executable, "-m", "tests.asterisk.agi_peers"]
DEADLINE = AgiSettings().deadline_seconds
PACE_SECONDS = 0.005  # between honest look-ups
SECONDS = 1.5  # of an attack
LONG_SECONDS = 4.0  # in soak, where the measure is peace
FLOOR_SECONDS = 0.004  # two cores shared by server, attacker and client: below this the scheduler is measured
ATTACKS = ["binary", "connect_and_close", "megabyte", "slow_loris", "unacknowledged"]


class Server:
    """The server's process: where it listens, and what it counted."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self.pid = process.pid
        self._input, self._output = process.stdin, process.stdout
        self.port = int(self._output.readline())

    def counters(self) -> Counter[str]:
        self._input.write("\n")
        self._input.flush()
        return Counter(json.loads(self._output.readline()))


@contextlib.contextmanager
def server_process() -> Iterator[Server]:
    with subprocess.Popen(SERVE, cwd=ROOT, stdin=-1, stdout=-1, text=True) as process:
        try:
            yield Server(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with server_process() as running:
        yield running


@pytest.fixture
def timed(server: Server) -> Iterator[Server]:
    """The server while its times are judged: its honest client keeps to the core that it has."""
    before = os.sched_getaffinity(0)
    agi_peers.keep_to_a_core(0)
    yield server
    os.sched_setaffinity(0, before)


def looks_up_during(attack: str, port: int, seconds: float) -> list[float]:
    """Look up at PACE_SECONDS while the attack lasts; a look-up without an answer raises."""
    waits: list[float] = []
    with subprocess.Popen([*ATTACK, attack, str(port), str(seconds)], cwd=ROOT) as attacker:
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


def attacked(server: Server, attack: str, seconds: float = SECONDS) -> tuple[list[float], float]:
    """Attack; return how long honest look-ups took, each of which was answered, and how many peers came in all."""
    before = server.counters()
    waits = looks_up_during(attack, server.port, seconds)
    counted = server.counters()
    counted.subtract(before)
    print(figures(attack, waits), dict(counted), sep="\n")
    assert counted["answered"] == len(waits)
    assert counted["accepted"] >= len(waits) + 10  # the attack did reach the server
    return waits, counted["accepted"]


@pytest.mark.parametrize("attack", [*ATTACKS, "slow_loris_crowd"])
def test_under_attack_every_honest_look_up_is_answered(server: Server, attack: str) -> None:
    attacked(server, attack)


@pytest.mark.soak
@pytest.mark.parametrize("attack", ATTACKS)
def test_under_attack_every_honest_look_up_is_answered_as_quickly_as_in_peace(timed: Server, attack: str) -> None:
    idle = looks_up_during("nothing", timed.port, LONG_SECONDS)
    waits, accepted = attacked(timed, attack, LONG_SECONDS)
    idle += looks_up_during("nothing", timed.port, LONG_SECONDS)
    print(f"limit {AgiSettings().max_connections} connections", figures("idle, before and after", idle), sep="\n")
    assert percentile(waits, 0.99) <= max(2 * percentile(idle, 0.99), FLOOR_SECONDS)
    if attack == "connect_and_close":
        assert accepted >= 10_000


@pytest.mark.soak
@pytest.mark.parametrize("attack", ["slow_loris_crowd", "unacknowledged_flood"])
def test_a_crowd_over_the_limit_for_long(timed: Server, attack: str) -> None:
    waits, _accepted = attacked(timed, attack, LONG_SECONDS)
    assert percentile(waits, 0.95) <= DEADLINE


def test_running_out_of_file_descriptors_shuts_nobody_out() -> None:
    with server_process() as small, contextlib.ExitStack() as stack:
        resource.prlimit(small.pid, resource.RLIMIT_NOFILE, (40, 40))
        crowd = [socket.create_connection((agi_peers.HOST, small.port), 5) for _n in range(100)]
        for peer in crowd:
            stack.enter_context(peer)
            peer.sendall(b"agi_")
        for n in range(5):
            _look_up(small.port, n)
        counters = small.counters()
    print(counters)
    assert counters["answered"] == 5
    assert counters["evicted"] >= 60


@pytest.mark.soak
def test_fifty_look_ups_a_second_meet_the_deadline_for_long(timed: Server) -> None:
    """What the hypervisor took from the processor of client and server during a look-up is nobody's delay."""
    count, share, most_excused = 3000, 0.999, 30
    late = timed.counters()["late"]
    started = time.monotonic()
    waits: list[float] = []
    stolen: list[float] = []
    for n in range(count):
        _pause_until(started + n / 50)
        before = processor_seconds(0).stolen
        waits.append(agi_peers.look_up(timed.port)[0])
        stolen.append(processor_seconds(0).stolen - before)
    own = [wait - taken for wait, taken in zip(waits, stolen, strict=True)]
    excused = sum(wait > DEADLINE for wait in waits) - sum(wait > DEADLINE for wait in own)
    print("", figures("50 a second", waits), figures("without what was stolen", own), f"excused: {excused}", sep="\n")
    assert percentile(own, share) <= DEADLINE
    assert timed.counters()["late"] - late <= count * (1 - share) + excused
    if excused > most_excused:
        unjudged(f"{excused} of {count} look-ups were late while the hypervisor had the processor")
