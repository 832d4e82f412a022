from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pbxd.telephony.port import QueueEntry
from pbxd.telephony.queue_policy import Move, Waiting, joining_times, not_moved, plan, turns

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


def late(text: str) -> list[Waiting]:
    """Read a queue as `queue` does; a word that ends with ! is late."""
    return [replace(queue(word.rstrip("!"))[0], late=word.endswith("!")) for word in text.split()]


@pytest.mark.parametrize(
    ("before", "moves", "after"),
    [
        ("a0! b0 c0", ["a"], "abc"),
        ("a0! b0! c0", ["a", "b"], "abc"),
        ("C10 a0! b0", ["a"], "Cab"),
        ("a0! b0 C0", ["a", "C"], "aCb"),
        ("a0! C0! b0", ["a", "C"], "aCb"),
        ("c0 a0! b0 D0", ["c", "a", "D"], "caDb"),  # c stands where an administrator put him
        ("a5 b0! C0", ["a", "b", "C"], "abC"),  # an administrator's lower rank keeps its place too
        ("C10 a0! B0 d0", ["a", "B"], "CaBd"),  # flagged too late to overtake a; C would have to make way for B else
    ],
)
def test_a_late_caller_is_not_overtaken_any_more(before: str, moves: list[str], after: str) -> None:
    entries = late(before)
    entries = [replace(entry, base=entry.priority) if not entry.vip else entry for entry in entries]
    planned = plan(entries, VIP)
    assert [move.channel for move in planned] == moves
    assert all(move.priority == VIP for move in planned)
    done = apply(entries, planned)
    assert names(done) == after
    newcomer = Waiting("N", VIP, 200, vip=True)
    last_late = max(place for place, entry in enumerate(done) if entry.late)
    assert apply([*done, newcomer], [Move("N", VIP)]).index(newcomer) > last_late


def test_a_late_one_who_is_no_vip_any_more_defends_no_place_he_had_as_a_vip() -> None:
    vip_no_more, vip, ordinary = late("b10! C10 a10!")
    entries = [vip_no_more, vip, replace(ordinary, kept=True)]
    done = apply(entries, plan(entries, VIP))
    assert names(done) == "Cab"
    assert {entry.priority for entry in done} == {VIP}


def test_without_the_limit_the_same_newcomer_overtakes() -> None:
    entries = queue("a0 b0 C0")
    assert names(apply(entries, plan(entries, VIP))) == "Cab"


def test_a_higher_rank_of_the_administrator_overtakes_late_callers_too() -> None:
    entries = [Waiting("x", 20, 300, vip=False, base=20), *late("a0! B0")]
    assert plan(entries, VIP) == [Move("a", VIP), Move("B", VIP)]


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
    late=st.booleans(),
    kept=st.booleans(),
)
ANY_QUEUE = st.lists(CALLERS, max_size=12, unique_by=lambda entry: entry.channel)
LEGAL_QUEUE = ANY_QUEUE.map(lambda entries: sorted(entries, key=lambda entry: -entry.priority))


def wanted(entry: Waiting) -> int:
    return max(entry.base, VIP) if entry.vip else entry.base


def punctual(entries: list[Waiting]) -> list[Waiting]:
    return [replace(entry, late=False, kept=False) for entry in entries]


@given(entries=(ANY_QUEUE | LEGAL_QUEUE).map(punctual))
def test_afterwards_everybody_has_his_rank_and_vips_wait_in_order_of_joining(entries: list[Waiting]) -> None:
    after = apply(entries, plan(entries, VIP))
    assert sorted(names([entry]) for entry in after) == sorted(names([entry]) for entry in entries)
    assert all(entry.priority == wanted(entry) for entry in after)
    assert [entry.priority for entry in after] == sorted((entry.priority for entry in after), reverse=True)
    vips = [entry.joined for entry in after if entry.vip and entry.priority == VIP]
    assert vips == sorted(vips)


def settled(entries: list[Waiting], moves: Sequence[Move]) -> list[Waiting]:
    """Apply moves and remember, as the daemon does, who stands above his rank to keep his place."""
    return [replace(entry, kept=not entry.vip and entry.priority > entry.base) for entry in apply(entries, moves)]


@given(entries=ANY_QUEUE | LEGAL_QUEUE)
def test_planning_again_moves_nobody(entries: list[Waiting]) -> None:
    done = settled(entries, plan(entries, VIP))
    assert plan(done, VIP) == []


@given(entries=(ANY_QUEUE | LEGAL_QUEUE).map(punctual))
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
        st.lists(
            st.sampled_from([(entry.channel, entry.priority) for entry in goal]),
            max_size=len(moves) - 1,
        )
    )
    assert apply(entries, [Move(*move) for move in fewer]) != goal


def test_whole_seconds_cant_tell_who_joined_first_so_the_present_order_counts() -> None:
    assert joining_times([(None, 10, 0), (None, 11, 0)], now=100) == [90, 90]
    assert joining_times([(None, 10, 0), (None, 30, 0)], now=100) == [90, 70]
    assert joining_times([(90.25, 9, 0), (90.125, 9, 0), (None, 10, 0)], now=100) == [90.25, 90.125, 90.125]


def test_a_vip_ahead_who_joined_a_second_later_makes_nobody_younger() -> None:
    """He who was first goes back before one who is a VIP no longer, whatever second each of them joined in."""
    vips = [(None, 11, VIP), (None, 10, VIP)]
    assert joining_times([*vips, (None, 11, 0)], now=100) == [89, 90, 89]


@given(steps=st.lists(st.floats(0, 0.9), max_size=8), now=st.integers(110, 120))
def test_times_read_in_whole_seconds_never_reorder_who_joined_in_order(steps: list[float], now: int) -> None:
    joined = [100.0 + sum(steps[: number + 1]) for number in range(len(steps))]
    times = joining_times([(None, now - int(time), 0) for time in joined], float(now))
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("callers", "given"),
    [
        ("", []),
        ("a1 b2 c3", [1, 2, 3]),
        ("p3 a1 b2", [0.999, 1, 2]),  # p was put first
        ("a1 p3 b2", [1, 1.999, 2]),
        ("a1 p4 q5 b2", [1, 1.998, 1.999, 2]),
        ("v9! w8! a1 b2", [9, 8, 1, 2]),  # VIPs are served as they joined, wherever somebody put them
    ],
)
def test_who_was_put_before_others_has_his_turn_before_theirs(callers: str, given: list[float]) -> None:
    told = [(None, float(word[1]), VIP if word.endswith("!") else 0) for word in callers.split()]
    assert turns(told, VIP) == pytest.approx(given)


def test_a_turn_once_given_is_kept_and_others_fit_in_between() -> None:
    assert turns([(0.5, 3, 0), (None, 7, 0), (None, 1, 0)], VIP) == [0.5, 0.999, 1]
    assert turns([(0.9995, 3, 0), (None, 7, 0), (None, 1, 0)], VIP) == [0.9995, 0.99975, 1]
    assert turns([(0.5, 3, VIP), (None, 1, 0)], VIP) == [0.5, 1]


def with_turns(entries: Sequence[Waiting]) -> list[Waiting]:
    given = turns([(None, entry.joined, entry.priority) for entry in entries], VIP)
    return [replace(entry, joined=turn) for entry, turn in zip(entries, given, strict=True)]


@pytest.mark.parametrize(("before", "flagged"), [("pab", "b"), ("pab", "a"), ("pab", "p"), ("apb", "b"), ("apb", "p")])
def test_flag_and_unflag_bring_back_the_order_that_position_made(before: str, flagged: str) -> None:
    """`a` and `b` joined before `p`, whom Queue's position argument put where he stands."""
    joined = {"a": 1.0, "b": 2.0, "p": 3.0}
    entries = with_turns([Waiting(name, 0, joined[name], vip=name == flagged) for name in before])
    first = apply(entries, plan(entries, VIP))
    assert names(first)[0] == flagged
    entries = [replace(entry, vip=False) for entry in first]
    assert names(apply(entries, plan(entries, VIP))) == before


def test_who_comes_back_late_goes_before_vips_who_came_after_that_and_before_nobody_else() -> None:
    """He was late from 10 on; V's call has waited since 5, W's since 12; both joined this queue before he came back."""
    early = Waiting("V", VIP, joined=15, vip=True, first=5)
    after = Waiting("W", VIP, joined=12, vip=True)
    back = Waiting("r", 0, joined=20, vip=False, late=True, first=0, late_from=10)
    entries = [after, early, Waiting("a", 0, 13, vip=False), back]
    done = apply(entries, plan(entries, VIP))
    assert names(done) == "VarW"
    assert {entry.priority for entry in done} == {VIP}
    done = [replace(entry, kept=not entry.vip, late=not entry.vip) for entry in done]
    assert plan(done, VIP) == []


LIMIT = 10


class Day(RuleBasedStateMachine):
    """Any sequence of join, leave, flag, unflag, time and resync; after each the daemon has put the queue in order.

    `line` is how the callers would stand if nobody had ever been a VIP.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.queue: list[Waiting] = []
        self.line: list[str] = []
        self.given: dict[str, float] = {}
        self.joined = 0

    @rule(vip=st.booleans(), ranked=st.booleans())
    def join(self, vip: bool, ranked: bool) -> None:
        """Come in, with the rank the look-up gave or (pbxd was away) without."""
        self.now += 1
        self.joined += 1
        self.enter(Waiting(str(self.joined), VIP if vip and ranked else 0, float(self.now), vip, first=self.now))

    @rule(position=st.integers(1, 5))
    def join_at(self, position: int) -> None:
        """Come in by `Queue(…,position)`, as join_queue of app_queue.c does it for priority 0."""
        self.now += 1
        self.joined += 1
        caller = Waiting(str(self.joined), 0, float(self.now), vip=False, first=self.now)
        place = next((at for at, other in enumerate(self.queue) if other.priority <= 0 and position <= at + 1), None)
        if place is None:
            self.enter(caller)
            return
        self.line.insert(self.line.index(self.queue[place].channel), caller.channel)
        self.queue.insert(place, caller)
        self.settle()

    @rule(data=st.data())
    @precondition(lambda self: self.queue)
    def come_back(self, data: st.DataObject) -> None:
        """Leave and join again, as `Queue(…,5)` in a loop makes it; a rank goes along, a kept place doesn't."""
        self.now += 1
        caller = data.draw(st.sampled_from(self.queue))
        self.queue.remove(caller)
        self.line.remove(caller.channel)
        del self.given[caller.channel]
        self.settle()
        self.enter(replace(caller, priority=VIP if caller.vip else 0, joined=float(self.now), kept=False))

    def enter(self, caller: Waiting) -> None:
        self.line.append(caller.channel)
        self.queue = apply([*self.queue, caller], [Move(caller.channel, caller.priority)])
        self.settle()

    @rule(data=st.data())
    @precondition(lambda self: self.queue)
    def leave(self, data: st.DataObject) -> None:
        caller = data.draw(st.sampled_from(self.queue))
        self.queue.remove(caller)
        self.line.remove(caller.channel)
        del self.given[caller.channel]
        self.settle()

    @rule(data=st.data())
    @precondition(lambda self: self.queue)
    def flag_or_unflag(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self.queue))
        self.queue = [replace(entry, vip=not entry.vip) if entry is chosen else entry for entry in self.queue]
        self.settle()

    @rule(seconds=st.integers(1, LIMIT))
    def wait(self, seconds: int) -> None:
        """Let time pass; the daemon wakes whenever somebody becomes late."""
        for _ in range(seconds):
            self.now += 1
            self.settle()

    @rule()
    def resynchronise(self) -> None:
        assert plan([self.judged(entry) for entry in self.queue], VIP) == []

    def settle(self) -> None:
        given = turns([(self.given.get(one.channel), one.joined, one.priority) for one in self.queue], VIP)
        self.given |= {entry.channel: turn for entry, turn in zip(self.queue, given, strict=True)}
        self.queue = [self.judged(entry) for entry in self.queue]
        before = list(self.queue)
        self.queue = settled(self.queue, plan(self.queue, VIP))
        self.check_late(before)
        self.check_vips(before)

    def judged(self, entry: Waiting) -> Waiting:
        late_from = (entry.first or 0) + LIMIT
        joined = self.given[entry.channel]
        return replace(entry, joined=joined, late=entry.kept or self.now >= late_from, late_from=late_from)

    def check_vips(self, before: list[Waiting]) -> None:
        """Nobody gets ahead of a VIP who has his rank, but another who joined before him.

        A VIP who may not overtake a late caller also waits for those who belong before that one.
        """
        places = {entry.channel: place for place, entry in enumerate(self.queue)}
        for place, vip in enumerate(before):
            waits = any(
                late.late and not late.vip and (at < place or late.late_from < (vip.first or 0))
                for at, late in enumerate(before)
            )
            if not vip.vip or vip.priority != VIP or waits:
                continue
            for behind in before[place + 1 :]:
                if places[behind.channel] < places[vip.channel]:
                    assert behind.vip
                    assert behind.joined < vip.joined

    def check_late(self, before: list[Waiting]) -> None:
        """Nobody gets ahead of one who was late, but he who joined before him and is equal to him."""
        places = {entry.channel: place for place, entry in enumerate(self.queue)}
        for place, late in enumerate(before):
            stands_right = late.priority == 0 or late.kept
            if not late.late or late.vip or not stands_right:
                continue
            for behind in before[place + 1 :]:
                if places[behind.channel] < places[late.channel]:
                    assert not behind.vip
                    assert behind.joined < late.joined

    @invariant()
    def newcomers_do_not_overtake_late_callers(self) -> None:
        vip = Waiting("newcomer", VIP, float(self.now), vip=True)
        place = apply([*self.queue, vip], [Move("newcomer", VIP)]).index(vip)
        assert not any(entry.late for entry in self.queue[place:])

    @invariant()
    def no_vip_stands_before_one_who_was_late_when_he_came(self) -> None:
        for place, vip in enumerate(self.queue):
            if vip.vip:
                assert all(other.vip or other.late_from >= (vip.first or 0) for other in self.queue[place + 1 :])

    @invariant()
    def ordinary_callers_are_served_as_they_came(self) -> None:
        ordinary = [entry.channel for entry in self.queue if not entry.vip]
        assert ordinary == [channel for channel in self.line if channel in ordinary]

    @invariant()
    def vips_are_served_as_they_came_unless_a_late_caller_stands_between(self) -> None:
        for ahead, behind in pairwise(self.queue):
            if ahead.vip and behind.vip:
                assert ahead.joined < behind.joined

    @invariant()
    def vips_are_ahead_of_everybody_who_is_not_late(self) -> None:
        last = max((place for place, entry in enumerate(self.queue) if entry.vip), default=0)
        others = [place for place, one in enumerate(self.queue) if not (one.vip or one.late or one.kept)]
        assert all(place >= last for place in others)


TestAnyDay = Day.TestCase
TestAnyDay.settings = settings(max_examples=100, stateful_step_count=40)


@pytest.mark.soak
def test_many_days() -> None:
    run_state_machine_as_test(Day, settings=settings(max_examples=1000, stateful_step_count=60))


def listed(channel: str, position: int, priority: int) -> QueueEntry:
    return QueueEntry("sales", position, channel, channel, "", priority, 0, local=False, inside=False)


def test_a_move_that_moved_nobody_is_seen() -> None:
    asked = ["b"]
    assert not_moved(asked, [listed("a", 1, 0), listed("b", 2, 10)]) == [listed("b", 2, 10)]
    assert not_moved(asked, [listed("b", 1, 10), listed("a", 2, 0)]) == []
    assert not_moved(asked, [listed("a", 1, 10), listed("b", 2, 10)]) == []
    assert not_moved([], [listed("a", 1, 0), listed("b", 2, 10)]) == []
