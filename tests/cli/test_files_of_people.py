"""What `pbxd` reads and writes where people say: nothing is overwritten that isn't ours, nothing is left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xlsxwriter

from tests.cli.conftest import Pbxd

PATIENCE = 60.0  # seconds; the machine may be busy


def bad_rows(folder: Path, count: int) -> Path:
    file = folder / "clients.csv"
    file.write_text("\n".join(["ФИО;Телефон", *(f"Клиент {place};{'нет ' * 20}" for place in range(count))]), "utf-8")
    return file


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


def everything(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*") if "book.db" not in each.name}


def test_every_file_written_is_its_owners_alone(pbxd: Pbxd, tmp_path: Path) -> None:
    pbxd("contacts", "add", "--name", "Анна", "--number", "+79160000001")
    file = bad_rows(tmp_path, 2)
    written = {name: str(tmp_path / name) for name in ("t.xlsx", "e.xlsx", "c.xlsx", "c.csv", "c.vcf", "h.xlsx")}
    written |= {name: str(tmp_path / name) for name in ("h.csv", "p.json", "b.db")}
    old = os.umask(0)
    try:
        pbxd("contacts", "template", written["t.xlsx"])
        pbxd("contacts", "import", str(file), "--errors", written["e.xlsx"])
        for name in ("c.xlsx", "c.csv", "c.vcf"):
            pbxd("contacts", "export", written[name])
        for name in ("h.xlsx", "h.csv"):
            pbxd("calls", "export", written[name])
        pbxd("privacy", "export", "+79160000001", written["p.json"])
        pbxd("db", "backup", written["b.db"])
    finally:
        os.umask(old)
    modes = {name: stat.S_IMODE(Path(place).stat().st_mode) for name, place in written.items()}
    assert modes == dict.fromkeys(written, 0o600)


@pytest.mark.parametrize("what", ["file", "link", "imported", "pipe", "template"])
def test_errors_and_templates_overwrite_nothing(pbxd: Pbxd, tmp_path: Path, what: str, temporary: Path) -> None:
    file, place, precious = bad_rows(tmp_path, 3), tmp_path / "a.xlsx", tmp_path / "precious.xlsx"
    precious.write_bytes(b"precious")
    if what == "link":
        place.symlink_to(precious)
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place = precious
    if what == "imported":
        pbxd("contacts", "template", str(tmp_path / "t.xlsx"))
        file = place = tmp_path / "t.xlsx"
    before, held = everything(tmp_path), file.read_bytes()
    if what == "template":
        assert "exists already" in pbxd.refusal("contacts", "template", str(place))
    else:
        said = pbxd.refusal("contacts", "import", str(file), "--errors", str(place))
        assert ("no regular file" if what in {"link", "pipe"} else "--errors: ") in said
    assert everything(tmp_path) == before
    assert (precious.read_bytes(), file.read_bytes()) == (b"precious", held)
    assert pbxd.json("contacts", "list")["total"] == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("group", ["contacts", "employees"])
@pytest.mark.parametrize("what", ["pipe", "device"])
def test_pipes_and_devices_are_not_imported(pbxd: Pbxd, tmp_path: Path, group: str, what: str) -> None:
    place = tmp_path / "pipe.csv" if what == "pipe" else Path("/dev/zero")
    if what == "pipe":
        os.mkfifo(place)
    assert "not a regular file" in pbxd.refusal(group, "import", str(place))


def test_an_export_replaces_an_earlier_one_and_no_link(pbxd: Pbxd, tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / "a.csv"
    precious.write_text("precious")
    link.symlink_to(precious)
    for group in ("contacts", "calls"):
        assert "no regular file" in pbxd.refusal(group, "export", str(link))
        pbxd(group, "export", str(tmp_path / f"{group}.csv"))
        pbxd(group, "export", str(tmp_path / f"{group}.csv"))
    assert precious.read_text() == "precious"


def test_a_small_workbook_that_holds_very_much_is_refused(pbxd: Pbxd, tmp_path: Path, temporary: Path) -> None:
    """One long text, which many cells share."""
    file = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(file)) as book:
        sheet = book.add_worksheet("Контакты")
        sheet.write_row(0, 0, ["ФИО", "Телефон", *(f"столбец {place}" for place in range(200))])
        for row in range(1, 15):
            sheet.write_row(row, 0, ["ы" * 32_000] * 200)
    assert file.stat().st_size < 150_000
    said = pbxd.refusal("contacts", "import", str(file), "--errors", str(tmp_path / "e.xlsx"))
    assert "far more text" in said
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "e.xlsx").exists()


def test_bad_rows_beyond_measure_are_refused(
    pbxd: Pbxd, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxd.exchange.error_workbook._MOST_MB", 1)
    file = bad_rows(tmp_path, 6000)
    before = everything(tmp_path)
    assert "more than 1 MB" in pbxd.refusal("contacts", "import", str(file), "--errors", str(tmp_path / "e.xlsx"))
    assert everything(tmp_path) == before
    assert list(temporary.iterdir()) == []
    assert pbxd.json("contacts", "list")["total"] == 0


@contextmanager
def importing(pbxd: Pbxd, file: Path, errors: Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Start an import as a process and wait until it has begun its workbook of bad rows."""
    command = [
        "env",
        "--default-signal=INT",  # a shell starts what is in the background with it ignored
        str(Path(sys.executable).with_name("pbxd")),
        "--config",
        str(pbxd.folder / "pbxd.toml"),
        "contacts",
        "import",
    ]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(
        [*command, str(file), "--errors", str(errors)], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            until(lambda: any(each.is_file() and each.stat().st_size for each in temporary.rglob("*")), process)
            yield process
        finally:
            process.kill()


def until(there: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + PATIENCE
    while not there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def heeding() -> Iterator[None]:
    """Have children heed signals that nohup, or a shell in the background, has the tests ignore."""
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGHUP, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGHUP", "SIGINT", "child"])
@pytest.mark.usefixtures("heeding")
def test_an_import_that_is_ended_leaves_nothing(pbxd: Pbxd, tmp_path: Path, temporary: Path, way: str) -> None:
    file, errors = bad_rows(tmp_path, 200_000), tmp_path / "errors.xlsx"
    before = everything(tmp_path)
    with importing(pbxd, file, errors, temporary) as process:
        if way == "child":
            (child,) = children(process.pid)
            os.kill(child, signal.SIGKILL)
        else:
            process.send_signal(signal.Signals[way])
        status = process.wait(PATIENCE)
        assert process.stderr
        said = process.stderr.read()
    assert status == {"SIGTERM": 143, "SIGHUP": 129}.get(way, 1)
    assert ("damaged or hostile" if way == "child" else "") in said
    assert "Traceback" not in said
    assert list(temporary.iterdir()) == []
    assert everything(tmp_path) == before
    assert pbxd.json("contacts", "list")["total"] == 0


def test_nohup_is_obeyed(pbxd: Pbxd, tmp_path: Path, temporary: Path) -> None:
    file, errors = bad_rows(tmp_path, 3000), tmp_path / "errors.xlsx"
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a child inherits it
    try:
        with importing(pbxd, file, errors, temporary) as process:
            process.send_signal(signal.SIGHUP)
            assert process.wait(PATIENCE) == 0
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert errors.exists()
