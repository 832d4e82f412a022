"""Whoever reads Russian reads Russian: every command's help and the usual errors, but for names and forms."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from pbxd import cli
from pbxd.book.fields import BUILT_IN
from tests.cli.test_program import ALL, every_command

# What has no Russian name: programs, formats, protocols, keys.
NAMES = {
    "pbxd", "pbx", "cel", "cdr", "ami", "asterisk", "freepbx", "http", "json", "csv", "xlsx", "xls", "vcf",
    "ods", "ldif", "xml", "vip", "id", "iso", "sqlite", "postgresql", "toml", "etc", "root", "api", "ctrl",
    "c", "x", "e", "url", "excel", "utf", "usermod", "ag", "database", "sock", "capture_days", "config",
    "vcard", "mail", "post", "curl",
}  # fmt: skip
WORD = re.compile(r"(?<![A-Za-z_])[A-Za-z][A-Za-z_]*(?![A-Za-z_])")
CODE = re.compile(r"--?[a-z][a-z-]*(?:=\S*)?|PBXD_\w+|'[^']*'|\[[a-z0-9|-]+\]|\S*[/@.]\w+\S*|pbxd(?: [a-z][a-z-]+)+")
MISTAKES = (
    "nope", "contcts", "contacts lst", "contacts list --limt 1", "contacts list --limit 0", "contacts show",
    "contacts show x", "contacts show 1 2", "contacts list --sort x", "contacts add",
    "contacts list --search", "contacts list --json=1", "contacts list --as x!y", "calls list --from x",
    "calls list --min-talk x", "calls rebuild", "calls rebuild --from x --to y",
    "tokens create a --as 1 --as-any", "contacts list", "lookup 1", "db check", "doctor --nope",
    "privacy erase x", "contacts erase --owner 1 --owner-id 2", "contacts import nowhere.csv",
    "contacts import nowhere.csv --errors x.csv", "contacts template out.pdf", "contacts export out.pdf",
    "calls export out.pdf", "employees import nowhere.csv",
)  # fmt: skip


def shown() -> Iterator[str]:
    for path, _command in every_command():
        yield f"{' '.join(path)} --help"
    yield "--help"
    yield from MISTAKES


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", ALL],
        input=json.dumps(list(shown())),
        cwd=tmp_path_factory.mktemp("empty"),
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "ru_RU.UTF-8", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def names() -> set[str]:
    """Return the names of commands, options, values and fields, as words."""
    texts = [*NAMES]
    for path, command in every_command():
        texts += path
        for each in command.params:
            texts += each.opts
            if isinstance(each.type, click.Choice):
                texts += [str(choice) for choice in each.type.choices]
    texts += [field.column for field in BUILT_IN] + [field.name for field in BUILT_IN]
    texts += cli.pbxd.list_commands(click.Context(cli.pbxd))
    return {word.lower() for text in texts for word in WORD.findall(text.replace("-", " "))}


def test_no_english_is_left(said: dict[str, str]) -> None:
    known = names()
    left = {
        command: words
        for command, text in said.items()
        if (words := [word for word in WORD.findall(CODE.sub(" ", text)) if word.lower() not in known])
    }
    assert left == {}
    assert all(re.search("[а-яё]", text) for text in said.values())
