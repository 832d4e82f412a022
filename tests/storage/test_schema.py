from __future__ import annotations

import ast
import asyncio
import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from pbxd.book.company_names import company_key
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.fields import BUILT_IN, Field
from pbxd.errors import ConfigurationError, ConflictError, RefusedError, UnavailableError
from pbxd.i18n import Texts
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine import schema
from pbxd.storage.engine.backups import Progress
from pbxd.storage.engine.connections import connect, parsed
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell
from pbxd.storage.search import fulltext
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.tables import metadata
from tests.actors import ADMINISTRATOR, acting_token

FULL_TEXT = ("contacts_found", "ix_contacts_search")
NEXT = "9999"  # a revision that there isn't yet


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


async def execute(url: str, statement: str) -> None:
    engine = connect(parsed(url))
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    await engine.dispose()


def test_the_revisions_named_are_those_there_are() -> None:
    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert scripts.get_heads() == [schema.HEAD]
    assert [script.revision for script in scripts.walk_revisions()] == list(reversed(schema.REVISIONS))


def test_a_revision_stands_by_itself() -> None:
    """Code of today changes; a revision must go on making what it made when it was new."""
    revisions = sorted((schema.MIGRATIONS / "versions").glob("*.py"))
    assert len(revisions) == len(schema.REVISIONS)
    for file in (*revisions, schema.MIGRATIONS / "env.py"):
        text = file.read_text(encoding="utf-8")
        imported = {
            name
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or "."])
        }
        assert not [name for name in imported if name.partition(".")[0] in {"pbxd", ""}], file.name
        assert "pbxd_" not in text, f"{file.name}: the functions of a connection are code of today too"


async def test_upgrade_from_nothing_makes_everything_and_then_nothing_more(empty_url: str) -> None:
    assert await schema.upgrade(empty_url) == schema.Upgrade(None, schema.HEAD)
    assert await schema.upgrade(empty_url) == schema.Upgrade(schema.HEAD, schema.HEAD)
    async with await Database.open(empty_url, create=False) as database:
        assert await Feed(database).last() == 0
    assert (await schema.check(empty_url)).problems == ()


async def migrate(url: str, revision: str) -> None:
    """Make a database as an earlier version made it and the upgrades since then changed it."""

    def upgrade(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    if "sqlite" in url:
        file_of(url).touch()
    engine = connect(parsed(url))
    async with engine.begin() as connection:
        await connection.run_sync(upgrade)
    await engine.dispose()


async def test_migrations_and_tables_agree(empty_url: str) -> None:
    def drift(connection: Connection) -> list[Any]:
        # The full-text index is made beside the tables, by `storage.fulltext`; the next test compares it.
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": lambda name, _kind, _parents: (
                not str(name).startswith(("contacts_found", "ix_contacts_search"))
            ),
        }
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))

    await migrate(empty_url, schema.HEAD)
    engine = connect(parsed(empty_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(drift) == []
    await engine.dispose()


async def test_a_new_database_is_what_the_migrations_make(url: str, empty_url: str) -> None:
    """Down to what alembic doesn't compare: checks, the conditions of indices, triggers."""

    def details(connection: Connection) -> dict[str, Any]:
        inspector = inspect(connection)
        programs = {
            "sqlite": "SELECT type, name, sql FROM sqlite_master"
            " WHERE type NOT IN ('table', 'index') OR name = 'contacts_found'",
            "postgresql": "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal",
        }
        found = connection.execute(text(programs[connection.dialect.name])).all()
        return {"programs": sorted(map(tuple, found))} | {
            table: (
                inspector.get_check_constraints(table),
                sorted(
                    (str(index["name"]), index["column_names"], index["unique"], conditions(index))
                    for index in inspector.get_indexes(table)
                ),
                inspector.get_pk_constraint(table),
                inspector.get_foreign_keys(table),
                [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)],
            )
            for table in sorted(inspector.get_table_names())
        }

    def conditions(index: ReflectedIndex) -> list[tuple[str, str]]:
        return sorted((option, str(condition)) for option, condition in index.get("dialect_options", {}).items())

    found = []
    if empty_url == url:  # on SQLite both stand in the test's one folder
        empty_url = url.replace("pbxd.db", "other.db")
    await migrate(empty_url, schema.REVISIONS[0])
    await schema.upgrade(empty_url)
    for place in (url, empty_url):
        engine = connect(parsed(place))
        async with engine.begin() as connection:
            found.append(await connection.run_sync(details))
        await engine.dispose()
    assert found[0] == found[1]
    assert "alembic_version" in found[0]


async def test_two_processes_may_upgrade_at_once(empty_url: str) -> None:
    program = f"import asyncio; from pbxd.storage.engine import schema; asyncio.run(schema.upgrade({empty_url!r}))"
    racers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
        for _ in range(3)
    ]
    for racer in racers:
        _, complaint = await racer.communicate()
        assert racer.returncode == 0, complaint.decode()
    assert (await schema.check(empty_url)).problems == ()


async def test_opening_without_create_refuses_an_absent_or_empty_database(empty_url: str) -> None:
    with pytest.raises(UnavailableError, match="pbxd db upgrade"):
        await Database.open(empty_url, create=False)
    if "sqlite" in empty_url:
        assert not file_of(empty_url).exists()
        file_of(empty_url).touch()
        with pytest.raises(UnavailableError, match="pbxd db upgrade"):
            await Database.open(empty_url, create=False)


async def test_checking_never_creates_a_database(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="pbxd db upgrade"):
        await schema.check(f"sqlite+aiosqlite:///{tmp_path}/absent.db")
    assert not (tmp_path / "absent.db").exists()


async def test_a_schema_of_a_newer_version_is_refused(url: str) -> None:
    await execute(url, "UPDATE alembic_version SET version_num = '9999'")
    for create in (False, True):
        with pytest.raises(UnavailableError, match=r"newer pbxd \(schema 9999\)"):
            await Database.open(url, create=create)


# The first one goes through all revisions; the others that `make test` tries differ in what becomes of the search.
SOME = {schema.REVISIONS[0], "0016", schema.SEARCH_CHANGED, schema.REVISIONS[-2]}


@pytest.mark.parametrize(
    "older",
    [each if each in SOME else pytest.param(each, marks=pytest.mark.soak) for each in schema.REVISIONS[:-1]],
)
async def test_a_database_of_every_earlier_version_is_brought_up_to_date(empty_url: str, older: str) -> None:
    await migrate(empty_url, older)
    done = await schema.upgrade(empty_url)
    assert (done.before, done.after) == (older, schema.HEAD)
    assert (await schema.check(empty_url)).problems == ()


async def test_the_feed_keeps_its_times_and_numbers(empty_url: str) -> None:
    await migrate(empty_url, "0010")
    for seq, at in ((7, "2026-11-22 08:00:00.000001"), (9, "2026-11-22 09:00:00.250000")):
        row = f"{seq}, '{at}{'' if 'sqlite' in empty_url else '+00'}', 'call.ended', 'id{seq}', '{{}}'"
        await execute(empty_url, f"INSERT INTO feed (seq, at, kind, subject, data) VALUES ({row})")  # noqa: S608 - ours
    await schema.upgrade(empty_url)
    async with await Database.open(empty_url, create=False) as database:
        if database.is_sqlite:  # elsewhere the numbers come from a sequence, which the rows above passed by
            async with database.writing() as connection:
                await tell(connection, [News("a", "next", {})])
        rows = await Feed(database).read(0)
    assert [(row.seq, row.at.isoformat()) for row in rows[:2]] == [
        (7, "2026-11-22T08:00:00.000001+00:00"), (9, "2026-11-22T09:00:00.250000+00:00")
    ]  # fmt: skip
    assert [row.seq for row in rows[2:]] in ([], [10])


@pytest.mark.parametrize(("before", "rebuilt"), [("0016", True), ("0017", False)])
async def test_an_upgrade_tells_of_the_search_only_if_it_makes_it_anew(
    empty_url: str, before: str, *, rebuilt: bool
) -> None:
    await migrate(empty_url, before)
    told: list[Progress] = []
    await schema.upgrade(empty_url, told.append)
    steps = [each for each in told if each.what in {*schema.REVISIONS, "search"}]
    revisions = schema.REVISIONS[schema.REVISIONS.index(before) + 1 :]
    assert list(dict.fromkeys(each.what for each in steps)) == [*revisions, *["search"] * rebuilt]
    assert all(step.done < 1 for step in steps)


async def test_tokens_that_are_there_go_on_acting_for_anybody(empty_url: str) -> None:
    await migrate(empty_url, "0012")
    at = "'2026-01-01 00:00:00.000000'" if "sqlite" in empty_url else "'2026-01-01 00:00:00+00'"
    row = f"INSERT INTO tokens (name, digest, last_four, created) VALUES ('crm', 'x', 'abcd', {at})"  # noqa: S608 - ours
    await execute(empty_url, row)
    await schema.upgrade(empty_url)
    async with await Database.open(empty_url, create=False) as database:
        await Tokens(database).create("new", acting_token("new", "101"))
        old, new = await Tokens(database).list()
    assert (old.actor, old.inherited) == (acting_token("1 crm", acts_for_any=True), True)
    assert (new.actor, new.inherited) == (acting_token("2 new", "101", new.actor.employee), False)


async def test_an_older_schema_is_refused_with_the_command(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, NEXT))
    monkeypatch.setattr(schema, "HEAD", NEXT)
    with pytest.raises(UnavailableError, match=r"older pbxd.*pbxd db upgrade"):
        await Database.open(url, create=False)
    assert "pbxd db upgrade" in (await schema.check(url)).problems[0]


async def test_an_older_sqlite_database_is_copied_before_it_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    async with await Database.open(url, create=True) as database:
        async with database.writing() as connection:
            await tell(connection, [News("a", "kept", {})])
        monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, NEXT))
        monkeypatch.setattr(schema, "HEAD", NEXT)
        done = await schema.upgrade(url)  # while it is open and has a write-ahead log
        monkeypatch.undo()
    assert done.before == schema.HEAD
    assert done.backup is not None
    assert done.backup.parent == tmp_path
    async with await Database.open(f"sqlite+aiosqlite:///{done.backup}", create=False) as copy:
        assert [row.subject for row in await Feed(copy).read(0)] == ["kept"]


def with_a_second_revision(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """Let the next upgrade find one more revision, that does this."""
    migrations = folder / "migrations"
    (migrations / "versions").mkdir(parents=True)
    for file in (schema.MIGRATIONS / "env.py", *(schema.MIGRATIONS / "versions").glob("r*.py")):
        copy = migrations / file.relative_to(schema.MIGRATIONS)
        copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    ids = f'"{NEXT}", "{schema.HEAD}", None, None'
    head = f"from alembic import op\nrevision, down_revision, branch_labels, depends_on = {ids}\n"
    text = head + "def upgrade() -> None:\n" + indent(dedent(body), "    ")
    (migrations / "versions" / "r9999_next.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, NEXT))
    monkeypatch.setattr(schema, "HEAD", NEXT)


async def test_a_failed_upgrade_changes_nothing(
    tmp_path: Path, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A revision that fails half-way must leave neither its first half nor what came before it in the same run."""
    oldest = schema.REVISIONS[0]
    await migrate(empty_url, oldest)
    with_a_second_revision(tmp_path, monkeypatch, 'op.execute("DROP TABLE tokens")\nop.execute("SELECT nonsense")')
    with pytest.raises(Exception, match="nonsense"):
        await schema.upgrade(empty_url)
    monkeypatch.undo()
    assert await schema.revision(parsed(empty_url)) == oldest
    assert (await schema.upgrade(empty_url)).before == oldest
    assert (await schema.check(empty_url)).problems == ()


async def test_rebuilding_a_table_keeps_what_refers_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite alters most things by building the table anew; with foreign keys on that would empty its children."""
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    async with await Database.open(url, create=True) as database:
        contact = await Contacts(database).add(
            ContactDraft("Игорь", numbers=(ContactNumber("+79161234567"),)), actor=ADMINISTRATOR
        )
    rebuild = """
        with op.batch_alter_table("contacts", recreate="always") as contacts:
            contacts.alter_column("position", nullable=True)
    """
    with_a_second_revision(tmp_path, monkeypatch, rebuild)
    async with await Database.open(url, create=True) as database:
        assert await Contacts(database).get(contact.id, actor=ADMINISTRATOR) == contact
        again = await Contacts(database).add(ContactDraft("Олег"), actor=ADMINISTRATOR)
        assert again.id > contact.id
        for search in ("игор", "олег"):  # SQLite drops the index's triggers with the table
            assert (await Contacts(database).page(ContactFilter(search=search), actor=ADMINISTRATOR)).total == 1


async def test_an_upgrade_makes_the_search_from_extensions_and_from_every_field(empty_url: str) -> None:
    fields = BUILT_IN.extended(Field("shoe_size", "text", Texts("Shoe size", "Размер обуви")))
    await migrate(empty_url, "0016")
    rows = {
        "contacts (id, name, folded, search, position, manager, manager_id, vip, comment, visibility, owner_id,"
        " created_by_id, version, created, changed, extra)": "7, 'О’Нил Cергей', '', 'old', '', '', 0, false,"
        """ '', 'shared', 0, 0, 1, '2026-01-01', '2026-01-01', '{"shoe_size": "42 широкая"}'""",
        "contact_numbers (contact_id, number, place, main, typed, extension, label)":
        "7, '+74951234567', 0, true, '', '15', ''",
    }  # fmt: skip
    for table, values in rows.items():
        await execute(empty_url, f"INSERT INTO {table} VALUES ({values})")  # noqa: S608 - ours
    await schema.upgrade(empty_url, fields=fields)
    async with await Database.open(empty_url, create=False, fields=fields) as database:
        contacts = Contacts(database)
        for search in ("О'Нил", "сергей", "sergey", "доб. 15", "широкая"):
            wanted = ContactFilter(search=search)
            assert [found.id for found in (await contacts.page(wanted, actor=ADMINISTRATOR)).items] == [7], search


async def test_contacts_of_an_old_version_are_found_and_sorted(empty_url: str) -> None:
    await migrate(empty_url, "0005")
    rows = {
        "companies (id, name, folded)": "1, 'Ёлка', 'елка'",
        "contacts (id, name, folded, search, company_id, position, manager, vip, comment, visibility, owner,"
        " created_by, version, created, changed)": "7, 'Игорь', 'игорь', '', 1, 'Главный  Инженер', '101', true,"
        " 'перезвонить', 'shared', '', '', 1, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000'",
        "contact_numbers (contact_id, number, place, main, typed, extension, label)": "7, '+79161234567', 1, true,"
        " '', '', ''), (7, '+79161230000', 0, false, '', '', ''",
        "contact_emails (contact_id, place, email)": "7, 0, 'igor@example.com'",
        "contact_tags (contact_id, place, tag, folded)": "7, 0, 'Опт', 'опт'",
    }
    for table, values in rows.items():
        await execute(empty_url, f"INSERT INTO {table} VALUES ({values})")  # noqa: S608 - ours
    await schema.upgrade(empty_url)
    async with await Database.open(empty_url, create=False) as database:
        contacts = Contacts(database)
        searches = ("игор", "елка", "перезв", "1234567", "example", "опт")
        wanted = [ContactFilter(search=search) for search in searches]
        wanted += [ContactFilter(company="ёлка"), ContactFilter(manager="101"), ContactFilter(tag="опт", vip=True)]
        for each in wanted:
            assert [found.id for found in (await contacts.page(each, actor=ADMINISTRATOR)).items] == [7], each
        async with database.reading() as connection:
            sorted_by = "SELECT company_folded, position_folded, main_number FROM contacts"
            assert tuple((await connection.execute(text(sorted_by))).one()) == (
                "елка",
                "главный инженер",
                "+79161234567",
            )


async def test_companies_get_their_keys_and_doubles_stay_two(empty_url: str) -> None:
    await migrate(empty_url, "0015")
    names = ("ООО «Ромашка»", "Ромашка", "ИП Иванов И. И.", "Acme GmbH & Co. KG", "O’Neill Ltd", "Ёлка", "ТОВ Лютик")
    for key, name in enumerate(names, 1):
        await execute(empty_url, f"INSERT INTO companies (id, name, folded) VALUES ({key}, '{name}', '{key}')")  # noqa: S608 - ours
    await schema.upgrade(empty_url)
    async with await Database.open(empty_url, create=False) as database:
        async with database.reading() as connection:
            rows = (await connection.execute(text("SELECT name_key FROM companies ORDER BY id"))).scalars().all()
        assert rows == [company_key(name) for name in names]
        assert [each.id for each in (await Companies(database).doubles())[1]] == [1, 2]


async def test_the_index_of_an_earlier_version_is_made_anew(tmp_path: Path) -> None:
    """S2.17: what a contact is found by changed with 0012."""
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    await migrate(url, "0010")
    with closing(sqlite3.connect(tmp_path / "pbxd.db")) as older:
        older.create_function("pbxd_tokens", 1, lambda _text: "other", deterministic=True)
        for statement in fulltext.SQLITE:  # as 0010 made it, but for the tokens
            older.execute(statement.replace("owner_id = 0", "owner = ''").replace("owner_id", "owner"))
        older.execute(
            "INSERT INTO contacts (name, folded, search, position, manager, vip, comment, visibility, owner,"
            " created_by, version, created, changed) VALUES ('Игорь', 'игорь', '⁰\t игорь\n', '', '', 0, '', 'shared',"
            " '', '', 1, '2026-01-01 00:00:00.000000', '2026-01-01 00:00:00.000000')"
        )
        older.commit()
    async with await Database.open(url, create=True) as database:
        contacts = Contacts(database)
        assert [
            each.name for each in (await contacts.page(ContactFilter(search="игор"), actor=ADMINISTRATOR)).items
        ] == ["Игорь"]
        await contacts.edit(1, {"name": "Олег"}, actor=ADMINISTRATOR)  # takes out the tokens that the upgrade put in
        assert [
            (await contacts.page(ContactFilter(search=text), actor=ADMINISTRATOR)).total for text in ("игор", "олег")
        ] == [0, 1]


async def test_an_upgrade_that_breaks_references_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    async with await Database.open(url, create=True) as database:
        contact = await Contacts(database).add(
            ContactDraft("Игорь", numbers=(ContactNumber("+79161234567"),)), actor=ADMINISTRATOR
        )
    with_a_second_revision(tmp_path, monkeypatch, 'op.execute("DELETE FROM contacts")')
    with pytest.raises(UnavailableError, match="1 broken"):
        await schema.upgrade(url)
    monkeypatch.undo()
    async with await Database.open(url, create=False) as database:
        assert await Contacts(database).get(contact.id, actor=ADMINISTRATOR) == contact


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x/y", "mysql"),
        ("nonsense", "database URL"),
        ("sqlite+aiosqlite://", "path of a file"),
        ("sqlite+aiosqlite:///:memory:", "path of a file"),
        ("sqlite+aiosqlite:///x?mode=ro", "path of a file"),
        ("sqlite+aiosqlite:////no/such/folder/pbxd.db", "/no/such/folder doesn't exist"),
    ],
)
async def test_an_unusable_url_is_the_configurations_fault(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await Database.open(url, create=True)


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "pbxd.db").write_bytes(b"not a database at all, really not" * 100)
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    for asking in (Database.open(url, create=False), Database.open(url, create=True), schema.check(url)):
        with pytest.raises(UnavailableError, match="not a database"):
            await asking


async def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    folder = tmp_path / "Папка %41 #1 &x=y"
    folder.mkdir()
    url = f"sqlite+aiosqlite:///{folder}/книга.db"
    async with await Database.open(url, create=True):
        pass
    assert (folder / "книга.db").stat().st_size > 0
    assert stat.S_IMODE((folder / "книга.db").stat().st_mode) & 0o007 == 0, "people's data is not for everybody to read"


async def test_links_in_the_services_folder_are_not_written_through(tmp_path: Path) -> None:
    """Root runs `db upgrade` there, and the service's user can make links."""
    file, elsewhere, victim = (tmp_path / name for name in ("pbxd.db", "elsewhere", "victim"))
    file.symlink_to(elsewhere)
    with pytest.raises(UnavailableError):
        await schema.upgrade(f"sqlite+aiosqlite:///{file}")
    assert not elsewhere.exists()
    file.unlink()
    (tmp_path / "pbxd.db.made").symlink_to(victim)
    await schema.upgrade(f"sqlite+aiosqlite:///{file}")
    assert not victim.exists()


async def test_a_link_to_a_database_elsewhere_goes_on_working(tmp_path: Path) -> None:
    file, elsewhere = tmp_path / "pbxd.db", tmp_path / "elsewhere.db"
    elsewhere.touch(0o640)
    mode = elsewhere.stat().st_mode
    file.symlink_to(elsewhere)
    url = f"sqlite+aiosqlite:///{file}"
    for before in (None, schema.HEAD):
        assert (await schema.upgrade(url)).before == before
    assert (await schema.check(url)).problems == ()
    assert (file.is_symlink(), elsewhere.stat().st_mode, elsewhere.stat().st_size > 0) == (True, mode, True)


async def test_a_pipe_is_no_database(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pbxd.db")
    with pytest.raises(UnavailableError, match="not a regular file"):
        await asyncio.wait_for(schema.upgrade(f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}"), 10)


async def test_postgresql_out_of_reach() -> None:
    url = "postgresql+asyncpg://pbxd:geheim@/pbxd?host=/no/such/folder"
    with pytest.raises(UnavailableError) as caught:
        await Database.open(url, create=False)
    assert "geheim" not in str(caught.value)


async def test_check_finds_damage(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    await schema.upgrade(url)
    with closing(sqlite3.connect(file_of(url))) as raw, raw:
        raw.execute("INSERT INTO company_numbers (company_id, number) VALUES (77, '+79161234567')")
    health = await schema.check(url)
    assert len(health.problems) == 1
    assert "company_numbers" in health.problems[0]


async def test_backup_of_a_database_in_use(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    target = tmp_path / "копия.db"
    async with await Database.open(url, create=True) as database:
        async with database.writing() as connection:
            await tell(connection, [News("a", "1", {})])
        async with database.writing() as connection:
            await tell(connection, [News("a", "not yet committed", {})])
            await schema.backup(url, target)
        with pytest.raises(ConflictError, match="exists"):
            await schema.backup(url, target)
    async with await Database.open(f"sqlite+aiosqlite:///{target}", create=False) as copy:
        assert [row.subject for row in await Feed(copy).read(0)] == ["1"]
    left = await asyncio.to_thread(lambda: [path.name for path in tmp_path.iterdir()])
    assert not [name for name in left if name.endswith(".part")], "no half copies are left about"
    with pytest.raises(UnavailableError, match="can't be written"):
        await schema.backup(url, tmp_path / "no" / "such" / "folder.db")


async def test_backup_of_postgresql_names_its_own_tool() -> None:
    with pytest.raises(RefusedError, match="pg_dump"):
        await schema.backup("postgresql://pbxd@/pbxd", Path("x"))


async def test_what_stands_under_our_names_already_is_not_taken_for_ours(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    with closing(sqlite3.connect(file_of(url))) as raw, raw:
        raw.execute("CREATE TABLE contacts (name TEXT)")
    with pytest.raises(UnavailableError, match="contacts already exists"):
        await schema.upgrade(url)
    assert await schema.revision(parsed(url)) is None
