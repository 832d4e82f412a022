"""Finding contacts: what a search or a filter means in terms of rows."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd import rights
from pbxd.book import folded
from pbxd.storage.staging import shown
from pbxd.storage.tables import companies, contact_numbers, contact_tags, contacts

_LONGEST_SEARCH = 200  # characters; what is longer finds nothing more
_NUMBER_LIKE = re.compile(r"\+?[0-9 ()./-]*[0-9][0-9 ()./-]*")
_TRUNK_PREFIX_FROM = 7  # digits: from here on a leading 8 or 0 may be the national prefix, which E.164 leaves out


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts are wanted; an empty field doesn't matter."""

    search: str = ""  # words, each of which must occur in name, company, a number, an e-mail or the comment
    vip: bool | None = None
    company: str = ""  # the whole name, in any case; likewise the tag
    tag: str = ""
    manager: str = ""  # extension
    number: str = ""  # E.164, exactly


async def find(
    connection: AsyncConnection, wanted: ContactFilter, actor: str, limit: int | None, offset: int
) -> tuple[int, list[int]]:
    """Return how many contacts match among those the actor sees, and the ids of a page of them by name."""
    conditions = (seen_by(actor), *_matching(wanted))
    total = (await connection.execute(select(func.count()).select_from(contacts).where(*conditions))).scalar_one()
    page = select(contacts.c.id).where(*conditions).order_by(contacts.c.folded, contacts.c.id)
    rows = await connection.execute(page.limit(limit).offset(offset))
    return total, list(rows.scalars().all())


def seen_by(actor: str) -> ColumnElement[bool]:
    """Tell whether this actor may know of a row of `contacts`."""
    return and_(shown(), contacts.c.owner.in_(rights.owners_seen(actor)))


def _matching(wanted: ContactFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.search:
        conditions.append(_searched(wanted.search))
    if wanted.vip is not None:
        conditions.append(contacts.c.vip.is_(wanted.vip))
    if wanted.company:
        named = select(companies.c.id).where(companies.c.folded == folded(wanted.company))
        conditions.append(contacts.c.company_id.in_(named))
    if wanted.tag:
        tagged = select(contact_tags.c.contact_id).where(contact_tags.c.folded == folded(wanted.tag))
        conditions.append(contacts.c.id.in_(tagged))
    if wanted.manager:
        conditions.append(contacts.c.manager == wanted.manager)
    if wanted.number:
        having = select(contact_numbers.c.contact_id).where(contact_numbers.c.number == wanted.number)
        conditions.append(contacts.c.id.in_(having))
    return conditions


def _searched(text: str) -> ColumnElement[bool]:
    """Each word must occur, in any order; what looks like a number also matches by its digits, however written."""
    text = text[:_LONGEST_SEARCH]
    words = folded(text).split()
    found = and_(True, *(contacts.c.search.contains(word, autoescape=True) for word in words))  # noqa: FBT003 - SQL's
    if not _NUMBER_LIKE.fullmatch(text.strip()):
        return found
    digits = re.sub(r"[^0-9]", "", text)
    variants = {digits, digits[1:]} if len(digits) >= _TRUNK_PREFIX_FROM and digits[0] in "80" else {digits}
    return or_(found, *(contacts.c.search.contains(variant, autoescape=True) for variant in sorted(variants)))
