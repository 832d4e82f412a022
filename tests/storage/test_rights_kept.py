"""Random people do random things: nothing personal leaks, no stranger deletes (S2.14, S2.16, B9)."""

from __future__ import annotations

from typing import Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbxd.book.contacts import Contact, ContactChanges, ContactDraft, ContactNumber
from pbxd.errors import InvalidInputError, NotFoundError, RefusedError
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from pbxd.storage.search.filters import ContactFilter
from pbxd.storage.search.paging import PageAsked
from tests.actors import acting

ACTORS = ("", "101", "102", "103")
NUMBER = "+79161234567"
BY_NUMBER = ContactFilter(number="+79161234567")
What = Literal["share", "hide", "mark", "edit", "delete", "give"]
Step = tuple[str, What, int]
CHANGES: dict[str, ContactChanges] = {
    "share": {"visibility": "shared"},
    "hide": {"visibility": "personal"},
    "give": {"visibility": "personal", "owner": "103"},
    "edit": {"vip": True},
}
KINDS: list[What] = ["share", "hide", "mark", "edit", "delete", "give"]
STEPS = st.lists(
    st.tuples(st.sampled_from(ACTORS), st.sampled_from(KINDS), st.integers(0, 5)),
    max_size=8,
)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(owners=st.lists(st.tuples(st.sampled_from(ACTORS), st.booleans()), min_size=1, max_size=5), steps=STEPS)
async def test_nothing_personal_leaks_and_no_stranger_deletes(
    database: Database, owners: list[tuple[str, bool]], steps: list[Step]
) -> None:
    contacts = Contacts(database)
    await emptied(contacts)
    known: dict[int, Contact] = {}
    for place, (actor, personal) in enumerate(owners):
        draft = ContactDraft(
            f"Клиент {place}",
            company=f"Фирма {place}",
            numbers=(ContactNumber(NUMBER),),
            emails=("a@example.org",),
            visibility="personal" if personal and actor else "shared",
        )
        made = await contacts.add(draft, actor=acting(actor))
        known[made.id] = made
    for step in steps:
        await act(contacts, known, step)
    for actor in ACTORS:
        await sees_only_his(database, known, actor)


async def emptied(contacts: Contacts) -> None:
    for actor in ACTORS:
        for contact in (await contacts.list(actor=acting(actor)))[1]:
            await contacts.delete(contact.id, actor=acting(contact.owner))


def allowed(contact: Contact, actor: str, what: What) -> bool:
    """Say by a rule of our own what somebody who sees the contact may do."""
    own = contact.owner != ""
    office = own or actor in {"", contact.created_by}
    return {
        "share": True,
        "edit": True,
        "mark": actor != "",
        "delete": office,
        "hide": office and actor != "",
        "give": actor == "" or (actor == "103" and office),
    }[what]


async def act(contacts: Contacts, known: dict[int, Contact], step: Step) -> None:
    actor, what, at = step
    if not known:
        return
    contact = list(known.values())[at % len(known)]
    visible = contact.owner in {"", actor}
    try:
        if what == "mark":
            await contacts.set_favourite(contact.id, actor=acting(actor), favourite=True)
        elif what == "delete":
            await contacts.delete(contact.id, actor=acting(actor))
            del known[contact.id]
        else:
            known[contact.id] = await contacts.edit(contact.id, CHANGES[what], actor=acting(actor))
    except NotFoundError:
        assert not visible
    except (RefusedError, InvalidInputError):
        # Favourites are refused before anybody asks whether the contact is there.
        assert not allowed(contact, actor, what)
        assert visible or what == "mark"
    else:
        assert visible
        assert allowed(contact, actor, what)


async def sees_only_his(database: Database, known: dict[int, Contact], actor: str) -> None:
    """Every way of looking shows the same."""
    contacts = Contacts(database)
    seen = {key: contact for key, contact in known.items() if contact.owner in {"", actor}}
    for wanted in (ContactFilter(), ContactFilter(search="клиент"), ContactFilter(search="4567"), BY_NUMBER):
        page = await contacts.page(wanted, PageAsked(exact=True), actor=acting(actor))
        assert page.total == len(seen), wanted
        assert {contact.id: contact for contact in page.items} == seen, wanted
        assert (await contacts.list(wanted, actor=acting(actor)))[0] == len(seen)
    marked = {
        contact.id for contact in (await contacts.page(ContactFilter(favourites=True), actor=acting(actor))).items
    }
    assert marked <= seen.keys()
    for key, contact in known.items():
        if key in seen:
            told = {each.field: each.total for each in await contacts.duplicates(contact, actor=acting(actor))}
            assert told == ({"number": len(seen) - 1, "email": len(seen) - 1} if len(seen) > 1 else {})
        for change in await contacts.history(key, actor=acting(actor)) if key in seen else ():
            assert change.fields.get("owner", [""])[0] in {"", actor}
    firms = {company.name for company in (await Companies(database).list())[1]}
    assert firms == {contact.company for contact in known.values() if contact.owner == ""}
