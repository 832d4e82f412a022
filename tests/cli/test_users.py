"""`pbxd users`."""

from __future__ import annotations

import re

from tests.cli.conftest import Pbxd

LINK = re.compile(r"http://127\.0\.0\.1:8573/invitation/[\w-]{43}\n")


def test_an_invitation_prints_a_link_and_nothing_else(pbxd: Pbxd) -> None:
    pbxd("employees", "add", "101", "--name", "Иванова Анна")
    links = {pbxd("users", "invite", who, "--role", "supervisor").stdout for who in ("101", "Анна Иванова", "101")}
    assert len(links) == 3
    assert all(LINK.fullmatch(link) for link in links)
    (user,) = pbxd.json("users", "list")["items"]
    assert (user["login"], user["employee"], user["name"]) == ("101", "101", "Иванова Анна")
    assert (user["role"], user["has_password"], user["blocked"], user["sessions"]) == ("supervisor", False, False, 0)
    assert user["invited_until"]


def test_the_link_begins_as_the_configuration_says(pbxd: Pbxd) -> None:
    file = pbxd.folder / "pbxd.toml"
    file.write_text(file.read_text() + '[http]\npublic_url = "https://PBX.example.org/"\n')
    made = pbxd.json("users", "invite", "boss@example.org", "--role", "administrator")
    assert made["link"].startswith("https://pbx.example.org/invitation/")
    assert (made["login"], made["employee"], made["role"]) == ("boss@example.org", None, "administrator")


def test_role_block_and_reset(pbxd: Pbxd) -> None:
    pbxd("users", "invite", "102")
    assert pbxd("users", "role", "102", "administrator").stdout == "102 is administrator now\n"
    assert pbxd.json("users", "list")["items"][0]["role"] == "administrator"
    assert LINK.fullmatch(pbxd("users", "reset", "102", "--yes").stdout)
    assert pbxd("users", "sign-out", "102").stdout == "102 is signed out everywhere\n"
    assert pbxd.json("users", "block", "102")["blocked"] is True
    assert "102" in pbxd("users", "list").stdout
    assert "is blocked" in pbxd.refusal("users", "reset", "102", "--yes")
    assert LINK.fullmatch(pbxd("users", "invite", "102").stdout)
    assert pbxd.json("users", "list")["items"][0]["blocked"] is False


def test_mistakes(pbxd: Pbxd) -> None:
    for command in ("block", "reset", "sign-out"):
        assert "there is no employee" in pbxd.refusal("users", command, "Никто Никакой")
        assert "there is no user a@b.c" in pbxd.refusal("users", command, "a@b.c")
    pbxd("users", "invite", "101", "--role", "king", status=2)
    pbxd("users", "role", "101", "king", status=2)
    assert "not an e-mail address" in pbxd.refusal("users", "invite", "a b@c")
    assert pbxd.json("users", "list")["total"] == 0
