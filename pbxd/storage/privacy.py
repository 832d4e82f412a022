"""Export or erase everything about one client (152-ФЗ, GDPR): their cards, and every call with them.

Calls of an erased client stay in the statistics: when, how long, with which employee, how they ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Table, Text, and_, cast, delete, false, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import DAEMON
from pbxd.book.contacts import Contact, ContactNumber, contact_json
from pbxd.calls.masking import Mask
from pbxd.errors import ConflictError
from pbxd.i18n import _
from pbxd.numbers import NumberRules
from pbxd.storage.book.company_rows import check_version
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.call_rows import record_of
from pbxd.storage.calls.external_ids import external_of_calls
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.engine.progress import Report, silent
from pbxd.storage.imports.imports import refuse_under_way
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.tables import calls, contact_changes, contacts, feed, import_changes, number_holdings, request_keys

_WINDOW = 20_000  # rows read at a time
_WRITTEN = 50  # rows changed in one transaction: other writers wait meanwhile


@dataclass(frozen=True, slots=True)
class Client:
    """The client, and what belongs to them."""

    numbers: tuple[str, ...]  # numbers of this client alone
    cards: tuple[Contact, ...] = ()  # shared cards about this client alone
    mentioned: tuple[Contact, ...] = ()  # cards of others that also have one of the numbers
    left_out: tuple[str, ...] = ()  # numbers that others have too, such as the company's


@dataclass(frozen=True, slots=True)
class Erased:
    """How much was erased."""

    contacts: int
    personal_contacts: int
    contacts_changed: int
    calls: int
    feed: int
    uploads: int = 0  # uploaded files, deleted by the caller


class Privacy:
    """One client's data, for an administrator, who does not see personal contacts, but erases them."""

    def __init__(self, database: Database, rules: NumberRules) -> None:
        self._database, self._rules = database, rules
        self._contacts = Contacts(database)

    async def by_number(self, number: str) -> Client:
        """Return the client with this number. Cards that also have other numbers belong to others who mention it."""
        cards = await self._having(number)
        only = tuple(card for card in cards if {each.number for each in card.numbers} == {number})
        return Client((number,), only, tuple(card for card in cards if card not in only))

    async def by_card(self, card: Contact) -> Client:
        """Return the client of a card. A number that another card has too does not belong to this client alone."""
        held = select(number_holdings.c.number).where(number_holdings.c.contact_id == card.id)
        async with self._database.reading() as connection:
            past = list((await connection.execute(held)).scalars())
        own: list[str] = []
        others: list[str] = []
        for number in dict.fromkeys([*(each.number for each in card.numbers), *past]):
            shared = [each for each in await self._having(number) if each.id != card.id]
            (others if shared else own).append(number)
        return Client(tuple(own), (card,), left_out=tuple(others))

    async def export(self, client: Client, progress: Report = silent) -> dict[str, Any]:
        """Return everything about the client, as JSON. `progress`: how much of the history is searched."""
        found: list[dict[str, Any]] = []
        total = await self._last(calls)
        mask = Mask(client.numbers, self._rules)
        async for rows in self._found(calls, mask, lambda done: progress(done, total)):
            records = [record_of(row) for row in rows if row.merged_into is None]
            named = await self._database.ask(external_of_calls, [record.id for record in records])
            found += [record.to_json() | {"external": named.get(record.id, {})} for record in records]
        external = await self._contacts.external([card.id for card in client.cards])
        return {
            "numbers": list(client.numbers),
            "numbers_shared_with_others": list(client.left_out),
            "contacts": [
                contact_json(card, self._database.fields) | {"external": external.get(card.id, {})}
                for card in client.cards
            ],
            "changes": await self._changes(client),
            "numbers_held": await self._numbers_held(client),
            "calls": sorted(found, key=lambda call: (call["started"], call["id"])),
        }

    async def check(self, client: Client) -> None:
        """Raise ConflictError while the client is on the phone: the daemon would write the number again.

        Also while an import is written, which may bring the client back, and if one of their cards has changed since it
        was shown: it may belong to somebody else by now. Raises NotFoundError if a card is gone.
        """
        await self._refuse_under_way(Mask(client.numbers, self._rules))
        await refuse_under_way(self._database)
        for card in client.cards:
            check_version((await self._contacts.get(card.id, actor=DAEMON)).version, card.version)

    async def erase(self, client: Client, *, by: str, uploads: int = 0, progress: Report = silent) -> Erased:
        """Erase it, some rows a transaction. The feed notes it without the client. After a failure it can be repeated.

        The cards go last: until then a client who is named by a card is found again.
        `uploads`: uploaded files that were deleted, for the note. `progress`: how much of the history and the feed is
        searched. Raises what `check` raises.
        """
        await self.check(client)
        mask = Mask(client.numbers, self._rules)
        masked, told = await self._mask(mask, progress)
        personal = 0
        for number in client.numbers:
            personal += await self._contacts.erase_personal(number=number, by=by)
        for card in client.mentioned:
            await self._contacts.edit(card.id, lambda now: {"numbers": _without(now, client.numbers)}, actor=DAEMON)
        await self._forget_answers(client, mask)
        await self._forget_cards(client, mask)
        for card in client.cards:  # only as it was shown
            await self._contacts.delete(card.id, actor=DAEMON, version=card.version)
        erased = Erased(len(client.cards), personal, len(client.mentioned), masked, told, uploads)
        async with self._database.writing() as connection:
            await tell(connection, [News("privacy.erased", "", {**asdict(erased), "by": by})])
        return erased

    async def _mask(self, mask: Mask, progress: Report) -> tuple[int, int]:
        """Mask the numbers in calls and the feed. Return how many rows of each."""
        of_calls = await self._last(calls)
        total = of_calls + await self._last(feed)
        masked = told = 0
        async for rows in self._found(calls, mask, lambda done: progress(done, total)):
            masked += await self._write(rows, mask)
        async for rows in self._found(feed, mask, lambda done: progress(of_calls + done, total)):
            told += await self._retell(rows, mask)
        return masked, told

    async def _changes(self, client: Client) -> list[dict[str, Any]]:
        """Return the changes of the client's cards that an administrator may see."""
        return [
            {"contact": card.id, **asdict(change), "at": change.at.isoformat()}
            for card in client.cards
            for change in await self._contacts.history(card.id, actor=DAEMON)
        ]

    async def _numbers_held(self, client: Client) -> list[dict[str, Any]]:
        """Return when cards had the client's numbers, without personal contacts."""
        held = (number_holdings.c.number, number_holdings.c.since, number_holdings.c.until)
        personal = select(contacts.c.id).where(contacts.c.visibility == "personal")
        wanted = select(*held).where(
            number_holdings.c.number.in_(client.numbers), number_holdings.c.contact_id.not_in(personal)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(wanted.order_by(*held[:2]))).all()
        return [
            {"number": row.number, "since": row.since.isoformat(), "until": row.until and row.until.isoformat()}
            for row in rows
        ]

    async def _having(self, number: str) -> Sequence[Contact]:
        return (await self._contacts.list(ContactFilter(number=number), actor=DAEMON))[1]

    async def _refuse_under_way(self, mask: Mask) -> None:
        wanted = select(calls).where(calls.c.ended.is_(None), calls.c.merged_into.is_(None))
        async with self._database.reading() as connection:
            lasting = await connection.execute(wanted)
            if any(_names(row, calls, mask) for row in lasting):
                raise ConflictError(_("a call with this client is under way: erase them when it is over"))

    async def _forget_cards(self, client: Client, mask: Mask) -> None:
        ids = [card.id for card in client.cards]
        async with self._database.writing() as connection:
            held = number_holdings.c.number.in_(client.numbers)
            holders = select(number_holdings.c.contact_id).where(held)
            mentioned = {*(await connection.execute(holders)).scalars(), *(card.id for card in client.mentioned)}
            for table, columns in (
                (contact_changes, [contact_changes.c.fields]),
                (import_changes, [import_changes.c.before, import_changes.c.changes]),
            ):
                # The changes of a deleted contact belong to the client too: no card has them any more.
                theirs = or_(table.c.contact_id.in_(mentioned), table.c.contact_id.not_in(select(contacts.c.id)))
                await _delete_naming(connection, columns, mask, theirs)
                await connection.execute(delete(table).where(table.c.contact_id.in_(ids)))
            await connection.execute(delete(number_holdings).where(held))

    async def _forget_answers(self, client: Client, mask: Mask) -> None:
        """Delete kept answers to requests that made or changed the client's cards; a repeated request is a new one."""
        headers = cast(request_keys.c.headers, Text)
        about = [headers.like(f'%/contacts/{card.id}"%') for card in (*client.cards, *client.mentioned)]
        async with self._database.writing() as connection:
            await _delete_naming(connection, [request_keys.c.body], mask)
            await connection.execute(delete(request_keys).where(or_(false(), *about)))

    async def _last(self, table: Table) -> int:
        """Return the number of the last row."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(func.max(table.c.seq)))).scalar() or 0

    async def _found(
        self, table: Table, mask: Mask, progress: Callable[[int], None]
    ) -> AsyncIterator[Sequence[Row[Any]]]:
        """Yield the rows that mention one of the numbers anywhere, read from the first to the last."""
        says = _ends_like([table.c.record if table is calls else table.c.data], mask)
        if table is calls:
            says += [calls.c[side].in_(mask.numbers) for side in ("caller_number", "callee_number")]
        last = await self._last(table)
        for start in range(0, last + 1, _WINDOW) if mask.tails else ():
            async with self._database.reading() as connection:
                window = table.c.seq.between(start, start + _WINDOW - 1)
                found = await connection.execute(select(table).where(window, or_(*says)))
                rows = [row for row in found if _names(row, table, mask)]
            for first in range(0, len(rows), _WRITTEN):
                yield rows[first : first + _WRITTEN]
            progress(min(start + _WINDOW, last))

    async def _write(self, rows: Sequence[Row[Any]], mask: Mask) -> int:
        """Mask calls in their present state: some have been written again since, or had other numbers masked."""
        async with self._database.writing() as connection:
            for row in await _again(connection, calls, rows):
                values = {
                    "record": mask.record(row.record, row.linkedid),
                    "caller_number": mask.number(row.caller_number),
                    "callee_number": mask.number(row.callee_number),
                }
                await connection.execute(update(calls).where(calls.c.seq == row.seq).values(values))
        return len(rows)

    async def _retell(self, rows: Sequence[Row[Any]], mask: Mask) -> int:
        async with self._database.writing() as connection:
            for row in await _again(connection, feed, rows):
                await connection.execute(update(feed).where(feed.c.seq == row.seq).values(data=mask.value(row.data)))
        return len(rows)


async def _again(connection: AsyncConnection, table: Table, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Read rows again in the transaction that changes them."""
    wanted = select(table).where(table.c.seq.in_([row.seq for row in rows])).order_by(table.c.seq)
    return (await connection.execute(wanted)).all()


def _ends_like(columns: Sequence[ColumnElement[Any]], mask: Mask) -> list[ColumnElement[bool]]:
    """Return conditions for rows in which digits may be one of the numbers; the mask knows whether they are."""
    return [cast(column, Text).like(f"%{tail}%") for column in columns for tail in mask.tails]


def _names(row: Row[Any], table: Table, mask: Mask) -> bool:
    """Tell whether a row of calls or of the feed has one of the numbers."""
    if table is feed:
        return bool(mask.value(row.data) != row.data)
    sides = {row.caller_number, row.callee_number}
    return bool(sides & mask.numbers) or mask.record(row.record, row.linkedid) != row.record


async def _delete_naming(
    connection: AsyncConnection, columns: Sequence[Column[Any]], mask: Mask, among: ColumnElement[bool] | None = None
) -> None:
    """Delete the rows of a table that have one of the numbers in these columns."""
    table = columns[0].table
    keys = list(table.primary_key)
    wanted = select(*keys, *columns).where(or_(false(), *_ends_like(columns, mask)))
    for row in (await connection.execute(wanted if among is None else wanted.where(among))).all():
        key, told = row[: len(keys)], row[len(keys) :]
        if any(mask.value(each) != each for each in told):
            same = [column == value for column, value in zip(keys, key, strict=True)]
            await connection.execute(delete(table).where(and_(*same)))


def _without(card: Contact, numbers: Sequence[str]) -> tuple[ContactNumber, ...]:
    return tuple(each for each in card.numbers if each.number not in numbers)
