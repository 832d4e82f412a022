"""What phones do in the calls under way: after each event of every capture, and in the captures that show one thing."""

from __future__ import annotations

import pytest

from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.calls.presence import PhoneState, presence_of
from pbxd.calls.tracker import Tracker
from tests.calls.histories import FLOWS, events_of
from tests.calls.transitions import RULES

Seen = list[dict[str, PhoneState]]


def told(flow: str) -> Seen:
    """What phones do, whenever that changes, over all calls of a capture."""
    follow, seen = Tracker("pbx", RULES, CHANNEL_IDS), Seen()
    for event in events_of(flow):
        follow.feed(event)
        now = {name: state for each in follow.presences() for name, state in each.phones.items()}
        if now not in seen[-1:]:
            seen.append(now)
    return seen


@pytest.mark.parametrize("flow", FLOWS)
def test_what_is_kept_of_untouched_calls_is_what_they_do(flow: str) -> None:
    follow = Tracker("pbx", RULES, CHANNEL_IDS)
    for event in events_of(flow):
        follow.feed(event)
        kept = {each.record.id: (each.part, each.phones) for each in follow.presences()}
        shown = [presence_of(call) for call in follow.registry.calls if call.is_shown]
        assert kept == {each.record.id: (each.part, each.phones) for each in shown}
    assert follow.presences() == []


def test_a_call_is_held_and_taken_back() -> None:
    states = [each.get("101") for each in told("held")]
    assert states == [None, "ringing", "calling", "talking", "held", "talking", "calling", None]


def test_the_agent_of_a_call_by_a_click_never_rings() -> None:
    states = {each.get("101") for each in told("click_to_call_answered")}
    assert "ringing" not in states
    assert {"calling", "talking"} <= states
