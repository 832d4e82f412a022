"""What each table holds about people, how `privacy export` hands it out and how `privacy erase` removes it.

A new table needs an entry here, and one with clients' data a row in the test that erases a client: without them tests
fail. `db backup` copies all tables of SQLite; PostgreSQL's own tool does the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple


class Clients(NamedTuple):
    """The table holds clients' data."""

    exported: str  # the member of `privacy export`; where it begins with "no:", why there is none
    erased: Literal[
        "with its contact",  # the contact's row takes it along
        "deleted",
        "masked",  # the client's number becomes stars, name and card go
    ]


class Employees(NamedTuple):
    """The table holds data of our own people, which `privacy`, made for clients, leaves alone."""

    what: str


class Nobody(NamedTuple):
    """The table holds nothing about people."""

    why: str


PERSONAL_DATA: Final[Mapping[str, Clients | Employees | Nobody]] = {
    # On SQLite the index `contacts_found` belongs to `contacts`: its triggers take a deleted card's tokens out.
    "contacts": Clients("contacts", "with its contact"),
    "contact_numbers": Clients("contacts", "with its contact"),
    "contact_emails": Clients("contacts", "with its contact"),
    "contact_tags": Clients("contacts", "with its contact"),
    "contact_external": Clients("contacts", "with its contact"),
    "contact_changes": Clients("changes", "with its contact"),
    "companies": Clients("contacts", "with its contact"),  # with the last one, unless it has a card of its own
    "company_numbers": Nobody("a firm's own numbers"),
    "company_emails": Nobody("a firm's own addresses"),
    "company_external": Nobody("names of firms in other programs"),
    "number_holdings": Clients("numbers_held", "deleted"),
    "import_changes": Clients("no: `changes` has the same", "deleted"),
    "import_companies": Nobody("firms that an import brought, with their own numbers and addresses"),
    "calls": Clients("calls", "masked"),
    "feed": Clients("no: it repeats what calls and cards say, until retention clears it", "masked"),
    "imports": Employees("who imported which file; it goes with nobody"),
    "favourites": Employees("which contacts an employee marked; a row goes with the contact"),
    "employees": Employees("name, numbers and e-mail; kept after they left, for calls refer to them"),
    "extension_ownership": Employees("who had which extension when, and under which name; calls refer to it"),
    "call_agents": Employees("whose phones rang and who talked"),
    "missed_calls": Employees("whose phones rang where nobody answered"),
    "tokens": Employees("whose token it is; the token itself is kept nowhere"),
    "audit": Employees("who did what from where, with ids of contacts at most; retention clears it"),
    "users": Employees("who signs in, in which role; of somebody without a phone the e-mail; passwords as argon2id"),
    "invitations": Employees("who may set a password, for 7 days"),
    "sessions": Employees("who is signed in since when, and from which address; gone when the session ends"),
    "call_external": Nobody("names of calls in other programs"),
    "request_keys": Clients("no: answers that repeat what the cards say, for 7 days", "deleted"),
    "call_requests": Nobody("keys and digests of requests, for 7 days"),
    "outages": Nobody("when the PBX was not heard"),
    "installation": Nobody("a random id"),
    "webhooks": Nobody("addresses of programs, and the secrets that sign what is sent there"),
    "webhook_deliveries": Nobody("numbers of events and how sending them went; the feed has their content"),
    "heard": Nobody("up to when the PBX was heard"),
}
