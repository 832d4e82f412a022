"""Pages of contacts: by rank of a search's hits, or by a column; each goes on where the one before ended."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage import finding
from pbxd.storage.finding import FOUND, SHARED, ContactFilter, matching, seen_by
from pbxd.storage.staging import shown
from pbxd.storage.tables import contacts, favourites
from pbxd.storage.words import terms

Sorting = Literal["rank", "name", "company", "position", "number", "manager", "vip", "changed", "id"]
SORTINGS: tuple[Sorting, ...] = get_args(Sorting)
_FEW = 500  # hits of a search: so many are ranked one by one
MOST_COUNTED = 10_000  # hits; more are "more than" so many, unless the exact total is asked for
_COLUMNS = {
    "name": contacts.c.folded, "company": contacts.c.company_folded, "position": contacts.c.position_folded,
    "number": contacts.c.main_number, "manager": contacts.c.manager, "vip": contacts.c.vip,
    "changed": contacts.c.changed, "id": contacts.c.id,
}  # fmt: skip
_Key = tuple[Any, ...]
_KINDS: dict[str, tuple[type, ...]] = {
    "rank": (int, int, int), "vip": (bool, int), "changed": (datetime, int), "id": (int, int)
}  # fmt: skip
_HIGHEST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page: sorted how, after which one, how long, and whether the total is to be counted to its end."""

    sort: Sorting = "rank"  # without a search: by name
    descending: bool = False
    after: str = ""  # `Found.after` of the page before
    limit: int = 50
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The ids of a page; `more`: there are more hits than `total`; `after`: where the next page goes on, if any."""

    total: int
    more: bool
    ids: list[int]
    after: str


async def page(connection: AsyncConnection, wanted: ContactFilter, asked: PageAsked, actor: str) -> Found:
    """Return a page of the contacts that match among those the actor sees. Raises InvalidInputError (`after`)."""
    sort = asked.sort if asked.sort != "rank" else ("rank" if terms(wanted.search) else "name")
    seek = _Seek(connection, wanted, actor, sort, asked)
    keys = await (seek.by_rank() if sort == "rank" else seek.by_column())
    most = None if asked.exact else MOST_COUNTED
    total = await seek.count(most)
    more = most is not None and total > most
    kept = keys[: asked.limit]
    after = _written(sort, kept[-1]) if len(keys) > asked.limit else ""
    return Found(min(total, most) if most else total, more, [abs(key[-1]) for key in kept], after)


class _Seek:
    """One page being sought. Keys are tuples that end with the id, in the page's order."""

    def __init__(
        self, connection: AsyncConnection, wanted: ContactFilter, actor: str, sort: Sorting, asked: PageAsked
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._actor = actor
        self._sort = sort
        self._descending = asked.descending
        self._length = asked.limit + 1  # one more tells whether there is a next page
        self._after = _read(sort, asked.after)
        self._rows = matching(wanted, actor)
        self._indexed = connection.dialect.name == "sqlite" and not finding.narrow(wanted)
        self._own = and_(shown(), finding.personal(actor))
        self._unfinished: list[int] | None = None  # imports, once they were asked for
        self._shared: int | None = None  # how many shared contacts match, once all were counted

    async def count(self, most: int | None) -> int:
        """Count the hits, at most one more than `most`."""
        limit = None if most is None else most + 1
        if not self._indexed:
            return await self._count(seen_by(self._actor), limit)
        shared = self._shared if self._shared is not None else await self._count_found(limit)
        return shared + (await self._count(self._own, limit) if self._actor else 0)

    async def by_column(self) -> list[_Key]:
        """Return the keys of the page by a column, ties by id."""
        if not self._indexed:
            return await self._sorted(seen_by(self._actor), *self._rows)
        walk = await self._walk()
        shared = await self._sorted(shown(), SHARED, *walk, along=walk is self._rows)
        own = await self._sorted(self._own, *self._rows) if self._actor else []
        return sorted([*shared, *own], reverse=self._descending)[: self._length]

    async def by_rank(self) -> list[_Key]:
        """Return the keys of the page by rank: (rank, no favourite, newest card first)."""
        if not self._indexed:
            return await self._ranked(self._length, seen_by(self._actor), *self._rows)
        few = max(_FEW, 2 * self._length)
        shared = await self._count_found(few)
        if shared < few:  # so few that they are ranked one by one
            self._shared = shared
            found = contacts.c.id.in_(select(FOUND.c.rowid).where(finding.match(self._expression())))
            keys = await self._ranked(self._length, shown(), SHARED, found)
            own = await self._ranked(self._length, self._own, *self._rows) if self._actor else []
            return sorted([*keys, *own])[: self._length]
        return await self._many_by_rank()

    async def _many_by_rank(self) -> list[_Key]:
        """Take the hits of each rank in the index's order until there is a page; what stands beside goes in between."""
        marked = select(favourites.c.contact_id).where(favourites.c.extension == self._actor)
        near = or_(self._own, and_(seen_by(self._actor), contacts.c.id.in_(marked)))
        beside = await self._ranked(None, near, *self._rows) if self._actor else []
        keys = list(filter(self._comes, beside))
        known = {-key[-1] for key in beside}
        begin = self._after[0] if self._after else 0
        for rank in range(begin, finding.FOURTH + 1):
            found = await self._found(rank, self._length + len(known))
            keys += [(rank, 1, -each) for each in found if each not in known and self._comes((rank, 1, -each))]
            if sum(key[0] <= rank for key in keys) >= self._length:
                break
        return sorted(keys)[: self._length]

    def _comes(self, key: _Key) -> bool:
        return self._after is None or key > self._after

    async def _count(self, seen: ColumnElement[bool], limit: int | None) -> int:
        hits = select(literal(1)).select_from(contacts).where(seen, *self._rows).limit(limit)
        return int((await self._connection.execute(select(func.count()).select_from(hits.subquery()))).scalar_one())

    async def _count_found(self, limit: int | None) -> int:
        hits = select(literal(1)).select_from(FOUND).where(finding.match(self._expression()), *await self._in_book())
        counted = select(func.count()).select_from(hits.limit(limit).subquery())
        return int((await self._connection.execute(counted)).scalar_one())

    async def _found(self, rank: int, length: int) -> Sequence[int]:
        """Return shared hits of one rank, the newest card first."""
        query = finding.expression(self._wanted, self._actor, rank)
        hits = select(FOUND.c.rowid).where(finding.match(query), *await self._in_book())
        if self._after and self._after[:2] == (rank, 1):
            hits = hits.where(FOUND.c.rowid < -self._after[2])
        return (await self._connection.execute(hits.order_by(FOUND.c.rowid.desc()).limit(length))).scalars().all()

    async def _in_book(self) -> list[ColumnElement[bool]]:
        """Leave out the contacts of imports that aren't finished; the index has them already."""
        if self._unfinished is None:
            self._unfinished = await finding.hidden(self._connection)
        unfinished = self._unfinished
        staged = select(contacts.c.id).where(contacts.c.import_id != 0, contacts.c.import_id.in_(unfinished))
        return [FOUND.c.rowid.not_in(staged)] if unfinished else []

    def _expression(self) -> str:
        return finding.expression(self._wanted, self._actor)

    async def _ranked(self, length: int | None, *conditions: ColumnElement[bool]) -> list[_Key]:
        marked = select(favourites.c.contact_id).where(favourites.c.extension == self._actor)
        rank = finding.rank(terms(self._wanted.search))
        key = (rank, case((contacts.c.id.in_(marked), 0), else_=1), -contacts.c.id)
        hits = select(*key).where(*conditions).order_by(*key).limit(length)
        if self._after and length:
            hits = hits.where(_beyond(key, self._after))
        return [tuple(row) for row in await self._connection.execute(hits)]

    async def _walk(self) -> list[ColumnElement[bool]]:
        """Say how the shared hits of a sorted page are found: few by the index, many by walking along the column.

        Sorting n hits costs n looks at cards; walking costs as many looks as stand between fifty hits.
        """
        newest = (await self._connection.execute(select(func.max(contacts.c.id)))).scalar_one() or 0
        enough = max(int((newest * self._length) ** 0.5), self._length)
        found = await self._count_found(enough)
        if found == enough:
            return self._rows
        self._shared = found
        return [contacts.c.id.in_(select(FOUND.c.rowid).where(finding.match(self._expression())))]

    async def _sorted(self, *conditions: ColumnElement[bool], along: bool = False) -> list[_Key]:
        key = (_COLUMNS[self._sort], contacts.c.id)
        ordered = [part.desc() if self._descending else part for part in key]
        hits = select(*key).where(*conditions).order_by(*ordered).limit(self._length)
        if along and self._sort != "id":  # left to itself, SQLite takes all the shared ones and sorts them
            hits = hits.with_hint(contacts, f"INDEXED BY ix_contacts_by_{self._sort}", "sqlite")
        if self._after:
            hits = hits.where(_beyond(key, self._after, descending=self._descending))
        return [tuple(row) for row in await self._connection.execute(hits)]


def _beyond(key: Sequence[ColumnElement[Any]], after: _Key, *, descending: bool = False) -> ColumnElement[bool]:
    row, mark = tuple_(*key), tuple_(*(literal(value, column.type) for value, column in zip(after, key, strict=True)))
    return row < mark if descending else row > mark


def _written(sort: str, key: _Key) -> str:
    values = [value.isoformat() if hasattr(value, "isoformat") else value for value in key]
    return base64.urlsafe_b64encode(json.dumps([sort, *values], ensure_ascii=False).encode()).decode()


def _read(sort: str, after: str) -> _Key | None:
    if not after:
        return None
    try:
        made, *values = json.loads(base64.urlsafe_b64decode(after.encode("ascii", "strict")))
        if made == sort:
            return _typed(sort, values)
    except (ValueError, TypeError, KeyError):
        pass
    raise InvalidInputError("after", _("not the mark of a page of this order: {text}").format(text=ascii(after[:100])))


def _typed(sort: str, values: Sequence[Any]) -> _Key:
    """Return the values with the types their columns have; raises ValueError for any others."""
    *key, last = values
    *kinds, _number = _KINDS.get(sort, (str, int))
    if sort == "changed":
        key = [datetime.fromisoformat(value).astimezone(UTC) for value in key]
    whole = all(isinstance(value, kind) for value, kind in zip(key, kinds, strict=True))
    if not whole or not isinstance(last, int) or abs(last) > _HIGHEST_KEY:
        raise ValueError(sort)
    return (*key, last)
