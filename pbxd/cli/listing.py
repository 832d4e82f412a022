"""Lists: a page for people, everything for programs, printed while it is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pbxd.cli.output import JsonList, Table, on_terminal, print_json, print_table
from pbxd.cli.session import Session
from pbxd.i18n import _

if TYPE_CHECKING:
    from pbxd.actor import Actor
    from pbxd.services.workspace import Workspace

PAGE = 50  # entries on a terminal, unless --limit says otherwise

Entry = TypeVar("Entry")
Request = TypeVar("Request")


@dataclass(frozen=True, slots=True)
class Listing(Generic[Entry]):
    """How the entries of a list are written."""

    heads: Sequence[str]
    cells: Callable[[Entry], list[str]]
    form: Callable[[Entry], dict[str, Any]]


def page_length(session: Session, limit: int | None) -> int | None:
    """Return how many entries to show: a person gets a page. None: all."""
    return PAGE if limit is None and on_terminal() and not session.as_json else limit


def print_all(
    session: Session,
    service: Callable[[Workspace, Actor, Request], AsyncGenerator[Sequence[Entry], None]],
    asked: Request,
    listing: Listing[Entry],
) -> None:
    """Print all entries that a service gives, in as much memory as a part of them needs."""
    if session.as_json:
        json = JsonList()
        session.each(service, lambda part: json.add(map(listing.form, part)), asked)
        json.close()
        return
    table = Table(listing.heads)
    session.each(service, lambda part: table.add(map(listing.cells, part)), asked)
    table.close(_("total: {total}").format(total=table.count))


def print_newest(
    session: Session, found: Sequence[Entry], limit: int, listing: Listing[Entry], key: Callable[[Entry], int]
) -> None:
    """Print a page of a list that begins with the newest entry; `found` has one more if the list goes on.

    `key`: the number that `--before` takes.
    """
    shown = found[:limit]
    following = key(shown[-1]) if len(found) > limit else None
    if session.as_json:
        print_json({"items": [listing.form(each) for each in shown], "next": following})
        return
    further = "" if following is None else _("next page: --before {id}").format(id=following)
    print_table(listing.heads, map(listing.cells, shown), further)
