"""Contacts as requests and answers. Their fields are those of `book.fields`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Field, create_model

from pbxd.api.call_record import Instant
from pbxd.book.contacts import Contact, contact_json
from pbxd.book.field_kinds import Kind
from pbxd.book.fields import BUILT_IN, Fields
from pbxd.calls.record import instant
from pbxd.http.answers import Answer
from pbxd.http.requests import Body, MergePatch
from pbxd.services.contact_edits import Typed, TypedNumber
from pbxd.services.contacts import SavedContact

Id = Annotated[int, Field(ge=1, lt=2**63)]
ExternalIds = Annotated[
    dict[str, str], Field(description="What other programs call it, by system.", examples=[{"bitrix24": "123"}])
]
ExternalChanges = Annotated[
    dict[str, str | None],
    Field(description="The same; null takes an id away, others stay.", examples=[{"bitrix24": "123"}]),
]
_EMPTY: dict[str, Typed] = {"numbers": (), "emails": (), "tags": (), "flag": False}  # of a kind; others: an empty text


class NumberAnswer(Answer):
    """A number of a contact."""

    number: str
    """E.164."""
    extension: str
    """The client's extension behind the number."""
    label: str
    main: bool
    """Exactly one number is the main one."""


class NumberBody(Body):
    """A number of a contact."""

    number: str
    """In any notation, also with the client's extension: `8 495 123-45-67 доб. 12`."""
    extension: str | None = None
    """The client's extension; beats the one in `number`."""
    label: str | None = None
    main: bool = False
    """Without one that is flagged the first is the main one."""

    @property
    def typed(self) -> TypedNumber:
        """The number as the service takes it."""
        return TypedNumber(self.number, self.extension, self.label or "", self.main)


_ANSWERED: dict[Kind, Any] = {
    "numbers": tuple[NumberAnswer, ...],
    "emails": tuple[str, ...],
    "tags": tuple[str, ...],
    "date": Annotated[str | None, Field(json_schema_extra={"format": "date"})],
    "flag": bool,
    "employee": str | None,
    "visibility": Literal["shared", "personal"],
}
_ASKED: dict[Kind, Any] = {
    "numbers": list[str | NumberBody] | None,
    "emails": list[str] | None,
    "tags": list[str] | None,
    "flag": bool | None,
    "visibility": Literal["shared", "personal"],
}
_EXAMPLES: dict[str, Any] = {
    "name": "Фронкин Игорь", "company": "ООО «Ромашка»", "manager": "101", "emails": ["igor@example.org"],
    "numbers": [{"number": "8 495 123-45-67", "extension": "12", "label": "работа"}], "tags": ["опт"],
    "birth_date": "1980-12-31", "visibility": "shared", "position": "директор", "comment": "звонить после обеда",
    "owner": None,
}  # fmt: skip


def _answered(fields: Fields) -> dict[str, Any]:
    return {
        each.name: (_ANSWERED.get(each.kind, str), Field(description=_about(each.name, each.help.en)))
        for each in fields
    }


def _asked(fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in fields:
        default = "shared" if each.kind == "visibility" else None
        described = Field(default, description=_about(each.name, each.help.en), examples=_examples(each.name))
        found[each.name] = (_ASKED.get(each.kind, str | None), described)
    return found


def _examples(name: str) -> list[Any] | None:
    return [_EXAMPLES[name]] if name in _EXAMPLES else None


def _about(name: str, text: str) -> str:
    return {
        "manager": "The responsible employee: extension, in a request also the full name.",
        "owner": "Whose personal contact it is: extension, in a request also the full name.",
        "visibility": "Everybody sees a shared contact; only its owner sees a personal one.",
        "birth_date": "2026-12-31, in a request also 31.12.2026.",
        "numbers": "The numbers; in a request each is an object, or a text in any notation.",
        "emails": "The e-mail addresses, the main one first.",
        "tags": "The tags.",
    }.get(name, text)


if TYPE_CHECKING:
    _Answered = Answer
    _Asked = Body
    _Changed = MergePatch
else:
    _Answered = create_model("_Answered", __base__=Answer, **_answered(BUILT_IN))
    _Asked = create_model("_Asked", __base__=Body, **_asked(BUILT_IN))
    _Changed = create_model("_Changed", __base__=MergePatch, **_asked(BUILT_IN))


class ContactAnswer(_Answered):
    """A contact: a client's card."""

    model_config = ConfigDict(extra="allow")  # fields that the company defined

    id: int
    manager_id: int | None
    """The manager, also if they have no extension any more."""
    manager_name: str
    owner_id: int | None
    created_by: str | None
    """The extension of who made it; null: no employee, or one without an extension."""
    created_by_id: int | None
    created: Instant
    changed: Instant
    version: int
    """Also the header `ETag`."""
    external: ExternalIds


class SharingContactAnswer(Answer):
    """Another contact that has the same number or e-mail."""

    id: int
    name: str
    company: str


class DuplicateAnswer(Answer):
    """A number or an e-mail that other contacts have."""

    field: Literal["number", "email"]
    value: str
    total: int
    contacts: tuple[SharingContactAnswer, ...]
    """The first of them."""


class SavedContactAnswer(ContactAnswer):
    """A contact as it was saved, and who else has its numbers and e-mails."""

    duplicates: tuple[DuplicateAnswer, ...]


class ContactBody(_Asked):
    """A new contact. It needs a name, and a number or an e-mail; a company that isn't known yet is made."""

    external: ExternalChanges | None = None


class ContactPatch(_Changed):
    """Changes of a contact. Lists are replaced whole; null empties a field."""

    external: ExternalChanges | None = None


def values_of(body: ContactBody | ContactPatch) -> dict[str, Typed]:
    """Return the fields that a body names, as the service takes them."""
    values: dict[str, Typed] = {}
    for name in body.model_fields_set - {"external"}:
        given = getattr(body, name)
        if given is None:
            kind = BUILT_IN[name].kind
            values[name] = _EMPTY.get(kind, "")
        elif isinstance(given, list):
            values[name] = tuple(each.typed if isinstance(each, NumberBody) else each for each in given)
        else:
            values[name] = given
    return {each.name: values[each.name] for each in BUILT_IN if each.name in values}  # in the card's order


def contact_answer(contact: Contact, fields: Fields, external: dict[str, str]) -> dict[str, Any]:
    """Return a contact's public form."""
    times = {
        name: instant(at) for name, at in (("created", contact.created), ("changed", contact.changed)) if at is not None
    }
    form = contact_json(contact, fields)
    return form | times | {"created_by": form["created_by"] or None, "external": dict(external)}


def saved_answer(saved: SavedContact, fields: Fields) -> SavedContactAnswer:
    """Return a contact as it was saved."""
    form = contact_answer(saved.contact, fields, dict(saved.external))
    return SavedContactAnswer.model_validate(form | {"duplicates": [each.to_json() for each in saved.duplicates]})
