"""What the checks know without a PBX."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.checkup.access import rights_held
from pbxd.checkup.pbx import channel_events
from pbxd.checkup.remedies import is_local, manager_user
from pbxd.checkup.result import Remedy
from pbxd.checkup.test_call import Observed
from pbxd.settings import AsteriskSettings

ROOT = Path(__file__).parents[2]


def settings_of(text: str) -> list[str]:
    return [line.strip() for line in re.sub("(?m) *;.*$", "", text).splitlines() if line.strip()]


def test_the_block_to_paste_is_the_shipped_one() -> None:
    shipped = settings_of((ROOT / "config" / "manager.conf").read_text(encoding="utf-8").partition("\n[pbxd]\n")[2])
    remedy = manager_user(AsteriskSettings(secret="hush"))
    assert isinstance(remedy, Remedy)
    assert remedy.lines[0] == "[pbxd]"
    assert [line if not line.startswith("secret") else "secret = CHANGE-ME" for line in remedy.lines[1:]] == shipped
    assert "hush" not in str(remedy)


def test_the_channel_events_to_paste_are_the_shipped_ones() -> None:
    text = (ROOT / "config" / "cel.conf").read_text(encoding="utf-8")
    shipped = settings_of(text)
    file, reload = channel_events(Observed(channels=True)).remedies
    assert list(file.lines) == shipped
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    for command in reload.lines:
        assert command in page
        assert command.partition("-rx ")[2].strip('"') in text


@pytest.mark.parametrize(
    ("host", "local"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.0.0.5", False), ("pbx", False)]
)
def test_a_pbx_elsewhere_gets_another_address_to_permit(host: str, local: bool) -> None:
    assert is_local(host) is local
    permit = next(line for line in manager_user(AsteriskSettings(host=host)).lines if line.startswith("permit"))
    assert ("127.0.0.1" in permit) is local


RIGHTS = ("system", "call", "command", "agent", "config", "originate", "reporting", "user")


@given(st.sets(st.sampled_from(RIGHTS)), st.lists(st.sets(st.sampled_from(RIGHTS), max_size=3), max_size=10))
def test_no_right_is_claimed_that_is_not_held(held: set[str], actions: list[set[str]]) -> None:
    """ListCommands lists an action when any of its rights is held; each right has an action of its own."""
    every = [{right} for right in RIGHTS] + actions
    listed = {
        f"Action{number}": f"Does it (really).  (Priv: {','.join([*sorted(rights), 'all']) if rights else '<none>'})"
        for number, rights in enumerate(every)
        if not rights or rights & held
    }
    assert rights_held(listed) == held
