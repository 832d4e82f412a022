"""The tracker on histories: captures whose events come in another order, are lost, doubled or cut, and made-up ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.calls import events as ev
from pbxd.calls.record import CallRecord
from pbxd.calls.tracker import Tracker
from tests.calls.histories import FLOWS, Maker, Rules, channels_of, events_of, rules, shuffled
from tests.calls.transitions import KINDS, RULES, of_captures, of_made_up, table

JITTER = 0.05  # seconds: events of one call that change places carry their own times
A_FEW = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))


def followed(events: Iterable[ev.Event]) -> tuple[Tracker, dict[str, CallRecord]]:
    follow = Tracker("pbx", RULES, CHANNEL_IDS)
    records: dict[str, CallRecord] = {}
    for event in events:
        follow.feed(event)
        records |= {record.id: record for record in follow.take_changes()}
    return follow, records


def essence(record: CallRecord) -> tuple[object, ...]:
    """Return what of a record doesn't depend on milliseconds."""
    who = [(party.number, party.extension) for party in (record.caller, record.callee)]
    story = sorted((step.what, step.who or "", step.detail or "") for step in record.story)
    return (
        *(record.linkedid, record.direction, record.origin, *who, record.queues, record.answered_by, record.outcome),
        *(record.cause, record.merged_into, record.recordings, sorted(agent.extension for agent in record.agents)),
        story,
    )


def times(record: CallRecord) -> list[float]:
    instants = [at.timestamp() for at in (record.started, record.answered, record.ended) if at]
    return [*instants, *record.seconds.values(), *(agent.talk_seconds for agent in record.agents)]


@pytest.mark.parametrize("flow", FLOWS)
def test_untied_channels_may_tell_in_any_order(flow: str) -> None:
    events = events_of(flow)
    want = followed(events)[1]

    @A_FEW
    @given(st.randoms(use_true_random=False))
    def in_any_order(random: Random) -> None:
        got = followed(shuffled(events, random))[1]
        assert sorted(map(essence, got.values()), key=str) == sorted(map(essence, want.values()), key=str)
        for identity, record in want.items():
            assert times(got[identity]) == pytest.approx(times(record), abs=JITTER)

    in_any_order()


def test_other_orders_are_tried_and_wrong_ones_are_noticed() -> None:
    events = events_of("attended_refer")
    orders = {tuple(map(id, shuffled(events, Random(number)))) for number in range(20)}
    assert len(orders) > 10
    backwards = followed(reversed(events))[1]
    assert list(map(essence, backwards.values())) != list(map(essence, followed(events)[1].values()))


def check(follow: Tracker, records: dict[str, CallRecord], at: float) -> None:
    """Demand what holds whatever came, and that a snapshot of nothing leaves nothing open."""
    follow.feed(ev.LinkLost(at))
    follow.feed(ev.SnapshotBegan(at))
    follow.feed(ev.SnapshotEnded(at))
    records |= {record.id: record for record in follow.take_changes()}
    assert follow.open_calls == 0
    for record in records.values():
        assert record.ended is not None
        assert record.ended >= record.started
        assert min(record.seconds.values()) >= 0
        assert all(agent.ring_seconds >= 0 and agent.talk_seconds >= 0 for agent in record.agents)
        assert len({agent.extension for agent in record.agents}) == len(record.agents)
        assert [step.at for step in record.story] == sorted(step.at for step in record.story)
        if record.merged_into is None:
            whole = (record.ended - record.started).total_seconds()
            assert sum(record.seconds.values()) == pytest.approx(whole, abs=1e-3)
            assert record.outcome is not None
            assert record.story[-1].what == "ended"
            assert (record.outcome == "answered") == (record.answered is not None)


MUTATIONS = st.lists(
    st.tuples(st.sampled_from(["drop", "double", "swap", "cut"]), st.integers(0, 10_000), st.integers(1, 40)),
    min_size=1,
    max_size=8,
)


def mutated(events: Sequence[ev.Event], mutations: list[tuple[str, int, int]]) -> list[ev.Event]:
    """Lose, double, exchange and cut out events; `cut` loses a run of them."""
    result = list(events)
    for how, where, width in mutations:
        at = where % max(1, len(result))
        other = min(at + width, len(result) - 1)
        match how:
            case "drop":
                del result[at : at + 1]
            case "double":
                result[other:other] = result[at : at + 1]
            case "swap" if result:
                result[at], result[other] = result[other], result[at]
            case _:
                del result[at : at + width]
    return result


@pytest.mark.parametrize("flow", FLOWS)
def test_whatever_is_lost_or_doubled_of_a_capture_nothing_stays_open_and_the_parts_sum_up(flow: str) -> None:
    events = events_of(flow)
    end = max(event.at for event in events) + 1.0

    @A_FEW
    @given(MUTATIONS)
    def survives(mutations: list[tuple[str, int, int]]) -> None:
        check(*followed(mutated(events, mutations)), end)

    survives()


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 120))
def test_made_up_histories_leave_nothing_open_and_their_parts_sum_up(random: Random, length: int) -> None:
    maker = Maker(random)
    history = list(maker.make(length))
    assert rules().accept(history)
    check(*followed(history), maker.at + 1.0)


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 80))
def test_a_snapshot_leaves_open_what_it_names(random: Random, length: int) -> None:
    maker = Maker(random)
    follow, _records = followed(maker.make(length))
    at = maker.at + 1.0
    living = sorted(channel for channel, kind in maker.before.items() if kind != "ChannelEnded")
    named = living[: len(living) // 2]
    follow.feed(ev.LinkLost(at))
    for channel in named:
        where = (maker.linkedids[channel], maker.endpoints[channel])
        follow.feed(ev.ChannelSeen(at, channel, *where, "89161112233", "102", "up", "", 5))
    follow.feed(ev.SnapshotEnded(at))
    assert (follow.open_calls > 0) == bool(named)
    assert follow.open_calls <= len(named)


def test_the_rules_accept_every_capture_and_not_everything() -> None:
    assert all(rules().accept(events_of(flow)) for flow in FLOWS)
    events = events_of("incoming_answered")
    born = next(event for event in events if isinstance(event, ev.ChannelCreated))
    late = [event for event in events if event is not born]
    assert not rules().accept([*late, born])
    fewer = Rules()
    fewer.learn(events_of("incoming_abandoned"))
    assert not fewer.accept(events)


def test_every_event_is_met_and_the_table_of_transitions_is_told() -> None:
    captures, made_up = of_captures(), of_made_up()
    print("\n".join(table(captures, made_up)))
    in_captures = {kind for _state, kind in captures}
    assert set(KINDS) - in_captures == {"LinkLost", "PbxStarted"}  # a capture is one connection
    assert len({key for key in captures + made_up if key[0] != "-"}) > 100


def test_a_channel_s_events_are_known_by_its_channels() -> None:
    told = [event for flow in FLOWS for event in events_of(flow)]
    silent = {type(event) for event in told if not channels_of(event)}
    assert silent == {ev.SnapshotBegan, ev.SnapshotEnded}
