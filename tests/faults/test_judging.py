"""The judge of chaos finds each kind of mistake in a history that is made up."""

from __future__ import annotations

from typing import Any

import pytest

from pbxd.calls.record import PARTS, instant, moment
from tests.faults.history import Call
from tests.faults.judging import Allowed, Fault, Told, complaints

AT = 1_795_304_376.0
TOLD = {"1.1": Told("1.1", "+79161234567", AT, AT + 5, answered=True)}
LOST = Fault("reset", AT + 2)
OUTAGE = {"why": "link", "from": "", "to": ""}


def at(seconds: float) -> str:
    return str(instant(moment(AT + seconds)))


def call(**changed: Any) -> Call:  # noqa: ANN401 - any part of a call
    parts: dict[str, float] = {f"{part}_seconds": 0.0 for part in PARTS} | {"talk_seconds": 5.0}
    times = {"started": at(0), "ended": at(5), "gaps": [{"from": at(1), "to": at(3), "filled": "cel"}]}
    return {"linkedid": "1.1", "caller": {"number": "+79161234567"}, "outcome": "answered", **parts, **times, **changed}


def wrong(*history: Call, filled: bool = True, told: bool = True) -> list[str]:
    outages = [OUTAGE | {"from": at(1), "to": at(3)}] if told else []
    return complaints(TOLD, history, outages, [LOST], filled=filled)


def test_what_is_right_is_not_complained_of() -> None:
    assert wrong(call()) == []
    assert wrong(call(gaps=[{"from": at(1), "to": at(3), "filled": None}]), filled=False) == []


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ((), "lost"),
        ((call(), call()), "twice"),
        ((call(), call(linkedid="1.2")), "invented"),
        ((call(caller={"number": "+79160000000"}),), "is of"),
        ((call(ended=None),), "never ends"),
        ((call(ended=at(7), talk_seconds=7.0),), "ends at"),
        ((call(talk_seconds=4.0),), "don't sum up"),
        ((call(outcome="missed"),), "talked"),
        ((call(gaps=[]),), "no gap"),
        ((call(gaps=[{"from": at(1), "to": at(3), "filled": None}]),), "aren't filled"),
        ((call(gaps=[{"from": at(1), "to": at(1), "filled": None}]),), "aren't filled"),
    ],
)
def test_each_mistake_is_found(history: tuple[Call, ...], complaint: str) -> None:
    assert [each for each in wrong(*history) if complaint in each]


def test_an_outage_that_nobody_told_is_found() -> None:
    assert [each for each in wrong(call(), told=False) if "untold" in each]


def test_without_a_log_only_what_lay_in_a_told_outage_may_be_absent() -> None:
    brief = {"1.1": Told("1.1", "+79161234567", AT + 1.5, AT + 2.5, answered=True)}
    outages = [OUTAGE | {"from": at(1), "to": at(3)}]
    assert complaints(brief, [], outages, [LOST], filled=False) == []
    assert complaints(brief, [], outages, [LOST], filled=True) != []
    assert wrong(filled=False) != []


@pytest.mark.parametrize(
    ("links", "needed"), [([1.0], False), ([3.0], True), ([7.0], True), ([-3.0], True), ([-0.5, 3.0], True)]
)
def test_a_call_that_began_after_the_link_was_back_needs_no_gap(links: list[float], needed: bool) -> None:
    told = {"1.1": Told("1.1", "+79161234567", AT + 1, AT + 6, answered=True)}
    outages = [OUTAGE | {"from": at(-1), "to": at(5)}]
    history = [call(started=at(1), ended=at(6), gaps=[])]
    found = complaints(told, history, outages, [LOST], links=[AT + link for link in links], filled=False)
    assert [each for each in found if "no gap" in each] == found
    assert bool(found) is needed


def test_of_calls_begun_while_the_machine_was_frozen_only_the_times_are_excused() -> None:
    outages = [OUTAGE | {"from": at(1), "to": at(3)}]
    frozen = [(AT - 1, AT + 1)]
    late = call(ended=at(9), talk_seconds=9.0, gaps=[])
    assert complaints(TOLD, [late], outages, [LOST], filled=True) != []
    assert complaints(TOLD, [late], outages, [LOST], frozen=frozen, filled=True) == []
    for history in ([], [late, late], [late | {"ended": None}], [late | {"talk_seconds": 1.0}]):
        assert complaints(TOLD, history, outages, [LOST], frozen=frozen, filled=True) != []


def test_a_machine_that_stalls_is_allowed_as_much_and_a_second_at_most() -> None:
    late = [call(ended=at(7), talk_seconds=7.0)]
    outages = [OUTAGE | {"from": at(1), "to": at(3)}]
    assert complaints(TOLD, late, outages, [LOST], filled=True, may=Allowed.when_stalled(0.4)) != []
    assert complaints(TOLD, late, outages, [LOST], filled=True, may=Allowed.when_stalled(0.6)) == []
    for history, complaint in (([], "lost"), ([call(gaps=[])], "no gap")):
        found = complaints(TOLD, history, outages, [LOST], filled=False, may=Allowed.when_stalled(10))
        assert [each for each in found if complaint in each]
