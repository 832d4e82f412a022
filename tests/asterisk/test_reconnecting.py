from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from pbxd.asterisk.reconnecting import Complaints, backoff

seconds = st.floats(0.01, 1000, allow_nan=False)


@given(seconds, seconds, st.integers(1, 40))
def test_waits_double_up_to_the_longest_and_differ_by_at_most_half(first: float, longest: float, count: int) -> None:
    for step, wait in enumerate(islice(backoff(first, longest), count)):
        nominal = min(first * 2**step, longest)
        assert nominal / 2 <= wait <= nominal


def test_waits_differ_between_clients() -> None:
    assert len({next(backoff(1, 30)) for _ in range(20)}) > 1


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
