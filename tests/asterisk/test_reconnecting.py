from __future__ import annotations

from itertools import accumulate, islice

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pbxd.asterisk.ami.client import AWAY_SHARE
from pbxd.asterisk.ami.reconnecting import backoff
from pbxd.logs import Complaints
from pbxd.settings import AsteriskSettings

seconds = st.floats(0.01, 1000, allow_nan=False)
shares = st.floats(0.01, 1)


@given(seconds, seconds, shares, st.integers(1, 40))
def test_a_wait_is_a_share_of_the_time_so_far_less_at_most_half(
    first: float, longest: float, share: float, count: int
) -> None:
    waited = 0.0
    for wait in islice(backoff(first, longest, share), count):
        nominal = min(max(first, share * waited), longest)
        assert nominal / 2 <= wait <= nominal
        waited += wait


@given(st.floats(0.1, 5000, allow_nan=False))
def test_what_was_away_is_tried_again_within_a_tenth_of_that_time(away: float) -> None:
    shipped = AsteriskSettings()
    tries = accumulate(backoff(shipped.reconnect_first_seconds, shipped.reconnect_longest_seconds, AWAY_SHARE))
    found = next(moment for moment in tries if moment >= away)
    bound = max(shipped.reconnect_first_seconds, away / 10)
    assert found - away <= min(bound, shipped.reconnect_longest_seconds)


def test_waits_grow_to_the_longest() -> None:
    tries = list(islice(backoff(0.5, 30, AWAY_SHARE), 100))
    assert all(15 <= wait <= 30 for wait in tries[80:])  # a PBX that is away for a day is not asked every second


def test_waits_differ_between_clients() -> None:
    assert len({next(backoff(1, 30, 1)) for _ in range(20)}) > 1


def test_a_failure_is_told_once_until_it_changes_or_the_link_was_up() -> None:
    with capture_logs() as logs:
        complaints = Complaints("pbx:5038")
        for event in (
            "ami_unreachable",
            "ami_unreachable",
            "ami_login_refused",
            "ami_login_refused",
            "ami_unreachable",
        ):
            complaints.tell(event, "why")
        complaints.forget()
        complaints.tell("ami_unreachable", "why")
    assert [entry["event"] for entry in logs] == [
        "ami_unreachable",
        "ami_login_refused",
        "ami_unreachable",
        "ami_unreachable",
    ]


def test_a_lasting_failure_is_reminded_of_once_a_minute() -> None:
    now = 1000.0
    with capture_logs() as logs:
        complaints = Complaints("pbx:5038", clock=lambda: now)
        for now in (1000.0, 1059.0, 1061.0, 1100.0, 1122.0):  # noqa: B007 - the clock reads it
            complaints.tell("ami_unreachable", "why")
    assert len(logs) == 3
