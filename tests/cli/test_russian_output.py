"""In Russian the lists, cards and reports of all commands have no English words."""

from __future__ import annotations

import getpass
import re
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pbxd import i18n
from pbxd.roles import ROLES
from pbxd.scopes import ALL
from tests.cli.conftest import CONFIGURATION, Pbxd
from tests.cli.test_calls import CAPTURES
from tests.cli.test_program import every_command
from tests.cli.test_russian import CODE, NAMES, WORD

FILLING = """
    employees add 101 --name Иван
    employees replaced 101 --name Мария
    employees add 102 --name Олег --mobile +79160000102 --department продажи --email o@x.example
    companies add --name Ромашка --number +74950000001
    contacts add --name Анна --number +79161112233 --number '+74950000002 доб. 5' --company Ромашка --position юрист
        --vip --manager 102 --tag опт --email a@x.example --birth-date 31.12.1980 --comment заметка
        --label +79161112233=мобильный
    contacts add --name Борис --number +79161112233 --personal --owner 101
    contacts edit 1 --no-vip --comment другое --remove-number '+74950000002 доб. 5'
    contacts favourite 1 --as 102
    contacts import book.csv --errors bad.xlsx
    contacts import-undo 1 --yes
    contacts import book.csv
    tokens create касса --scope lookup --scope calls:make --as-any --expires 9
    tokens create склад --scope events --as 102
    tokens revoke 2 --yes
    users invite 101 --role supervisor
    users invite 102
    users block 102
    webhooks add https://crm.invalid/hook --event call.* --queue продажи --extension 101
    calls rebuild --from 2026-11-01 --to 2026-12-01 --yes
"""
DELIVERIES = """
    INSERT INTO webhook_deliveries (webhook_id, seq, kind, lane, state, since, due, last, status, milliseconds, error)
    VALUES (1, 1, 'call.ended', '', 'pending', '2026-11-01 10:00:00.0', '2026-11-01 10:00:00.0', NULL, NULL, NULL, ''),
           (1, 2, 'call.ended', '', 'delivered', '2026-11-01 10:00:00.0', '2026-11-01 10:00:00.0',
            '2026-11-01 10:00:00.0', 204, 12, ''),
           (1, 3, 'call.ended', '', 'dead', '2026-11-01 10:00:00.0', '2026-11-01 10:00:00.0',
            '2026-11-01 10:00:00.0', 500, 12, '');
    INSERT INTO audit (at, source, employee_id, extension, address, action, subject, result, reason)
    VALUES ('2026-11-01 10:00:00.0', 'token 1 касса', 0, '', '10.0.0.1', 'contacts add', '1', 'done', ''),
           ('2026-11-01 10:00:00.0', 'user 1', 0, '', '10.0.0.1', 'contacts add', '1', 'done', ''),
           ('2026-11-01 10:00:00.0', 'socket', 0, '', '10.0.0.1', 'contacts add', '1', 'done', '');
"""
SHOWN = """
    contacts list; contacts list --limit 1; contacts show 1; contacts show 2 --as 101; contacts show 1 --text
    contacts history 1; contacts imports; contacts import book.csv --dry-run; contacts import book.csv --existing update
    contacts export all.csv; contacts favourite 1 --as 102 --off; companies list; companies show 1; employees list
    employees list --limit 1; employees show 102; tokens list; users list; webhooks list; webhooks deliveries 1
    audit list; audit list --limit 1; calls list; calls gaps; calls rebuild --from 2026-11-01 --to 2026-12-01
    lookup +79161112233 --calls; lookup +79161112233 --explain; lookup +74950000001; lookup 102 --explain; lookup нет
    privacy export +79161112233 out.json; db check; contacts delete 2 --as 101 --yes; contacts delete 1 --yes
    privacy erase +79161112233 --yes; companies delete 1 --yes; webhooks delete 1 --yes; users sign-out 101
    users role 101 agent
"""


@pytest.fixture(scope="module")
def said(empty_book: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("russian")
    pbxd = Pbxd(folder)
    shutil.copy(empty_book, folder / "book.db")
    log = CAPTURES / "incoming_answered" / "cel.csv"
    (folder / "pbxd.toml").write_text(f'{CONFIGURATION}\n[backfill]\ncel = "{log}"\n[service]\nlanguage = "ru"\n')
    (folder / "book.csv").write_text(
        "ФИО;Телефоны;Факс;Что-то\nВера;+79160000003;1;2\nГлеб;не номер;;\nВера;+79160000003;1;2\n", "utf-8"
    )
    shown = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for line in re.split(r"\n    (?! )", FILLING.strip()):
            shown[line] = pbxd(*shlex.split(line)).stdout
        with closing(sqlite3.connect(folder / "book.db")) as book:
            book.executescript(DELIVERIES)
        call = pbxd.json("calls", "list")["items"][0]["id"]
        for line in [*re.split(r"; |\n\s+", SHOWN.strip()), f"calls show {call}"]:
            shown[line] = pbxd(*shlex.split(line)).stdout
    i18n.use("en")
    return shown


# Ids of calls, cursors, secrets, the ends of tokens, and the words that JSON has for what stands before them.
RANDOM = re.compile(r"\S{20,}|…\S{4}\b|--after \S+|\([a-z0-9-]+\)$", re.MULTILINE)


def test_no_english_is_left_in_what_commands_show(said: dict[str, str]) -> None:
    known = NAMES | set(ROLES) | set(re.findall(r"\w+", f"{ALL} {getpass.getuser()}"))
    known |= {word for path, _command in every_command() for part in path for word in part.split("-")}  # audit log
    left = {
        command: words
        for command, text in said.items()
        if (words := [word for word in WORD.findall(CODE.sub(" ", RANDOM.sub(" ", text))) if word.lower() not in known])
    }
    assert left == {}
