"""Pages of contacts, by rank of a search's hits or by a column. A cursor says where the next page goes on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Result,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from pbxd.actor import Actor
from pbxd.storage.index_hints import read_by
from pbxd.storage.search import cursor, filters, plan
from pbxd.storage.search.cursor import Key
from pbxd.storage.search.filters import FOUND, SHARED, ContactFilter, matching, seen_by
from pbxd.storage.search.search_text import terms
from pbxd.storage.search.visibility import HIDDEN, shown
from pbxd.storage.tables import HIGHEST_KEY, clean_text, contacts, favourites, imports

Sorting = Literal["rank", "name", "company", "position", "number", "manager", "vip", "changed", "id"]
SORTINGS: tuple[Sorting, ...] = get_args(Sorting)
FIRST_PART = 100  # of all that are read one after another: soon there
PART = 1000  # those that follow
MOST_COUNTED = 10_000  # hits; more are "more than" so many, unless the exact total is asked for
_COLUMNS = {
    "name": contacts.c.folded, "company": contacts.c.company_folded, "position": contacts.c.position_folded,
    "number": contacts.c.main_number, "manager": contacts.c.manager, "vip": contacts.c.vip,
    "changed": contacts.c.changed, "id": contacts.c.id,
}  # fmt: skip
_ALL = -1  # no limit, on SQLite
# Statements built once: building one takes longer than SQLite needs to run it.
_Statements = tuple[Select[Any], Select[Any]]
_FACTS = select(
    exists().where(imports.c.state.in_(HIDDEN)),
    exists().where(contacts.c.owner_id == bindparam("actor"), contacts.c.owner_id != 0),
    exists().where(favourites.c.employee_id == bindparam("actor")),
    select(func.max(contacts.c.id)).scalar_subquery(),
)


def _asked_of_index(hits: Select[Any]) -> _Statements:
    staged = select(contacts.c.id).where(
        contacts.c.import_id != literal_column("0"), contacts.c.import_id.in_(_HIDDEN_IMPORTS)
    )
    whole = hits.where(filters.MATCHES).limit(bindparam("most"))
    return whole, whole.where(FOUND.c.rowid.not_in(staged))


_HIDDEN_IMPORTS = select(imports.c.id).where(imports.c.state.in_(HIDDEN))
_NEWEST = _asked_of_index(select(FOUND.c.rowid).where(FOUND.c.rowid < bindparam("mark")).order_by(FOUND.c.rowid.desc()))
_OLDEST = _asked_of_index(select(FOUND.c.rowid).where(FOUND.c.rowid > bindparam("mark")).order_by(FOUND.c.rowid))
_everybody, _finished = (hits.subquery() for hits in _asked_of_index(select(FOUND.c.rowid).order_by(FOUND.c.rowid)))
_COUNTED = (
    select(func.count(), func.max(_everybody.c.rowid)), select(func.count(), func.max(_finished.c.rowid))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page: its order, its cursor, its length, and whether the total is counted exactly."""

    sort: Sorting = "rank"  # without a search: by name
    descending: bool = False
    after: str = ""  # `Found.after` of the page before
    limit: int = 50
    exact: bool = False
    counted: bool = True  # whether there is a total at all


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of a page. `more`: there are more hits than `total`. `after`: the cursor of the next page, if any."""

    total: int
    more: bool
    ids: list[int]
    after: str


def page(connection: Connection, wanted: ContactFilter, asked: PageAsked, actor: Actor) -> Found:
    """Return a page of the contacts that match among those the actor sees. Raises InvalidInputError (`after`)."""
    sort = asked.sort if asked.sort != "rank" else ("rank" if terms(wanted.search) else "name")
    seek = _Seek(connection, wanted, actor, sort, asked)
    keys = seek.by_rank() if sort == "rank" else seek.by_column()
    most = None if asked.exact else MOST_COUNTED
    total = seek.count(most) if asked.counted else 0
    more = most is not None and total > most
    kept = keys[: asked.limit]
    after = cursor.written(sort, kept, seek.tied) if len(keys) > asked.limit else ""
    return Found(min(total, most) if most else total, more, [abs(key[-1]) for key in kept], after)


class _Facts(NamedTuple):
    """Facts about the book that decide how a page is read, asked in one statement."""

    staging: bool  # some imports are not finished
    has_own: bool  # the actor has personal contacts
    has_marked: bool  # the actor has favourites
    newest: int | None  # the highest id


class _Seek:
    """One page being read. Keys are tuples in the page's order that end with the id.

    On SQLite shared contacts are found by the full-text index, the actor's own contacts row by row.
    """

    def __init__(
        self, connection: Connection, wanted: ContactFilter, actor: Actor, sort: Sorting, asked: PageAsked
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._actor = actor
        self._sort = sort
        self._descending = asked.descending
        self._length = asked.limit + 1  # the extra one shows whether there is a next page
        self.tied = cursor.bound(wanted, asked.descending)  # of the page's cursors
        self._after = cursor.read(sort, asked.after, self.tied, self._texts)
        self._indexed = connection.dialect.name == "sqlite" and not filters.narrow(wanted)
        self._shared: tuple[int, int] | None = (
            None  # shared contacts that match, and up to which limit they were counted
        )
        self._last_counted: int | None = None  # the newest of them, if any

    def _texts(self, ids: Collection[int]) -> dict[int, str]:
        """Return the texts that contacts are sorted by, of those that the actor sees."""
        wanted = select(contacts.c.id, _COLUMNS[self._sort]).where(contacts.c.id.in_(ids), seen_by(self._actor))
        return {row[0]: row[1] for row in self._connection.execute(wanted)}

    def count(self, most: int | None) -> int:
        """Count the hits, at most one more than `most`."""
        limit = _ALL if most is None else most + 1
        if not self._indexed:
            return self._count(seen_by(self._actor), limit)
        return self._count_found(limit) + (self._count(self._own, limit) if self._facts.has_own else 0)

    def by_column(self) -> list[Key]:
        """Return the keys of the page by a column, ties by id."""
        if not self._indexed:
            return self._sorted(seen_by(self._actor), *self._rows)
        shared = self._by_id() if self._sort == "id" else self._along_column()
        own = self._sorted(self._own, *self._rows) if self._facts.has_own else []
        return sorted([*shared, *own], reverse=self._descending)[: self._length]

    def by_rank(self) -> list[Key]:
        """Return the keys of the page by rank: (rank, no favourite, newest card first).

        The hits of each rank are read in the index's order until the page is full. The actor's own contacts and
        favourites are ranked one by one and merged in.
        """
        if not self._indexed:
            return self._ranked(self._length, seen_by(self._actor), *self._rows)
        beside = self._beside() if self._facts.has_own or self._facts.has_marked else []
        keys = list(filter(self._comes, beside))
        known = {-key[-1] for key in beside}
        total = self._count_found(MOST_COUNTED + 1)
        begin = self._after[0] if self._after else 0
        seen = 0
        for rank in range(begin, filters.FOURTH + 1):
            found = self._of_rank(rank, self._length + len(known))
            keys += [(rank, 1, -each) for each in found if each not in known and self._comes((rank, 1, -each))]
            seen += len(found)
            every = total <= MOST_COUNTED and seen >= total  # otherwise there are more than were counted
            if every or sum(key[0] <= rank for key in keys) >= self._length:
                break
        return sorted(keys)[: self._length]

    def _beside(self) -> list[Key]:
        marked = select(favourites.c.contact_id).where(favourites.c.employee_id == (self._actor.employee or 0))
        near = or_(self._own, and_(seen_by(self._actor), contacts.c.id.in_(marked)))
        return self._ranked(None, near, *self._rows)

    def _comes(self, key: Key) -> bool:
        return self._after is None or key > self._after

    def _count(self, seen: ColumnElement[bool], limit: int) -> int:
        hits = select(literal(1)).select_from(contacts).where(seen, *self._rows)
        hits = hits if limit == _ALL else hits.limit(limit)
        return int(self._connection.execute(select(func.count()).select_from(hits.subquery())).scalar_one())

    def _count_found(self, limit: int) -> int:
        """Count the shared hits up to a limit, once."""
        if self._shared is not None:
            found, most = self._shared
            if most == _ALL or found < most or most >= limit != _ALL:
                return found if limit == _ALL else min(found, limit)
        counted: Sequence[Any] = self._ask_index(_COUNTED, self._expression(), limit).one()
        found, self._last_counted = counted
        self._shared = found, limit
        return int(found)

    def _of_rank(self, rank: int, length: int) -> Sequence[int]:
        """Return the shared hits of one rank, newest card first."""
        query = filters.expression(self._wanted, self._actor, rank)
        below = -self._after[2] if self._after and self._after[:2] == (rank, 1) else HIGHEST_KEY
        return self._ask_index(_NEWEST, query, length, below).scalars().all() if query else ()

    def _by_id(self) -> list[Key]:
        mark = self._after[0] if self._after else HIGHEST_KEY if self._descending else 0
        hits = self._ask_index(_NEWEST if self._descending else _OLDEST, self._expression(), self._length, mark)
        return [(each, each) for each in hits.scalars()]

    def _ask_index(
        self, statements: Sequence[Executable], query: str, most: int, mark: int = HIGHEST_KEY
    ) -> Result[Any]:
        """Run one of two statements: the second leaves out the contacts of unfinished imports."""
        statement = statements[self._facts.staging]
        return self._connection.execute(statement, {"query": clean_text(query), "most": most, "mark": mark})

    @cached_property
    def _rows(self) -> list[ColumnElement[bool]]:
        return matching(self._wanted, self._actor)

    @cached_property
    def _own(self) -> ColumnElement[bool]:
        return and_(shown(), filters.personal(self._actor))

    @cached_property
    def _facts(self) -> _Facts:
        return _Facts(*self._connection.execute(_FACTS, {"actor": self._actor.employee or 0}).one())

    def _expression(self) -> str:
        return filters.expression(self._wanted, self._actor)

    def _ranked(self, length: int | None, *conditions: ColumnElement[bool]) -> list[Key]:
        marked = select(favourites.c.contact_id).where(favourites.c.employee_id == (self._actor.employee or 0))
        rank = filters.rank(terms(self._wanted.search))
        key = (rank, case((contacts.c.id.in_(marked), 0), else_=1), -contacts.c.id)
        hits = select(*key).where(*conditions).order_by(*key).limit(length)
        if self._after and length:
            hits = hits.where(_beyond(key, self._after))
        return [tuple(row) for row in self._connection.execute(hits)]

    def _along_column(self) -> list[Key]:
        """Return the shared hits of the page, read as `plan` says."""
        newest = self._facts.newest or 0
        chosen = plan.choose(self._estimated(newest), newest, self._length)
        hits = contacts.c.id.in_(select(FOUND.c.rowid).where(filters.match(self._expression())))
        if chosen == "hits":
            return self._sorted(shown(), SHARED, hits)
        aside = [hits] if chosen == "index-and-hits" else []
        return self._sorted(shown(), SHARED, *aside, *self._rows, along=True)

    def _estimated(self, newest: int) -> int:
        """Return the number of shared hits, beyond MOST_COUNTED estimated from the newest one counted."""
        found = self._count_found(MOST_COUNTED + 1)
        return found * newest // self._last_counted if found > MOST_COUNTED and self._last_counted else found

    def _sorted(self, *conditions: ColumnElement[bool], along: bool = False) -> list[Key]:
        key = (_COLUMNS[self._sort], contacts.c.id)
        ordered = [part.desc() if self._descending else part for part in key]
        hits = select(*key).where(*conditions).order_by(*ordered).limit(self._length)
        if along:  # otherwise SQLite reads all shared contacts and sorts them
            hits = read_by(hits, contacts, f"ix_contacts_by_{self._sort}")
        if self._after:
            hits = hits.where(_beyond(key, self._after, descending=self._descending))
        return [tuple(row) for row in self._connection.execute(hits)]


def _beyond(key: Sequence[ColumnElement[Any]], after: Key, *, descending: bool = False) -> ColumnElement[bool]:
    row, mark = tuple_(*key), tuple_(*(literal(value, column.type) for value, column in zip(after, key, strict=True)))
    return row < mark if descending else row > mark
