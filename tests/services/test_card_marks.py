"""What users did with cards, whatever others do."""

from __future__ import annotations

from dataclasses import replace

from pbxd.services.calls import card_marks
from pbxd.services.calls.card_marks import CardMarks
from tests.actors import agent

ANNA, BORIS = replace(agent("101"), user=1), replace(agent("102"), user=2)


def test_one_user_pushes_out_no_marks_of_another() -> None:
    marks = CardMarks()
    marks.close(ANNA, "call", 0)
    marks.choose(ANNA, "call", 7)
    for count in range(card_marks._MOST + 1):
        marks.close(BORIS, f"made up {count}", 0)
        marks.choose(BORIS, f"made up {count}", 9)
    assert (marks.is_closed(ANNA, "call", 0), marks.chosen(ANNA, "call")) == (True, 7)
    assert not marks.is_closed(BORIS, "made up 0", 0), "the oldest are forgotten"
    assert marks.is_closed(BORIS, "made up 1", 0)


def test_a_card_is_open_again_once_its_call_rang_again() -> None:
    marks = CardMarks()
    marks.close(ANNA, "call", 1)
    assert marks.is_closed(ANNA, "call", 1)
    assert not marks.is_closed(ANNA, "call", 2)
    assert not marks.is_closed(BORIS, "call", 1)
