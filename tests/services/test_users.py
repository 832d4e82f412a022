"""Users and sessions as services, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError, WrongLoginError
from pbxd.services.access import users
from pbxd.services.access.passwords import Passwords
from pbxd.services.access.sessions import UserSessions
from pbxd.services.access.users import InviteUser
from pbxd.services.workspace import Workspace
from pbxd.settings import UserSettings
from pbxd.storage.access.tokens import Tokens, digest
from pbxd.storage.book.employees import Employees
from pbxd.storage.tables import invitations, sessions
from pbxd.storage.tables import users as user_table
from tests.actors import ADMINISTRATOR, acting_token, agent

PASSWORD = "корова 7 лошадь"
HERE, THERE = "192.0.2.1", "198.51.100.7"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Office:
    """Employees 101 and 102, and those who sign in."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace, self.clock, self.settings = workspace, Clock(), UserSettings()
        self.sessions = UserSessions(workspace.database, lambda: self.settings, Passwords(QUICK), self.clock)

    async def invite(self, who: str, role: str = "agent") -> users.Invited:
        return await users.invite(self.workspace, ADMINISTRATOR, InviteUser(who=who, role=role))

    async def let_in(self, who: str, role: str = "agent") -> str:
        """Invite somebody who sets the password at once; return the session."""
        return (await self.sessions.accept((await self.invite(who, role)).plain, PASSWORD, HERE)).plain

    async def actor(self, plain: str) -> Actor | None:
        return await self.sessions.verify(plain)


@pytest.fixture
async def office(workspace: Workspace) -> Office:
    people = [
        Employee("101", "Иванова Анна", email="Anna@example.org"),
        Employee("102", "Петров Пётр", email="sales@example.org"),
        Employee("103", "Сидоров Сидор", email="sales@example.org"),
    ]
    await Employees(workspace.database).upsert(people, source="list")
    return Office(workspace)


async def test_who_is_invited_sets_a_password_and_signs_in_by_extension_or_email(office: Office) -> None:
    made = await office.invite("101", "supervisor")
    assert (made.user.login, made.user.role, made.user.has_password) == ("101", "supervisor", False)
    assert made.path == f"/invitation/{made.plain}"
    for _look in range(2):
        assert (await office.sessions.invited(made.plain)).extension == "101"
    first = await office.sessions.accept(made.plain, PASSWORD, HERE)
    for login in ("101", " 101 ", "anna@EXAMPLE.org"):
        session = await office.sessions.sign_in(login, PASSWORD, HERE)
        actor = await office.actor(session.plain)
        assert actor is not None
        assert (actor.extension, actor.role, actor.user) == ("101", "supervisor", made.user.id)
        assert "queues:move" in actor.scopes
        assert "admin" not in actor.scopes
        assert not actor.acts_for_any
    assert await office.actor(first.plain), "another sign-in ends nothing"


async def test_an_administrator_needs_no_phone(office: Office) -> None:
    session = await office.let_in("Boss@Example.org", "administrator")
    actor = await office.actor(session)
    assert actor is not None
    assert (actor.employee, actor.extension, actor.is_administrator, actor.source) == (
        None, "", True, "user boss@example.org",
    )  # fmt: skip
    assert (await users.named(office.workspace, ADMINISTRATOR, "boss@example.org")).role == "administrator"


async def test_an_employees_email_or_name_names_the_employee(office: Office) -> None:
    assert (await office.invite("anna@example.org")).user.extension == "101"
    assert (await users.named(office.workspace, ADMINISTRATOR, "Иванова Анна")).extension == "101"
    assert (await office.invite("Петров Пётр")).user.extension == "102"
    for nobody in ("sales@example.org", "Никто Никакой", "", "1@", "a b@c.d"):
        with pytest.raises(InvalidInputError):
            await office.invite(nobody)
    with pytest.raises(InvalidInputError):
        await office.invite("103", "king")


async def test_an_email_of_several_signs_nobody_in(office: Office) -> None:
    await office.let_in("102")
    await office.sessions.sign_in("sales@example.org", PASSWORD, HERE)
    await office.let_in("103")
    with pytest.raises(WrongLoginError):
        await office.sessions.sign_in("sales@example.org", PASSWORD, HERE)
    with pytest.raises(InvalidInputError):
        await users.named(office.workspace, ADMINISTRATOR, "sales@example.org")


async def test_an_invitation_opens_once_and_for_a_week(office: Office) -> None:
    made = await office.invite("101")
    for weak in ("short", "1234567890", "йцукенгшщз", "aaaaaaaaaaaa", "ababababababab", "иванова анна", "x" * 201):
        with pytest.raises(InvalidInputError):
            await office.sessions.accept(made.plain, weak, HERE)
    await office.sessions.accept(made.plain, PASSWORD, HERE)
    for plain in (made.plain, "", "x", made.plain[:-1], digest(made.plain)):
        with pytest.raises(NotFoundError):
            await office.sessions.invited(plain)
        with pytest.raises(NotFoundError):
            await office.sessions.accept(plain, PASSWORD, HERE)
    late = await office.invite("102")
    assert timedelta(days=6, hours=23) < late.expires - datetime.now(UTC) <= timedelta(days=7)
    async with office.workspace.database.writing() as connection:
        await connection.execute(update(invitations).values(expires=datetime.now(UTC) - timedelta(seconds=1)))
    with pytest.raises(NotFoundError):
        await office.sessions.accept(late.plain, PASSWORD, HERE)


async def test_another_invitation_ends_the_one_before(office: Office) -> None:
    first, second = await office.invite("101"), await office.invite("101", "supervisor")
    with pytest.raises(NotFoundError):
        await office.sessions.invited(first.plain)
    assert (await office.sessions.invited(second.plain)).role == "supervisor"
    await office.sessions.accept(second.plain, PASSWORD, HERE)
    with pytest.raises(ConflictError):
        await office.invite("101", "administrator")
    assert (await users.named(office.workspace, ADMINISTRATOR, "101")).role == "supervisor"


async def end_right(office: Office, how: str, user: int) -> None:
    employees = Employees(office.workspace.database)
    match how:
        case "reset":
            await users.reset(office.workspace, ADMINISTRATOR, user)
        case "block":
            await users.block(office.workspace, ADMINISTRATOR, user)
        case "role":
            await users.set_role(office.workspace, ADMINISTRATOR, user, "supervisor")
        case "sign out":
            await users.end_sessions(office.workspace, ADMINISTRATOR, user)
        case "leave":
            await employees.retire(["101"])
        case "pass on":
            await employees.upsert([Employee("101", "Кузнецова Мария")], source="hand")
        case _:
            pytest.fail(how)


@pytest.mark.parametrize("how", ["reset", "block", "role", "sign out", "leave", "pass on"])
async def test_what_ends_a_right_ends_all_sessions_at_once(office: Office, how: str) -> None:
    await office.let_in("101")
    open_ = [(await office.sessions.sign_in("101", PASSWORD, HERE)).plain for _ in range(2)]
    other = await office.let_in("102")
    await end_right(office, how, (await users.named(office.workspace, ADMINISTRATOR, "101")).id)
    assert [await office.actor(plain) for plain in open_] == [None, None]
    assert await office.actor(other), "nobody else's"
    if how in {"role", "sign out"}:
        await office.sessions.sign_in("101", PASSWORD, HERE)
    else:
        with pytest.raises(WrongLoginError):
            await office.sessions.sign_in("101", PASSWORD, HERE)


async def test_who_comes_back_signs_in_again(office: Office) -> None:
    before = await office.let_in("101")
    await Employees(office.workspace.database).retire(["101"])
    await Employees(office.workspace.database).upsert([Employee("101", "Иванова Анна")], source="list")
    assert await office.actor(before) is None
    await office.sessions.sign_in("101", PASSWORD, HERE)


async def test_a_reset_password_is_void_and_another_can_be_set(office: Office) -> None:
    await office.let_in("101")
    user = await users.named(office.workspace, ADMINISTRATOR, "101")
    made = await users.reset(office.workspace, ADMINISTRATOR, user.id)
    with pytest.raises(WrongLoginError):
        await office.sessions.sign_in("101", PASSWORD, HERE)
    await office.sessions.accept(made.plain, PASSWORD + "!", HERE)
    await office.sessions.sign_in("101", PASSWORD + "!", HERE)


async def test_a_block_ends_an_open_invitation_and_an_invitation_a_block(office: Office) -> None:
    made = await office.invite("101")
    await users.block(office.workspace, ADMINISTRATOR, made.user.id)
    with pytest.raises(NotFoundError):
        await office.sessions.accept(made.plain, PASSWORD, HERE)
    with pytest.raises(ConflictError):
        await users.reset(office.workspace, ADMINISTRATOR, made.user.id)
    assert await office.actor(await office.let_in("101"))


async def test_a_token_goes_with_the_role_and_the_block_of_its_employee(office: Office) -> None:
    tokens = Tokens(office.workspace.database)
    _id, plain = await tokens.create("crm", acting_token("crm", "101"))

    async def token_role() -> str:
        token = (await tokens.by_digest())[digest(plain)]
        return token.actor.role if token.opens(datetime.now(UTC)) else "closed"

    assert await token_role() == "agent"
    user = (await office.invite("101", "supervisor")).user
    assert await token_role() == "supervisor"
    await users.set_role(office.workspace, ADMINISTRATOR, user.id, "administrator")
    assert await token_role() == "administrator"
    await users.block(office.workspace, ADMINISTRATOR, user.id)
    assert await token_role() == "closed"


async def test_a_token_of_nobody_has_the_role_its_scopes_need(office: Office) -> None:
    tokens = Tokens(office.workspace.database)
    await office.let_in("boss@example.org", "administrator")  # whose employee is nobody too
    made = {
        "agent": frozenset({"calls:read", "metrics"}), "supervisor": frozenset({"queues:move"}),
        "administrator": frozenset({"admin", "lookup"}),
    }  # fmt: skip
    for role, scopes in made.items():
        await tokens.create(role, acting_token("x", scopes=scopes))  # type: ignore[arg-type]
    assert {token.name: token.actor.role for token in await tokens.list()} == {role: role for role in made}


async def test_a_user_follows_an_employee_who_turns_out_to_be_another(office: Office) -> None:
    session = await office.let_in("101")
    employees = Employees(office.workspace.database)
    await employees.upsert([Employee("101", "Кузнецова Мария")], source="hand")
    assert await office.actor(session) is None
    await office.let_in("101")  # Мария
    await employees.same_person("101")
    assert [user.name for user in await users.find(office.workspace, ADMINISTRATOR)] == ["Кузнецова Мария"]
    await office.sessions.sign_in("101", PASSWORD, HERE)


async def test_sessions_end_when_idle_and_in_any_case_after_some_time(office: Office) -> None:
    session = await office.let_in("101")
    now = datetime.now(UTC)

    async def aged(*, used: timedelta, created: timedelta) -> bool:
        async with office.workspace.database.writing() as connection:
            await connection.execute(update(sessions).values(used=now - used, created=now - created))
        return await office.actor(session) is not None

    assert await aged(used=timedelta(minutes=719), created=timedelta(days=29))
    office.sessions._used.clear()
    assert not await aged(used=timedelta(minutes=721), created=timedelta(days=1))
    assert not await aged(used=timedelta(0), created=timedelta(days=31))
    office.settings = UserSettings(session_idle_minutes=1, session_days=365)
    assert await aged(used=timedelta(seconds=50), created=timedelta(days=300))
    assert not await aged(used=timedelta(seconds=70), created=timedelta(0))
    await office.sessions._clear()
    async with office.workspace.database.reading() as connection:
        assert (await connection.execute(select(sessions.c.id))).all() != [], "a minute may not be written down yet"
    assert not await aged(used=timedelta(minutes=3), created=timedelta(0))
    await office.sessions._clear()
    async with office.workspace.database.reading() as connection:
        assert (await connection.execute(select(sessions.c.id))).all() == []


async def test_signing_in_ends_the_session_that_was_there(office: Office) -> None:
    before = await office.let_in("101")
    after = (await office.sessions.sign_in("101", PASSWORD, HERE, before)).plain
    assert after != before
    assert await office.actor(before) is None
    await office.sessions.sign_out(after)
    await office.sessions.sign_out("whatever")
    assert await office.actor(after) is None


async def test_nothing_secret_is_kept(office: Office) -> None:
    made = await office.invite("102")
    session = await office.let_in("101")
    kept: list[object] = []
    async with office.workspace.database.reading() as connection:
        for table in (user_table, invitations, sessions):
            kept += (await connection.execute(select(table))).all()
    text = repr(kept)
    assert "$argon2id$" in text
    assert not [secret for secret in (made.plain, session, PASSWORD) if secret in text]


async def test_only_administrators_have_users(office: Office) -> None:
    me = await office.actor(await office.let_in("101", "supervisor"))
    assert me is not None
    assert me.user is not None
    other = (await office.invite("102")).user.id
    for actor in (me, agent("101"), acting_token("crm")):
        for ask in (
            users.find(office.workspace, actor),
            users.invite(office.workspace, actor, InviteUser(who="103")),
            users.set_role(office.workspace, actor, me.user, "administrator"),
            users.block(office.workspace, actor, other),
            users.reset(office.workspace, actor, other),
            users.end_sessions(office.workspace, actor, other),
        ):
            with pytest.raises(RefusedError, match="administrator"):
                await ask
    await users.end_sessions(office.workspace, me, me.user)
    for unknown in (0, 99, 2**64):
        with pytest.raises(NotFoundError):
            await users.block(office.workspace, ADMINISTRATOR, unknown)


async def test_guessing_is_delayed_for_the_login_and_not_for_the_office(office: Office) -> None:
    await office.let_in("101")
    await office.let_in("102")
    waits: list[float] = []
    for _guess in range(8):
        try:
            await office.sessions.sign_in("101", "wrong", HERE)
        except WrongLoginError:
            waits.append(0.0)
        except RefusedError as error:
            waits.append(error.retry_after or 0)
            office.clock.now += error.retry_after or 0
    assert waits == [0, 0, 0, 0, 0, 1, 0, 2]
    with pytest.raises(WrongLoginError):
        await office.sessions.sign_in("101", "wrong", HERE)
    with pytest.raises(RefusedError, match="too many attempts"):
        await office.sessions.sign_in("101", PASSWORD, HERE)
    await office.sessions.sign_in("102", PASSWORD, HERE)


async def test_attempts_are_counted(office: Office) -> None:
    await office.let_in("101")
    for _guess in range(7):
        with pytest.raises(RefusedError):
            await office.sessions.sign_in("101", "wrong", HERE)
    counts, _open = office.sessions.readings()
    assert counts.read() == {"begun": 1, "refused": 5, "delayed": 2}


async def test_a_dated_hash_is_made_anew(office: Office) -> None:
    await office.let_in("101")
    newer = UserSessions(
        office.workspace.database, lambda: office.settings, Passwords(PasswordHasher(1, 16, 1)), office.clock
    )
    await newer.sign_in("101", PASSWORD, HERE)
    async with office.workspace.database.reading() as connection:
        (hashed,) = (await connection.execute(select(user_table.c.password))).scalars()
    assert "m=16,t=1,p=1" in hashed
    await newer.sign_in("101", PASSWORD, HERE)


async def test_language_and_theme_are_the_user_s_own(office: Office) -> None:
    anna, peter = [await office.actor(await office.let_in(who)) for who in ("101", "102")]
    assert anna
    assert peter
    for language, theme in (("en", "dark"), ("ru", "auto")):
        await users.set_looks(office.workspace, anna, language, theme)
        begun = await office.sessions.sign_in("101", PASSWORD, HERE)
        assert (begun.user.language, begun.user.theme) == (language, theme)
    hers, his = [await users.own(office.workspace, each) for each in (anna, peter)]
    assert [(each.language, each.theme) for each in (hers, his) if each] == [("ru", "auto"), ("", "")]
    for wrong, field in ((("de", "auto"), "language"), (("ru", "pink"), "theme")):
        with pytest.raises(InvalidInputError) as error:
            await users.set_looks(office.workspace, anna, *wrong)
        assert error.value.field == field
    await users.set_looks(office.workspace, ADMINISTRATOR, "en", "dark")  # a program is no user
