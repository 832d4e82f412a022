"""What a log tells of a call, laid over what was heard of it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pbxd.calls.log_merge import complete_record
from pbxd.calls.record import PARTS, CallRecord, Gap, Step, moment

BEGAN = 1_795_304_376.0
durations = st.floats(0, 3600, allow_subnormal=False)


def told(began: float, parts: dict[str, float]) -> CallRecord:
    """Return a record as the log makes one."""
    ended = moment(began + sum(parts.values()))
    record = CallRecord("id", "pbx", "1795304376.1", moment(began), ended=ended, source="cel", outcome="answered")
    record.seconds |= parts
    record.answered = moment(began)
    record.answered_by = ["101"]
    record.story = [Step(ended, "ended", None, "pbx")]
    return record


def heard(began: float, since: float, to: float) -> CallRecord:
    """Return a record of a call that was heard up to `since`, and found gone at `to`."""
    record = CallRecord("id", "pbx", "1795304376.1", moment(began), ended=moment(to), outcome="missed")
    record.gaps = [Gap(moment(since), moment(to))]
    record.story = [Step(moment(to), "ended", None, "unheard")]
    return record


def length(record: CallRecord) -> float:
    assert record.ended is not None
    return (record.ended - record.started).total_seconds()


@given(st.floats(-2, 2), st.lists(durations, min_size=6, max_size=6), st.floats(0.001, 3600))
def test_the_parts_sum_up_although_events_and_log_begin_apart(apart: float, parts: list[float], lasting: float) -> None:
    log = told(BEGAN, dict(zip(PARTS, parts, strict=True)))
    known = heard(BEGAN + min(apart, sum(parts)), BEGAN + 3, BEGAN + 3 + lasting)
    record = complete_record(known, log, moment(BEGAN + 2), moment(BEGAN + 4 + lasting))
    assert record.started == known.started
    assert record.ended == log.ended
    assert abs(sum(record.seconds.values()) - length(record)) < 0.001
    assert min(record.seconds.values()) >= 0
    assert [gap.filled for gap in record.gaps] == ["cel"]


def test_a_log_that_breaks_off_takes_nothing_back() -> None:
    """The PBX died and with it what its log lacks; what it told us of the call before stands."""
    known = replace(heard(BEGAN, BEGAN + 5, BEGAN + 20), outcome="answered", answered=moment(BEGAN + 4))
    log = replace(told(BEGAN, {"ring": 3.0}), answered=None, answered_by=[], outcome="missed")
    log.story = [Step(moment(BEGAN + 3), "ended", None, "unheard")]
    record = complete_record(known, log, moment(BEGAN + 4), moment(BEGAN + 20))
    assert (record.outcome, record.answered, record.ended) == ("answered", known.answered, known.ended)
    assert [gap.filled for gap in record.gaps] == ["cel"]
