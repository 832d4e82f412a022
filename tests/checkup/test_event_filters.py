from __future__ import annotations

from pathlib import Path

import pytest

from pbxd.checkup import asterisk_conf, event_filters


@pytest.mark.parametrize(
    ("known", "inside"), [("print", " !A~"), ("graph", "!A~"), ("punct", "!/:@[\\]^_`{|}~-"), ("blank", " \t")]
)
def test_such_a_class_holds_what_posix_says(known: str, inside: str) -> None:
    matches = event_filters._expression(f"^[[:{known}:]]$")
    assert all(matches("", each) for each in inside)
    assert not any(matches("", each) for each in "\x01\x7f" + ("0aZ" if known == "punct" else ""))


def test_a_class_that_is_none_makes_the_filter_unreadable() -> None:
    with pytest.raises(ValueError, match="letters"):
        event_filters.hidden([("eventfilter", "!^Event: [[:letters:]]")])


def test_filters_shipped_before_let_a_caller_forge_events_and_todays_do_not() -> None:
    shipped = asterisk_conf.entries(Path(__file__).parents[2] / "config", "manager.conf")["pbxd"]
    assert not event_filters.forgeable(shipped)
    assert event_filters.forgeable([entry for entry in shipped if "CallerIDrdnis" not in entry[1]])
    assert event_filters.forgeable([])
