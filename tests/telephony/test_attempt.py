"""Event orders here are those a real Asterisk 22.10 showed for the same situation with real phones."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.calls import events as ev
from pbxd.telephony import Attempt, Progress

AGENT = "pbxd-01ARZ3NDEKTSV4RRFFQ69G5FAV-1700000000.1"
CLIENT = "1700000001.2"
OTHER = "1700000001.9"
ORDER = ["ringing-agent", "agent-answered", "ringing-client", "talking", "ended"]
TRUNK = ev.Endpoint("trunk", "trunk")
PHONE = ev.Endpoint("extension", "101")


def created(channel: str = AGENT) -> ev.Event:
    return ev.ChannelCreated(1, channel, AGENT, PHONE, "", "")


def up(channel: str = AGENT) -> ev.Event:
    return ev.ChannelUp(2, channel, AGENT)


def gone(cause: int, signal: str = "", channel: str = AGENT) -> ev.Event:
    return ev.ChannelEnded(9, channel, AGENT, cause, signal)


def left(channel: str = AGENT, cause: int = 0, signal: str = "") -> ev.Event:
    return ev.HangupRequested(8, channel, AGENT, True, cause, signal)


def agent_dial(result: str, forward: str = "") -> ev.Event:
    return ev.DialEnded(3, None, AGENT, AGENT, result, forward)  # type: ignore[arg-type]


def client_dial(result: str) -> ev.Event:
    return ev.DialEnded(5, AGENT, CLIENT, AGENT, result)  # type: ignore[arg-type]


def originate(*, answered: bool, timed_out: bool = False) -> ev.Event:
    return ev.OriginateEnded(4, AGENT, answered, timed_out)


def bridged(channel: str) -> ev.Event:
    return ev.BridgeEntered(6, "b1", channel, AGENT)


DIALS = ev.DialBegan(4, AGENT, CLIENT, AGENT, "89161234567")
ANSWERED = [created(), up(), agent_dial("answered"), originate(answered=True)]
RINGING = [*ANSWERED, created(CLIENT), DIALS]
SECOND_TRUNK = [
    ev.DialBegan(6, AGENT, OTHER, AGENT, "89161234567"),
    ev.DialEnded(7, AGENT, OTHER, AGENT, "no-answer"),
    gone(0, "", OTHER),
    gone(16),
]
TALKING = [*RINGING, up(CLIENT), client_dial("answered"), bridged(CLIENT), bridged(AGENT)]


def run(events: Sequence[ev.Event], attempt: Attempt | None = None) -> list[Progress]:
    attempt = attempt or Attempt(AGENT, 0)
    seen = [attempt.progress]
    for event in events:
        if attempt.feed(event):
            seen.append(attempt.progress)
        assert attempt.progress == seen[-1]
    return seen


def test_a_conversation_goes_through_every_state() -> None:
    seen = run([*TALKING, left(), gone(16), gone(16, channel=CLIENT)])
    assert [progress.state for progress in seen] == ORDER
    assert seen[-1].reason == "completed"
    assert [progress.at for progress in seen] == [0, 2, 4, 6, 9]


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([originate(answered=False), created(), left(), agent_dial("no-answer"), gone(21, "603")], "agent-rejected"),
        ([originate(answered=False), created(), agent_dial("busy"), gone(17, "486")], "agent-busy"),
        ([created(), originate(answered=False, timed_out=True), gone(19, "480")], "agent-no-answer"),
        ([created(), originate(answered=False), left(), agent_dial("busy"), gone(17, "486")], "agent-busy"),
        (
            [created(), left(), agent_dial("no-answer"), originate(answered=False), gone(21, "603")],
            "agent-rejected",
        ),
        (
            [created(), left(), agent_dial("no-answer"), originate(answered=False), gone(19, "480")],
            "agent-rejected",
        ),
        (
            [created(), left(), agent_dial("no-answer"), originate(answered=False), gone(1, "404")],
            "agent-offline",
        ),
        ([created(), agent_dial("cancelled", "102"), originate(answered=False), gone(0)], "agent-rejected"),
        (
            [created(), gone(19), originate(answered=False, timed_out=True)],
            "agent-no-answer",
        ),  # a Local channel's order
        ([created(), originate(answered=False), gone(38)], "failed"),
        ([*RINGING, left(CLIENT), client_dial("busy"), gone(17, "486", CLIENT), gone(17, "486")], "client-busy"),
        (
            [*RINGING, left(CLIENT), client_dial("no-answer"), gone(21, "603", CLIENT), gone(21, "403")],
            "client-rejected",
        ),
        ([*RINGING, left(CLIENT), client_dial("no-answer"), gone(21, "403", CLIENT), gone(21, "403")], "no-route"),
        ([*RINGING, left(CLIENT, 21, "403"), client_dial("no-answer"), gone(21, "403")], "no-route"),  # under load
        (
            [*RINGING, left(CLIENT, 34, "503"), client_dial("congestion"), gone(34, "503", CLIENT), *SECOND_TRUNK],
            "client-no-answer",
        ),
        ([*RINGING, left(CLIENT, 21, "603"), client_dial("no-answer"), gone(21, "403")], "client-rejected"),
        ([*RINGING, left(CLIENT), client_dial("no-answer"), gone(1, "404", CLIENT), gone(1, "404")], "wrong-number"),
        ([*RINGING, left(CLIENT), client_dial("no-answer"), gone(28, "484", CLIENT), gone(28, "484")], "wrong-number"),
        ([*RINGING, left(CLIENT), client_dial("congestion"), gone(34, "503", CLIENT), gone(34, "503")], "no-route"),
        ([*RINGING, left(CLIENT), client_dial("no-answer"), gone(19, "480", CLIENT), gone(19)], "client-no-answer"),
        ([*RINGING, client_dial("no-answer"), gone(0, "", CLIENT), gone(16)], "client-no-answer"),
        ([*ANSWERED, gone(3, "404")], "no-route"),
        ([*ANSWERED, left(), gone(16)], "cancelled"),
        ([*RINGING, left(), client_dial("cancelled"), gone(16, "", CLIENT), gone(0)], "cancelled"),
        ([*RINGING, up(CLIENT), client_dial("answered"), left(), gone(16, "", CLIENT), gone(16)], "cancelled"),
    ],
)
def test_why_it_ended(events: list[ev.Event], reason: str) -> None:
    assert run(events)[-1].reason == reason


@pytest.mark.parametrize("events", [[], [created()], ANSWERED, RINGING])
def test_a_cancelled_attempt_says_so_wherever_it_was(events: list[ev.Event]) -> None:
    attempt = Attempt(AGENT, 0)
    run(events, attempt)
    attempt.cancelled = True
    if events:
        run([gone(0)], attempt)
    else:
        attempt.give_up(4)
    assert attempt.progress.reason == "cancelled"


def test_an_agent_of_whom_no_leg_is_heard_is_offline_if_the_pbx_says_that_it_was_not_reached() -> None:
    for events, reason in (([], "failed"), ([originate(answered=False)], "agent-offline")):
        attempt = Attempt(AGENT, 0)
        assert run(events, attempt)[-1].state == "ringing-agent", "its leg may be told of later"
        assert attempt.give_up(4)
        assert attempt.progress == Progress("ended", 4, reason)  # type: ignore[arg-type]


def test_hanging_up_a_conversation_completes_it() -> None:
    attempt = Attempt(AGENT, 0)
    run(TALKING, attempt)
    attempt.cancelled = True
    assert run([gone(16)], attempt)[-1].reason == "completed"


def test_the_bridge_may_be_told_before_the_answer() -> None:
    seen = run([*RINGING, bridged(AGENT), bridged(CLIENT), client_dial("answered")])
    assert seen[-1].state == "talking"


def test_a_holding_bridge_is_no_conversation() -> None:
    holding = ev.BridgeEntered(6, "b2", AGENT, AGENT, "holding")
    assert run([*RINGING, client_dial("answered"), holding])[-1].state == "ringing-client"


def test_a_colleague_who_picks_the_call_up_is_an_answer() -> None:
    picked = ev.DialEnded(5, AGENT, OTHER, AGENT, "answered")
    assert run([*RINGING, picked, bridged(OTHER), bridged(AGENT)])[-1].state == "talking"


def test_other_calls_change_nothing() -> None:
    others = [created(OTHER), up(OTHER), ev.DialBegan(4, OTHER, "x", OTHER, ""), bridged(OTHER), gone(16, "", OTHER)]
    assert run(others) == [Progress("ringing-agent", 0)]


def snapshot(*seen: ev.Event) -> list[ev.Event]:
    return [ev.LinkLost(10), ev.SnapshotBegan(11), *seen, ev.SnapshotEnded(12)]


def here(state: str, bridge: str = "", channel: str = AGENT) -> ev.Event:
    return ev.ChannelSeen(11, channel, AGENT, PHONE, "", "", state, bridge, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("events", [[], ANSWERED, RINGING, TALKING])
def test_what_is_gone_after_a_gap_ended_because_the_pbx_was_away(events: list[ev.Event]) -> None:
    seen = run([*events, *snapshot(here("up", channel=OTHER))])
    assert seen[-1] == Progress("ended", 12, "pbx-away")


def test_what_is_still_there_after_a_gap_goes_on_from_what_is_seen() -> None:
    assert run([created(), *snapshot(here("ringing"))])[-1].state == "ringing-agent"
    assert run([created(), *snapshot(here("up"))])[-1].state == "agent-answered"
    assert run([*RINGING, *snapshot(here("up"))])[-1].state == "ringing-client"
    assert run([*RINGING, *snapshot(here("up", "b1"))])[-1].state == "talking"
    assert run([*RINGING, *snapshot(here("up", "b1")), gone(16)])[-1].reason == "completed"


def test_an_attempt_made_after_the_snapshot_began_survives_it() -> None:
    assert run([ev.SnapshotBegan(11), ev.SnapshotEnded(12)])[-1].state == "ringing-agent"


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        ([here("ringing"), here("new", channel=OTHER)], "ringing-agent"),
        ([here("up")], "agent-answered"),
        ([here("ringing", channel=CLIENT), here("up")], "ringing-client"),
        ([here("up"), here("new", channel=CLIENT)], "ringing-client"),  # a trunk that hasn't said anything
        ([here("up", "b1"), here("up", "b1", CLIENT)], "talking"),
    ],
)
def test_an_attempt_of_an_earlier_process_goes_on_from_what_is_seen(seen: list[ev.Event], state: str) -> None:
    attempt = Attempt(AGENT, 0, earlier=True)
    assert run([ev.SnapshotBegan(11), *seen, ev.SnapshotEnded(12)], attempt)[-1].state == state


def test_an_attempt_of_an_earlier_process_knows_how_it_goes_on() -> None:
    attempt = Attempt(AGENT, 0, earlier=True)
    seen = [ev.SnapshotBegan(11), here("up"), here("ringing", channel=CLIENT), ev.SnapshotEnded(12)]
    run([*seen, up(CLIENT), client_dial("answered"), bridged(CLIENT), bridged(AGENT)], attempt)
    assert attempt.progress.state == "talking"
    attempt = Attempt(AGENT, 0, earlier=True)
    run([*seen, client_dial("busy"), gone(17, channel=CLIENT), gone(17)], attempt)
    assert attempt.progress.reason == "client-busy"


def test_an_attempt_of_an_earlier_process_whose_agent_is_gone_has_ended() -> None:
    attempt = Attempt(AGENT, 0, earlier=True)
    seen = run([ev.SnapshotBegan(11), here("up", channel=CLIENT), ev.SnapshotEnded(12)], attempt)
    assert seen[-1] == Progress("ended", 12, "pbx-away")


CHANNELS = st.sampled_from([AGENT, CLIENT, OTHER])
RESULTS = st.sampled_from(["answered", "busy", "no-answer", "cancelled", "congestion", "unavailable", "elsewhere"])
EVENTS = st.one_of(
    st.builds(created, CHANNELS),
    st.builds(up, CHANNELS),
    st.builds(left, CHANNELS),
    st.builds(bridged, CHANNELS),
    st.builds(gone, st.sampled_from([0, 1, 3, 16, 17, 19, 21, 34, 127]), st.sampled_from(["", "403"]), CHANNELS),
    st.builds(ev.DialBegan, st.just(4.0), CHANNELS | st.none(), CHANNELS, st.just(AGENT), st.just("")),
    st.builds(ev.DialEnded, st.just(5.0), CHANNELS | st.none(), CHANNELS, st.just(AGENT), RESULTS),
    st.builds(ev.OriginateEnded, st.just(4.0), CHANNELS, st.booleans(), st.booleans()),
    st.builds(here, st.sampled_from(["new", "ringing", "up"]), st.sampled_from(["", "b1"]), CHANNELS),
    st.sampled_from([ev.LinkLost(10), ev.SnapshotBegan(11), ev.SnapshotEnded(12)]),
)


@given(events=st.lists(EVENTS, max_size=30), cancel_at=st.integers(0, 30))
def test_any_events_leave_a_legal_state(events: list[ev.Event], cancel_at: int) -> None:
    attempt = Attempt(AGENT, 0)
    before = attempt.progress
    for number, event in enumerate(events):
        attempt.cancelled = attempt.cancelled or number == cancel_at
        changed = attempt.feed(event)
        now = attempt.progress
        assert changed == (now != before)
        assert (now.reason is not None) == (now.state == "ended")
        if changed:
            assert ORDER.index(now.state) > ORDER.index(before.state)
        if changed and now.reason == "completed":
            assert before.state == "talking"
        before = now


@given(events=st.lists(EVENTS, max_size=20))
def test_nothing_follows_the_end(events: list[ev.Event]) -> None:
    attempt = Attempt(AGENT, 0)
    assert attempt.end("failed", 1)
    assert not attempt.end("completed", 2)
    assert run(events, attempt) == [Progress("ended", 1, "failed")]
