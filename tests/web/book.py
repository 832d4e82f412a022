"""Contacts and companies for tests of their pages."""

from __future__ import annotations

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.services import contacts as book
from pbxd.services.contact_edits import AddContact
from tests.http.conftest import House
from tests.web.document import Document

ANNA: dict[str, str | tuple[str, ...] | bool] = {
    "name": "Ким Анна",
    "numbers": ("+79161234567", "8 495 123-45-67 доб. 12"),
    "emails": ("anna@example.org",),
    "company": "ООО «Ромашка»",
    "position": "бухгалтер",
    "tags": ("опт", "юг"),
    "birth_date": "31.12.1980",
    "comment": "Звонить\nпосле обеда",
}


def agent(extension: str) -> Actor:
    return Actor.agent(extension, "test")


async def add(pbxd: House, actor: Actor, **values: str | tuple[str, ...] | bool) -> Contact:
    asked = AddContact(values={"numbers": ("+79161234567",), **values})
    return (await book.add(pbxd.services.workspace, actor, asked)).contact


def fields_of(page: Document) -> dict[str, str]:
    """What a browser would send with the fields of a page that has one form to fill in, without its buttons."""
    sent: dict[str, str] = {}
    choosing = ""
    for each in page.elements:
        name, kind = each.attributes.get("name", ""), each.attributes.get("type", "")
        if each.tag == "select":
            choosing = name
        if each.tag == "option" and choosing and ("selected" in each.attributes or choosing not in sent):
            sent[choosing] = each.attributes["value"]
        elif each.tag == "textarea":
            sent[name] = each.text
        elif each.tag == "input" and name and (kind not in {"radio", "checkbox"} or "checked" in each.attributes):
            sent[name] = each.attributes.get("value", "")
    return sent
