"""What a search or a filter means as conditions on rows, for both databases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Text,
    and_,
    bindparam,
    case,
    column,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    table,
    true,
)

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.external_ids import ExternalId
from pbxd.book.texts import folded
from pbxd.storage.search.search_text import (
    COMPANY,
    EVERYBODY,
    NAME,
    NUMBER,
    START,
    TAG,
    VIP,
    Term,
    beginning,
    fragment,
    is_short,
    manager_mark,
    mark,
    quoted,
    terms,
)
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import clean_text, contact_external, contact_numbers, contact_tags, contacts, favourites

FOUND = table("contacts_found", column("rowid", Integer))  # SQLite's index of the shared contacts
SHARED = contacts.c.owner_id == literal_column("0")  # the condition of the partial indices
SEEN = and_(  # `seen_by` with `seen_values`, for statements that are built once
    shown(),
    contacts.c.owner_id.in_(bindparam("owners", expanding=True)),
    or_(
        bindparam("any_manager", type_=Boolean()),
        contacts.c.owner_id != literal_column("0"),
        contacts.c.manager_id.in_(bindparam("managers", expanding=True)),
    ),
)
MATCHES = literal_column("contacts_found").bool_op("MATCH")(bindparam("query", type_=Text()))
FOURTH = 3  # the last rank of a search's hits: inside a word


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts to find. An empty field matches all."""

    search: str = ""  # words; each must occur in name, company, a number, an e-mail, the comment or a tag
    vip: bool | None = None
    company: str = ""  # the full name, in upper or lower case; the tag too
    tag: str = ""
    manager: str = ""  # extension
    manager_id: int = 0  # who has it; `book.contacts` finds out
    number: str = ""  # E.164, exactly
    favourites: bool = False  # the actor's
    mine: bool = False  # contacts that the actor manages, and their personal ones
    personal: bool = False  # only the actor's personal ones
    managed_by: int = 0  # the manager by id, also one without an extension
    company_id: int = 0
    changed_after: datetime | None = None
    external: ExternalId | None = None


def find(
    connection: Connection, wanted: ContactFilter, actor: Actor, limit: int | None, offset: int
) -> tuple[int, list[int]]:
    """Return how many contacts match among those the actor sees, and the ids of a page of them by name."""
    conditions = (seen_by(actor), *matching(wanted, actor))
    if connection.dialect.name == "sqlite" and not narrow(wanted):
        indexed = contacts.c.id.in_(select(FOUND.c.rowid).where(match(expression(wanted, actor))))
        conditions = (shown(), or_(and_(SHARED, indexed), and_(personal(actor), *matching(wanted, actor))))
    total = connection.execute(select(func.count()).select_from(contacts).where(*conditions)).scalar_one()
    page = select(contacts.c.id).where(*conditions).order_by(contacts.c.folded, contacts.c.id)
    rows = connection.execute(page.limit(limit).offset(offset))
    return total, list(rows.scalars().all())


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """Return the condition that the actor may see a row of `contacts`."""
    return and_(shown(), contacts.c.owner_id.in_(rights.owners_seen(actor)), *_managed(actor))


def seen_values(actor: Actor) -> dict[str, Any]:
    """Return the values of `SEEN` for an actor who is known."""
    sight = rights.contact_sight(actor)
    managers = sorted(sight.managers or ())
    return {"owners": sight.owners, "any_manager": sight.managers is None, "managers": managers}


def personal(actor: Actor) -> ColumnElement[bool]:
    """Return the condition that a row is a personal contact of the actor; only employees have personal contacts."""
    return contacts.c.owner_id == actor.employee if actor.employee is not None else false()


def _managed(actor: Actor) -> list[ColumnElement[bool]]:
    """Return the condition that the actor sees a shared contact by its manager; most see all."""
    if actor.managers is None:
        return []
    return [or_(personal(actor), contacts.c.manager_id.in_(sorted(actor.managers)))]


def narrow(wanted: ContactFilter) -> bool:
    """Tell whether so few contacts can match that they are compared one by one."""
    return bool(
        wanted.number
        or wanted.favourites
        or wanted.personal
        or wanted.company_id
        or wanted.changed_after
        or wanted.external
    )


def matching(wanted: ContactFilter, actor: Actor) -> list[ColumnElement[bool]]:
    """Return the conditions on rows of `contacts`, on any database."""
    conditions = [*(anywhere(term) for term in terms(wanted.search)), *_managed(actor)]
    if wanted.vip is not None:
        conditions.append(contacts.c.vip.is_(wanted.vip))
    if wanted.company:
        conditions.append(contacts.c.company_folded == folded(wanted.company))
    if wanted.tag:
        tagged = and_(contact_tags.c.contact_id == contacts.c.id, contact_tags.c.folded == folded(wanted.tag))
        conditions.append(exists().where(tagged))  # compared row by row, since half the book may have the tag
    if wanted.manager:
        conditions.append(contacts.c.manager == wanted.manager)
    conditions += _narrowing(wanted)
    if wanted.favourites:
        conditions.append(
            contacts.c.id.in_(select(favourites.c.contact_id).where(favourites.c.employee_id == (actor.employee or 0)))
        )
    if wanted.mine:
        mine = or_(contacts.c.manager == actor.extension, personal(actor))
        conditions.append(mine if actor.extension else personal(actor))
    if wanted.personal:
        conditions.append(personal(actor))
    return conditions


def _narrowing(wanted: ContactFilter) -> list[ColumnElement[bool]]:
    """Return the conditions that few contacts meet."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.number:
        having = select(contact_numbers.c.contact_id).where(contact_numbers.c.number == wanted.number)
        conditions.append(contacts.c.id.in_(having))
    if wanted.managed_by:
        conditions.append(contacts.c.manager_id == wanted.managed_by)
    if wanted.company_id:
        conditions.append(contacts.c.company_id == wanted.company_id)
    if wanted.changed_after:
        conditions.append(contacts.c.changed > wanted.changed_after)
    if wanted.external:
        system, key = wanted.external
        called = select(contact_external.c.contact_id).where(
            contact_external.c.system == system, contact_external.c.key == key
        )
        conditions.append(contacts.c.id.in_(called))
    return conditions


def rank(searched: list[Term]) -> ColumnElement[int]:
    """Return the rank of a matching row: a whole number, the beginning of the name, of words, or inside a word."""
    starts = and_(true(), *(_any(f" {word}" for word in term.words) for term in searched))
    names = _any(f"\t {word}" for term in searched for word in term.words)
    whole = _any(f" +{digits}\n" for term in searched for digits in term.numbers)
    return case((whole, 0), (and_(names, starts), 1), (starts, 2), else_=FOURTH)


def anywhere(term: Term) -> ColumnElement[bool]:
    """Return the condition that a row of `contacts` matches a term."""
    return _any((f" {word}" if is_short(word) else word) for word in term.words)


def match(query: str) -> ColumnElement[bool]:
    """Return a query of SQLite's index for use inside another statement."""
    return literal_column("contacts_found").bool_op("MATCH")(clean_text(query))


def expression(wanted: ContactFilter, actor: Actor, ranked: int | None = None) -> str:
    """Return the query of SQLite's index for a filter, limited to hits of one rank if that is given.

    Empty: no contact can have that rank.
    """
    searched = terms(wanted.search)
    every = " AND ".join(map(_anywhere, searched))
    asked, better = (every, []) if ranked is None else _of_rank(searched, ranked, every)
    if ranked is not None and not asked:
        return ""
    marks = list(_marks(wanted, actor))
    query = " AND ".join([*marks, asked] if asked else marks) or quoted("", EVERYBODY)
    left_out = [*filter(None, better), *([quoted("", VIP)] if wanted.vip is False else [])]
    return f"({query}) NOT ({' OR '.join(left_out)})" if left_out else query


def _of_rank(searched: list[Term], ranked: int, every: str) -> tuple[str, list[str]]:
    """Return the queries for hits of a rank, and for those of better ranks.

    A hit of the words' beginnings also has the words: a query for both would read longer lists.
    """
    whole, starts = _whole(searched), " AND ".join(map(_starts, searched))
    names = f"{starts} AND ({' OR '.join(_begin(NAME, term) for term in searched)})"
    if ranked == 0:
        return (f"{every} AND ({whole})" if whole else ""), []
    if ranked == FOURTH:
        return ("" if all(term.at_start for term in searched) else every), [whole, f"({starts})"]
    return ((names, [whole]), (starts, [whole, f"({names})"]))[ranked - 1]


def _marks(wanted: ContactFilter, actor: Actor) -> Iterator[str]:
    for kind, word in ((TAG, wanted.tag), (COMPANY, wanted.company)):
        if word:
            yield quoted(mark(kind, word))
    if wanted.manager:
        yield quoted(manager_mark(wanted.manager_id)) if wanted.manager_id else _nothing()
    if wanted.managed_by:
        yield quoted(manager_mark(wanted.managed_by))
    if wanted.mine:
        yield quoted(manager_mark(actor.employee)) if actor.employee else _nothing()
    if wanted.vip:
        yield quoted("", VIP)
    if actor.managers is not None:
        yield f"({' OR '.join(map(quoted, map(manager_mark, sorted(actor.managers)))) or _nothing()})"


def _nothing() -> str:
    return quoted("", NUMBER)  # a token that no card has


def _whole(searched: list[Term]) -> str:
    return " OR ".join(quoted(digits, NUMBER) for term in searched for digits in term.numbers)


def _starts(term: Term) -> str:
    return f"({_begin(START, term)})"


def _begin(kind: str, term: Term) -> str:
    return " OR ".join(beginning(word, kind) for word in term.words)


def _anywhere(term: Term) -> str:
    inside = (fragment(word) for word in term.words if not is_short(word))
    return f"({' OR '.join((_begin(START, term), *inside))})"


def _any(fragments: Iterable[str]) -> ColumnElement[bool]:
    return or_(false(), *(contacts.c.search.contains(fragment, autoescape=True) for fragment in fragments))
