"""The program as a whole: exit statuses, the language, the configuration, and what a shell may pass."""

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from click import Command, Context, Group, core, decorators, exceptions, formatting, parser, termui, types
from click.testing import CliRunner

from pbxd import cli, i18n
from pbxd.cli import language
from pbxd.cli.examples import EXAMPLES
from pbxd.cli.groups import Program
from pbxd.cli.session import Session
from tests.cli.conftest import Pbxd

PROGRAM = str(Path(sys.executable).parent / "pbxd")


def shell(*arguments: str | bytes, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    env = {"PATH": "/usr/bin:/bin", **environment}
    return subprocess.run([PROGRAM, *arguments], cwd=cwd, env=env, capture_output=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[asterisk]\nhsot = 'x'", "asterisk.hsot: unknown key"),
        ("[asterisk]\nport = '1'", "asterisk.port: "),
        ("[agi\n", "not valid TOML"),
        ("[numbers]\nregion = 'ZZ'", "numbers.region: "),
    ],
)
@pytest.mark.parametrize("command", [["contacts", "add", "--name", "А"], ["run"]])
def test_a_configuration_that_can_t_be_used_is_status_2(bare: Pbxd, text: str, why: str, command: list[str]) -> None:
    (bare.folder / "pbxd.toml").write_text(text)
    line = bare.refusal(*command, status=2)
    if "asterisk.secret" not in line:  # `run` looks for its secret first
        assert why in line
    assert str(bare.folder / "pbxd.toml") in line


def test_run_without_a_secret_is_one_line_with_file_and_key_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "pbxd.toml").write_text("")
    done = shell("--config", "pbxd.toml", "run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("pbxd: pbxd.toml: asterisk.secret: missing")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[database]\nurl = 'mysql://x'", "database.url"),
        ("[database]\nurl = 'sqlite+aiosqlite:///nowhere/x.db'", "database.url"),
        ("[dialing]\ndevice = 'x'", "dialing.device"),
        ("[service]\nruntime_folder = 'nowhere'", "service.runtime_folder"),
        ("[http]\nlisten = 'nowhere.invalid:80'", "http.listen"),
        ("[agi]\nlisten = 'nowhere.invalid:80'", "agi.listen"),
        ('[asterisk]\nsecret = "a\\nb"', "asterisk.secret"),
        ("[asterisk]\ntls = 'on'\ntls_ca_file = 'nowhere.crt'", "asterisk.tls_ca_file"),
    ],
)
def test_what_run_can_t_use_is_one_line_with_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    file = tmp_path / "pbxd.toml"
    own = "".join(f"[{section}]\nlisten = '127.0.0.1:0'\n" for section in ("agi", "http") if f"[{section}]" not in text)
    file.write_text(f"{text}\n{own}")
    environment = {} if key == "asterisk.secret" else {"PBXD_ASTERISK_SECRET": "x"}
    done = shell("--config", str(file), "run", cwd=tmp_path, **environment)
    last = done.stderr.decode().splitlines()[-1]
    assert last.startswith(f"pbxd: {file}: {key}: "), done.stderr
    assert "error -2" not in last
    assert "Errno" not in last
    assert done.returncode == 2


def test_a_daemon_whose_database_was_replaced_ends_with_a_line(pbxd: Pbxd) -> None:
    config = pbxd.folder / "pbxd.toml"
    config.write_text(config.read_text() + "[agi]\nlisten = '127.0.0.1:0'\n[http]\nlisten = '127.0.0.1:0'\n")
    command = [PROGRAM, "--config", str(config), "run"]
    with subprocess.Popen(command, cwd=pbxd.folder, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr is not None
        try:
            while '"ready"' not in (line := daemon.stderr.readline()):
                assert line, "ended early"
            (pbxd.folder / "book.db").rename(pbxd.folder / "gone.db")
            pbxd("db", "upgrade")
            *_before, last = daemon.communicate(timeout=60)[1].splitlines()
        finally:
            daemon.kill()
    assert last == f"pbxd: the database {pbxd.folder}/book.db was replaced meanwhile"
    assert daemon.returncode == 1


def test_run_without_the_database_s_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "pbxd.toml").write_text("[database]\nurl = 'sqlite+aiosqlite:///nowhere/x.db'")
    done = shell("--config", "pbxd.toml", "run", cwd=tmp_path, PBXD_ASTERISK_SECRET="x")
    assert done.returncode == 2
    assert b"database.url" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_the_language_is_the_configured_one_else_the_locale_s(tmp_path: Path) -> None:
    (tmp_path / "pbxd.toml").write_text("")
    (tmp_path / "en.toml").write_text("[service]\nlanguage = 'en'")
    russian = shell("--config", "pbxd.toml", "contacts", "list", cwd=tmp_path, LANG="ru_RU.UTF-8", PYTHONUTF8="1")
    assert "ещё нет" in russian.stderr.decode()
    english = shell("--config", "en.toml", "contacts", "list", cwd=tmp_path, LANG="ru_RU.UTF-8")
    assert b"there is no database" in english.stderr
    neither = shell("--config", "pbxd.toml", "contacts", "list", cwd=tmp_path, LC_ALL="C", LANG="ru_RU.UTF-8")
    assert b"pbxd" in neither.stderr
    helped = shell("contacts", "add", "--help", cwd=tmp_path, LC_ALL="ru_RU.UTF-8", PYTHONUTF8="1")
    assert "ФИО." in helped.stdout.decode()


SAID = [
    ("--help", "Использование: pbxd [ПАРАМЕТРЫ] КОМАНДА [АРГУМЕНТЫ]..."),
    ("--help", "Параметры:"),
    ("--help", "Команды:"),
    ("--help", "Показать эту справку и выйти."),
    ("--help", "Показать версию и выйти."),
    ("calls list --help", "по умолчанию: 50"),
    ("contacts add", "Ошибка: Не указан параметр '--name'."),
    ("contacts show", "Ошибка: Не указан аргумент 'ID'."),
    ("contacts show", "Справка: 'pbxd contacts show --help'."),
    ("nope", "Нет команды 'nope'."),
    ("contcts list", "Может быть, 'contacts'?"),
    ("contacts lst", "Может быть, 'list'?"),
    ("contacts list -h", "Использование: pbxd contacts list [ПАРАМЕТРЫ]"),
    ("contacts list --limt 1", "Нет параметра '--limt'. Может быть, '--limit'?"),
    ("contacts list --limit 0", "0 вне диапазона 1<=x<=2147483647."),
    ("contacts show x", "'x' — не целое число."),
    ("contacts list --search", "Параметру '--search' нужно значение."),
    ("contacts list --json=1", "Параметр '--json' не принимает значения."),
    ("contacts show 1 2", "Лишний аргумент (2)"),
    ("contacts show 1 2 3", "Лишние аргументы (2 3)"),
    ("calls list --outcome x", "'x' — не одно из: 'answered', "),
    ("contacts list --as 1!0", "Недопустимое значение '--as': не внутренний номер"),
]
# Runs every command line it is given as a program would, in one process: a second each is long.
ALL = """
import contextlib, io, json, shlex, sys
from pbxd.cli import main
said = {}
for line in json.load(sys.stdin):
    sys.argv, text = ["pbxd", *shlex.split(line)], io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text), contextlib.suppress(SystemExit):
        main()
    said[line] = text.getvalue()
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope="module")
def russian(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What the program prints in a Russian locale, by command line."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "ru_RU.UTF-8", "PYTHONUTF8": "1"}
    asked = json.dumps(sorted({command for command, _said in SAID}))
    done = subprocess.run(
        [sys.executable, "-c", ALL],
        input=asked,
        cwd=tmp_path_factory.mktemp("empty"),
        env=env,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=60,
    )
    said: dict[str, str] = json.loads(done.stdout)
    return said


@pytest.mark.parametrize(("command", "said"), SAID)
def test_what_click_says_is_in_the_user_s_language(russian: Mapping[str, str], command: str, said: str) -> None:
    assert said in russian[command]


def test_click_s_words_are_still_those() -> None:
    """A new click may word things anew, and its new words would stay English."""
    files = [str(module.__file__) for module in (core, decorators, exceptions, formatting, parser, termui, types)]
    nodes = [node for file in files for node in ast.walk(ast.parse(Path(file).read_text()))]
    known = {node.value for node in nodes if isinstance(node, ast.Constant)}
    assert [text for text in language.WORDS if text not in known] == []


def test_arguments_that_are_no_utf_8_are_a_usage_error(pbxd: Pbxd) -> None:
    config = str(pbxd.folder / "pbxd.toml")
    done = shell("--config", config, "contacts", "add", "--name", b"\xff\xfe", cwd=pbxd.folder, LANG="C.UTF-8")
    assert done.returncode == 2
    assert b"not valid UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


def every_command(group: Group = cli.pbxd, *path: str) -> Iterator[tuple[list[str], Command]]:
    """Yield the path and the command of everything that can be called."""
    context = Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command, name
        yield [*path, name], command
        if isinstance(command, Group):
            yield from every_command(command, *path, name)


def test_every_command_has_help_without_a_configuration(bare: Pbxd) -> None:
    (bare.folder / "pbxd.toml").write_text("broken")
    commands = {" ".join(path): command for path, command in every_command()}
    assert {"run", "contacts", "contacts edit", "tokens create"} <= commands.keys()
    for path, command in commands.items():
        shown = bare(*path.split(), "--help").stdout
        assert f"Usage: pbxd {path} " in shown
        assert command.help, f"{path} doesn't say what it does"
        unsaid = [each.name for each in command.params if isinstance(each, click.Option) and not each.help]
        assert unsaid == [], f"options of {path} without help"


def test_all_help_is_in_the_reader_s_language() -> None:
    i18n.use("ru")
    try:
        commands = [command for _path, command in every_command()]
        options = [each for command in commands for each in command.params if isinstance(each, click.Option)]
        texts = [str(each.help) for each in (cli.pbxd, *commands)] + [str(each.help) for each in options]
    finally:
        i18n.use("en")
    assert [text for text in texts if not re.search("[А-Яа-яЁё]", text)] == []


def test_examples_are_commands_as_people_type_them(bare: Pbxd, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = {" ".join(path): command for path, command in every_command()}
    assert EXAMPLES.keys() <= commands.keys()
    for path, lines in EXAMPLES.items():
        monkeypatch.setenv("LANG", "ru_RU.UTF-8")
        shown = bare(*path.split(), "--help").stdout
        for line in lines:
            assert f"  {line}\n" in shown
            words = shlex.split(line)[1:]
            length = next(size for size in (2, 1) if " ".join(words[:size]) in commands)
            command = commands[" ".join(words[:length])]
            root = Context(cli.pbxd, obj=Session(None))
            assert command.make_context(" ".join(words[:length]), words[length:], parent=root).command is command
    assert "Примеры" in bare("call", "--help").stdout
    assert "Примеры" not in bare("db", "check", "--help").stdout


def test_an_option_that_takes_a_number_of_a_phone_says_so() -> None:
    context = Context(cli.pbxd, obj=Session(None))
    for path, command in every_command():
        for each in command.get_params(Context(command, parent=context)):
            if {"number", "mobile", "did"} & set(re.split("[-_]", each.opts[0].lstrip("-"))) and each.nargs == 1:
                assert each.make_metavar(context).strip("[]") == "NUMBER", (path, each.name)


def test_short_help_is_a_whole_sentence() -> None:
    """A list of commands whose lines end with … says little."""
    for text in ("en", "ru"):
        i18n.use(text)
        try:
            shown = {" ".join(path): command.get_short_help_str(100) for path, command in every_command()}
            del shown["call"]  # the list of commands has another text for it
            cut = [path for path, line in shown.items() if line.endswith("...")]
        finally:
            i18n.use("en")
        assert cut == []


def test_a_question_mark_lists_the_fields_for_map(pbxd: Pbxd) -> None:
    assert "birth_date, " in pbxd.refusal("contacts", "import", "x.csv", "--map", "x=?")


def test_the_program_s_help_loads_no_command() -> None:
    code = "import sys; from pbxd.cli import pbxd; pbxd(['--help'], standalone_mode=False); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60)
    assert "contacts" in done.stdout
    assert not {"sqlalchemy", "aiohttp", "structlog"} & set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", ["book.contacts", "book.companies", "book.employees", "calls.history"])
def test_a_list_loads_nothing_that_only_other_commands_need(module: str) -> None:
    code = f"import sys; import pbxd.cli; import pbxd.cli.{module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60)
    others = {
        "aiohttp",
        "structlog",
        "xlsxwriter",
        "vobject",
        "panoramisk",
        "pbxd.history.backfill",
        "pbxd.services.files.exports",
    }
    assert not others & set(done.stdout.split())


def test_a_file_that_one_may_not_use_is_a_line_and_no_traceback() -> None:
    @click.command("look")
    def look() -> None:
        raise PermissionError(13, "Permission denied", "/var/lib/pbxd/pbxd.db")

    program = Program("pbxd")
    program.add_command(look)
    i18n.use("en")
    done = CliRunner().invoke(program, ["look"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "pbxd: no right to use /var/lib/pbxd/pbxd.db: members of the group pbxd may (usermod -aG pbxd NAME)\n"
    )


def test_usage_errors_are_status_2(pbxd: Pbxd) -> None:
    for command in (["nope"], ["contacts", "show", "x"], ["contacts", "add"], ["calls", "list", "--limit", "0"]):
        assert pbxd(*command, status=2).stdout == ""


@pytest.mark.parametrize("book", ["contacts", "calls"])
def test_pages_are_bounded_by_what_a_database_takes(pbxd: Pbxd, book: str) -> None:
    for option in ("--limit", "--offset"):
        assert f"'{option}'" in pbxd(book, "list", option, str(2**31), status=2).stderr
        assert pbxd.json(book, "list", option, str(2**31 - 1))["items"] == []


def test_a_reader_that_leaves_is_no_traceback(pbxd: Pbxd) -> None:
    command = f"{PROGRAM} --config {pbxd.folder}/pbxd.toml contacts list --json | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, timeout=60)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_the_tab_key_completes_commands_and_options_beside_russian_words(tmp_path: Path, kind: str) -> None:
    def completed(words: str, word: str) -> str:
        place = word if kind == "fish" else str(len(words.split(" ")) - 1)
        line = words.removesuffix(word) if kind == "fish" else words
        asked = {"_PBXD_COMPLETE": f"{kind}_complete", "COMP_WORDS": line, "COMP_CWORD": place}
        return shell(cwd=tmp_path, LC_ALL="ru_RU.UTF-8", PYTHONUTF8="1", **asked).stdout.decode()

    assert "contacts" in completed("pbxd cont", "cont")
    assert "--search" in completed("pbxd contacts list --company Ромашка --sea", "--sea")
    assert "descending" not in completed("pbxd contacts list --sort compa", "compa")
    assert "company" in completed("pbxd contacts list --sort compa", "compa")
    if kind != "bash":
        assert "Контакты" in completed("pbxd cont", "cont")
    source = shell(cwd=tmp_path, _PBXD_COMPLETE=f"{kind}_source").stdout
    assert b"_pbxd_completion" in source
