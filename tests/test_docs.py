"""The documentation names what is there: links lead somewhere, and nothing of the contract is missing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click
import pytest

from pbxd import api, cli
from pbxd.book.fields import BUILT_IN
from pbxd.checkup.checks import CHECKS
from pbxd.settings import Settings
from pbxd.telephony.attempt import Reason
from pbxd.telephony.plan import Where

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "docker/README.md", ROOT / "tests/lab/README.md"]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The names that headings of a page have in links, as GitHub and others make them."""
    headings = re.findall(r"(?m)^#+ (.*)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\[[^\]]*\]\(([^)]+)\)", prose):
        if "://" in link:
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_index_names_every_page() -> None:
    index = text("docs/README.md")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index, page.name


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_a_page_begins_with_what_it_is_for(page: Path) -> None:
    _heading, _blank, first, *_rest = page.read_text(encoding="utf-8").splitlines()
    assert first.startswith(("This page ", "Эта страница ")), first


def test_every_reason_for_which_a_call_is_refused_or_ends_is_explained() -> None:
    section = text("docs/http.md").partition("## Why a call was refused or ended\n")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")][1:]
    explained = {
        (name, end.strip() != "–") for _, names, _, end, _ in rows for name in re.findall(r"`([\w-]+)`", names)
    }
    assert {name for name, ends in explained if ends} == set(get_args(Reason))
    refusing = [*(ROOT / "pbxd/services/click_to_call").glob("*.py"), ROOT / "pbxd/telephony/plan.py"]
    raised = {word for file in refusing for word in re.findall(r'RefusedError\("([\w-]+)"', file.read_text("utf-8"))}
    refused = {name for name, _ends in explained}
    assert raised | (set(get_args(Where)) - {"internal", "region"}) <= refused


def commands(group: click.Group, path: str) -> Iterator[tuple[str, str]]:
    """Every command: its group's path and its name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield path, name
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


def test_the_contract_names_every_command() -> None:
    rows = [row.split(" | ")[0] for row in text("docs/cli.md").splitlines() if row.startswith("| `pbxd ")]
    for path, name in commands(cli.pbxd, "pbxd"):
        named = [row for row in rows if row.startswith(f"| `{path} ") and re.search(rf"\b{name}\b", row)]
        assert named, f"{path} {name}"


def test_the_contract_names_every_operation() -> None:
    page = text("docs/http.md")
    operations = [operation for resource in api.RESOURCES for operation in resource.operations]
    addresses = {f"{operation.method} {operation.address}" for operation in operations}
    assert len(addresses) > 10
    assert {address for address in addresses if not re.search(rf"`{re.escape(address)}[`? ]", page)} == set()


def test_the_contract_names_every_field_of_a_contact() -> None:
    page = text("docs/cli.md")
    columns = next(line for line in page.splitlines() if line.startswith("| fields for `--map` |"))
    members = page.partition("A contact in JSON: ")[2].partition("\n\n")[0]
    assert [column for column in BUILT_IN.by_column if f"`{column}`" not in columns] == []
    assert [field.name for field in BUILT_IN if f'"{field.name}"' not in members] == []


def test_doctor_is_explained_check_by_check() -> None:
    page = text("docs/doctor.md")
    assert [check for check in CHECKS if f"`{check}`" not in page] == []


def test_every_section_of_the_configuration_is_explained() -> None:
    page = text("docs/configuration.md")
    sections = {name for name, field in Settings.model_fields.items() if hasattr(field.annotation, "model_fields")}
    assert {name for name in sections if f"`[{name}]`" not in page} == set()


def test_log_events_that_pages_name_exist() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "pbxd").rglob("*.py"))
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "CHANGELOG.md")
    events = {
        name for name in re.findall(r"`((?:ami|calls|database|reload|fastagi|resync)[a-z_]*_[a-z_]+)`", pages)
        if not (ROOT / "pbxd" / f"{name}.py").exists()
    }  # fmt: skip
    assert {name for name in events if f'"{name}"' not in code and f"{name}:" not in code} == set()


def test_the_feeds_kinds_are_explained() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "pbxd/storage").rglob("*.py"))
    kinds = set(re.findall(r'News\(\s*"([a-z.]+)"', code)) | set(re.findall(r'_news\("(import\.\w+)"', code))
    page = text("docs/events.md")
    assert len(kinds) > 10
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()


def test_tests_that_pages_name_are_there() -> None:
    pages = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.name != "CHANGELOG.md")
    files = {file for file in re.findall(r"`((?:tests/)?(?:\w+/)*test_\w+\.py)", pages) if "index" not in file}
    assert len(files) > 50
    assert {file for file in files if not (ROOT / "tests" / file.removeprefix("tests/")).exists()} == set()


def test_tests_that_are_named_by_their_functions_are_there() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py"))
    names = set(re.findall(r"\b([a-z]+(?:_[a-z0-9]+){3,})", text("docs/testing.md")))
    assert {name for name in names if name not in code and not name.startswith("test_")} == set()


def layer(room: str) -> int:
    """How far down import-linter has a room."""
    (layers,) = [
        contract["layers"]
        for contract in tomllib.loads(text("pyproject.toml"))["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and contract["containers"] == ["pbxd"]
    ]
    return next(
        place for place, names in enumerate(layers) if room.strip("/").removesuffix(".py") in names.split(" | ")
    )


def test_the_rooms_that_the_architecture_names_are_there() -> None:
    page, _beside, _rest = text("docs/architecture.md").partition("Beside `pbxd/`")
    rooms = re.findall(r"(?m)^\| `(\w+(?:/|\.py))` \|", page)
    assert len(rooms) > 10
    assert [room for room in rooms if not (ROOT / "pbxd" / room).exists()] == []
    folders = {f"{path.name}/" for path in (ROOT / "pbxd").iterdir() if (path / "__init__.py").exists()}
    assert folders - set(rooms) == set()
    assert rooms == sorted(rooms, key=layer)
    modules = {path.stem for path in (ROOT / "pbxd").glob("[a-z]*.py")}
    assert {name for name in modules if f"`{name}`" not in page and f"`{name}.py`" not in page} == set()


def test_the_modules_that_the_flows_name_are_there() -> None:
    named = re.findall(r"`(\w+(?:/\w+)+/?(?:\.\w+)?)`", text("docs/architecture.md"))
    assert len(named) > 15
    places = [(ROOT, ""), (ROOT / "pbxd", ""), (ROOT / "pbxd", ".py")]
    assert [name for name in named if not any((folder / (name + end)).exists() for folder, end in places)] == []


def test_the_table_of_contributing_names_files_that_are_there() -> None:
    page = text("CONTRIBUTING.md")
    paths = {path for path in re.findall(r"`((?:pbxd|tests|config|docs)/[\w/.]*)`", page) if "NNNN" not in path}
    assert {path for path in paths if not (ROOT / path).exists()} == set()
