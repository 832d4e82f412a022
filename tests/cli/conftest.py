"""The command line on a database of its own."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pbxd import cli, i18n

CONFIGURATION = """
[asterisk]
secret = "x"
[database]
url = "sqlite+aiosqlite:///book.db"
"""


@dataclass(frozen=True)
class Pbxd:
    """Runs `pbxd --config …` in this process, as a shell would."""

    folder: Path

    def __call__(self, *arguments: str, status: int = 0) -> Result:
        done = CliRunner().invoke(cli.pbxd, ["--config", str(self.folder / "pbxd.toml"), *arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == status, done.output
        return done

    def json(self, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self(*arguments, "--json").stdout)

    def refusal(self, *arguments: str, status: int = 1) -> str:
        """Return the one line on stderr of a command that must fail."""
        done = self(*arguments, status=status)
        assert done.stdout == ""
        assert done.stderr.startswith("pbxd: ")
        assert done.stderr.count("\n") == 1
        return done.stderr


@pytest.fixture(scope="session")
def empty_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    (folder / "pbxd.toml").write_text(CONFIGURATION)
    Pbxd(folder)("db", "upgrade")
    return folder / "book.db"


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pbxd:
    """Without a database."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "PBXD_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    i18n.use("en")
    (tmp_path / "pbxd.toml").write_text(CONFIGURATION)
    return Pbxd(tmp_path)


@pytest.fixture
def pbxd(bare: Pbxd, empty_book: Path) -> Pbxd:
    shutil.copy(empty_book, bare.folder / "book.db")
    return bare


@pytest.fixture
def contact(pbxd: Pbxd) -> Callable[..., dict[str, Any]]:
    def add(*options: str, name: str = "Фронкин Игорь", number: str = "+7 777 785-99-54") -> dict[str, Any]:
        card: dict[str, Any] = pbxd.json("contacts", "add", "--name", name, "--number", number, *options)
        return card

    return add
