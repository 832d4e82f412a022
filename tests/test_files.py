from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from pbxd.errors import ConflictError, InvalidInputError, UnavailableError
from pbxd.files import new_file, open_regular, remove_left


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.parametrize("replace", [False, True])
def test_a_new_file_is_whole_and_its_owners_alone(tmp_path: Path, replace: bool) -> None:
    file = tmp_path / "a.csv"
    old = os.umask(0)
    try:
        with new_file(file, replace=replace) as part:
            part.write_text("text")
            assert (mode(part), part.parent, file.exists()) == (0o600, tmp_path, False)
    finally:
        os.umask(old)
    assert (file.read_text(), mode(file), names(tmp_path)) == ("text", 0o600, ["a.csv"])


def test_a_file_that_is_there_stays_or_is_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("old")
    file.chmod(0o644)
    with pytest.raises(ConflictError, match="exists already"), new_file(file):
        pass
    with suppress(ZeroDivisionError), new_file(file, replace=True) as part:
        part.write_text(f"half {1 / 0}")
    assert (file.read_text(), names(tmp_path)) == ("old", ["a.csv"])
    with new_file(file, replace=True) as part:
        part.write_text("new")
    assert (file.read_text(), mode(file), names(tmp_path)) == ("new", 0o600, ["a.csv"])


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("what", ["link", "dangling", "pipe", "folder"])
def test_nothing_is_written_through_links_and_into_pipes(tmp_path: Path, what: str, replace: bool) -> None:
    place, target = tmp_path / "a.csv", tmp_path / "target"
    if what == "link":
        target.write_text("precious")
    if what in {"link", "dangling"}:
        place.symlink_to(target)
    elif what == "pipe":
        os.mkfifo(place)
    else:
        place.mkdir()
    before = names(tmp_path)
    with pytest.raises(InvalidInputError, match=r"a\.csv is no regular file"), new_file(place, replace=replace):
        pass
    assert names(tmp_path) == before
    assert what != "link" or target.read_text() == "precious"


@pytest.mark.parametrize("links", [True, False])
def test_what_came_to_be_meanwhile_is_not_overwritten(
    tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_new: Path, _old: Path) -> None:
        raise PermissionError(1, "no links here")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    with new_file(tmp_path / "b.csv") as part:
        part.write_text("b")
    with pytest.raises(ConflictError), new_file(tmp_path / "a.csv") as part:
        (tmp_path / "a.csv").write_text("theirs")
    assert names(tmp_path) == ["a.csv", "b.csv"]
    assert (tmp_path / "a.csv").read_text() == "theirs"


def test_what_comes_to_be_in_the_last_moment_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Path.hardlink_to

    def too_late(new: Path, old: Path) -> None:
        new.write_text("theirs")
        link(new, old)

    monkeypatch.setattr(Path, "hardlink_to", too_late)
    with pytest.raises(ConflictError), new_file(tmp_path / "a.csv") as part:
        part.write_text("ours")
    assert ((tmp_path / "a.csv").read_text(), names(tmp_path)) == ("theirs", ["a.csv"])


def test_nothing_comes_of_a_part_that_was_removed_and_a_folder_that_isnt(tmp_path: Path) -> None:
    with new_file(tmp_path / "a.csv") as part:
        part.unlink()
    assert names(tmp_path) == []
    with pytest.raises(UnavailableError, match="No such file"), new_file(tmp_path / "no" / "a.csv"):
        pass


def test_what_a_killed_writer_left_is_removed_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    left, other = tmp_path / "a.csv.abcd1234.part", tmp_path / "a.csv.ab.part"
    for file in (left, other):
        file.write_text("half")
    with new_file(tmp_path / "a.csv") as part:
        assert names(tmp_path) == sorted(["a.csv.ab.part", part.name])
        remove_left(tmp_path, "a.csv")
        assert part.exists()
    left.write_text("half")
    with left.open() as living:
        fcntl.flock(living, fcntl.LOCK_EX)
        remove_left(tmp_path, "*")
        assert left.exists()
    remove_left(tmp_path, "*")
    assert names(tmp_path) == ["a.csv", "a.csv.ab.part"]


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"not a regular file|directory"):
            open_regular(place)
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_regular(tmp_path / "link") as stream:
        assert stream.read() == b"text"
