from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.queueing import Move, Waiting, joining_times, plan

VIP = 10


def apply(entries: Sequence[Waiting], moves: Sequence[Move]) -> list[Waiting]:
    """app_queue's own way, written down from its source: take out, then insert before the first of lower priority."""
    queue = list(entries)
    for move in moves:
        caller = next(entry for entry in queue if entry.channel == move.channel)
        queue.remove(caller)
        caller = replace(caller, priority=move.priority)
        place = next((at for at, other in enumerate(queue) if other.priority < caller.priority), len(queue))
        queue.insert(place, caller)
    return queue


def names(entries: Sequence[Waiting]) -> str:
    return "".join(entry.channel for entry in entries)


def queue(text: str) -> list[Waiting]:
    """Read `a0 B10 c0`: channel and priority in present order; capitals are VIPs; joined in alphabetical order."""
    return [
        Waiting(word[0], int(word[1:]), joined=float(ord(word[0].lower())), vip=word[0].isupper())
        for word in text.split()
    ]


@pytest.mark.parametrize(
    ("before", "moves", "after"),
    [
        ("", [], ""),
        ("a0 b0 c0", [], "abc"),
        ("a0 b0 C0", ["C"], "Cab"),
        ("C10 a0 b0", [], "Cab"),
        ("B10 D10 a0 c0", [], "BDac"),
        ("D10 a0 B0 c0", ["B", "D"], "BDac"),  # flagged late: he joined before the other VIP
        ("A10 D10 b0 C0 e0", ["C", "D"], "ACDbe"),
        ("D10 B10 a0 c0", ["D"], "BDac"),  # somebody's move left the VIPs in the wrong order
        ("B0 A0", ["A", "B"], "AB"),
    ],
)
def test_moves(before: str, moves: list[str], after: str) -> None:
    entries = queue(before)
    planned = plan(entries, VIP)
    assert [move.channel for move in planned] == moves
    assert all(move.priority == VIP for move in planned)
    assert names(apply(entries, planned)) == after


def test_a_higher_rank_of_the_administrator_stays_and_stays_first() -> None:
    chief = Waiting("x", 20, joined=9, vip=False, base=20)
    important = Waiting("Y", 20, joined=10, vip=True, base=20)
    entries = [chief, important, *queue("a0 B0")]
    planned = plan(entries, VIP)
    assert planned == [Move("B", VIP)]
    assert names(apply(entries, planned)) == "xYBa"


def test_a_lower_rank_of_the_administrator_is_no_reason_to_raise_anybody() -> None:
    entries = [Waiting("x", 5, 9, vip=False, base=5), *queue("a0"), Waiting("z", -3, 1, vip=False, base=-3)]
    assert plan(entries, VIP) == []


def test_who_is_no_vip_any_more_goes_back_to_where_he_joined() -> None:
    entries = [*queue("D10"), Waiting("b", VIP, joined=ord("b"), vip=False, base=0), *queue("a0 c0 e0")]
    planned = plan(entries, VIP)
    assert names(apply(entries, planned)) == "Dabce"
    assert planned[0] == Move("b", 0)


def test_callers_whom_the_administrator_placed_keep_their_order() -> None:
    entries = queue("c0 a0 b0 D0")
    assert names(apply(entries, plan(entries, VIP))) == "Dcab"


def test_a_priority_that_somebody_changed_without_a_move() -> None:
    entries = queue("a0 B10 C0")
    assert names(apply(entries, plan(entries, VIP))) == "BCa"


CALLERS = st.builds(
    Waiting,
    channel=st.uuids().map(str),
    priority=st.sampled_from([0, 0, 0, VIP, VIP, 5, 20]),
    joined=st.integers(0, 20).map(float),
    vip=st.booleans(),
    base=st.sampled_from([0, 0, 0, 5, VIP, 20]),
)
ANY_QUEUE = st.lists(CALLERS, max_size=12, unique_by=lambda entry: entry.channel)
LEGAL_QUEUE = ANY_QUEUE.map(lambda entries: sorted(entries, key=lambda entry: -entry.priority))


def wanted(entry: Waiting) -> int:
    return max(entry.base, VIP) if entry.vip else entry.base


@given(entries=ANY_QUEUE | LEGAL_QUEUE)
def test_afterwards_everybody_has_his_rank_and_vips_wait_in_order_of_joining(entries: list[Waiting]) -> None:
    after = apply(entries, plan(entries, VIP))
    assert sorted(names([entry]) for entry in after) == sorted(names([entry]) for entry in entries)
    assert all(entry.priority == wanted(entry) for entry in after)
    assert [entry.priority for entry in after] == sorted((entry.priority for entry in after), reverse=True)
    vips = [entry.joined for entry in after if entry.vip and entry.priority == VIP]
    assert vips == sorted(vips)


@given(entries=ANY_QUEUE | LEGAL_QUEUE)
def test_planning_again_moves_nobody(entries: list[Waiting]) -> None:
    assert plan(apply(entries, plan(entries, VIP)), VIP) == []


@given(entries=ANY_QUEUE | LEGAL_QUEUE)
def test_ordinary_callers_keep_their_order(entries: list[Waiting]) -> None:
    def ordinary(some: Sequence[Waiting]) -> list[str]:
        return [entry.channel for entry in some if not entry.vip and entry.base == before[entry.channel] == 0]

    before = {entry.channel: entry.priority for entry in entries}
    assert ordinary(apply(entries, plan(entries, VIP))) == ordinary(entries)


@given(entries=LEGAL_QUEUE.map(lambda entries: entries[:5]), data=st.data())
def test_fewer_moves_would_not_do(entries: list[Waiting], data: st.DataObject) -> None:
    moves = plan(entries, VIP)
    goal = apply(entries, moves)
    if not moves:
        return
    fewer = data.draw(
        st.lists(st.sampled_from([(entry.channel, wanted(entry)) for entry in entries]), max_size=len(moves) - 1)
    )
    assert apply(entries, [Move(*move) for move in fewer]) != goal


def test_whole_seconds_cant_tell_who_joined_first_so_the_present_order_counts() -> None:
    assert joining_times([(None, 10), (None, 11)], now=100) == [90, 90]
    assert joining_times([(None, 10), (None, 30)], now=100) == [90, 70]
    assert joining_times([(90.25, 9), (90.125, 9), (None, 10)], now=100) == [90.25, 90.125, 90.125]


@given(steps=st.lists(st.floats(0, 0.9), max_size=8), now=st.integers(110, 120))
def test_times_read_in_whole_seconds_never_reorder_who_joined_in_order(steps: list[float], now: int) -> None:
    joined = [100.0 + sum(steps[: number + 1]) for number in range(len(steps))]
    times = joining_times([(None, now - int(time)) for time in joined], float(now))
    assert times == sorted(times)
