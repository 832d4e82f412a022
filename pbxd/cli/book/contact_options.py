"""The options of `contacts add` and `contacts edit`, made from the registry of fields, and the requests they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Unpack, cast

import click

from pbxd.book.field_kinds import LIST_KINDS, Kind
from pbxd.book.fields import Field, Fields
from pbxd.cli.groups import Command, Option
from pbxd.cli.options import EMPLOYEE, EXT_OR_NAME, TEXT, Details
from pbxd.cli.session import current_fields
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services.contact_edits import AddContact, EditContact, Typed

_METAVARS: Final[Mapping[Kind, str]] = {"employee": EXT_OR_NAME, "date": "DATE", "numbers": "NUMBER"}


class AddCommand(Command):
    """A command with an option for each field, also for the fields that the company defined."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the fields, then the command's own parameters."""
        fields = current_fields(ctx)
        options = [_option(field, f"--{field.option}", field.name) for field in (*_single(fields), *_lists(fields))]
        personal = Option(["--personal"], is_flag=True, help=_("Only its owner sees it."))
        return [*options, _label(), personal, *super().get_params(ctx)]


class EditCommand(Command):
    """A command that replaces fields with one value, and adds to and removes from fields with several."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options of the fields, then the command's own parameters."""
        fields = current_fields(ctx)
        single = [_option(field, _edited(field), field.name, required=False, default=None) for field in _single(fields)]
        lists = [
            _option(field, f"--{way}-{field.option}", f"{way}_{field.name}", help=_way(way, str(field.help)))
            for field in _lists(fields)
            for way in ("add", "remove")
        ]
        main = Option(
            ["--main-number"], type=TEXT, default="", metavar="NUMBER", help=_("The number to call by default.")
        )
        shared = Option(
            ["--shared/--personal"], is_flag=True, default=None, help=_("Everybody sees it, or only its owner.")
        )
        return [*single, *lists, main, _label(), shared, *super().get_params(ctx)]


def add_contact(*, labels: Sequence[str], personal: bool, **given: Typed | None) -> AddContact:
    """Return the request that the options of `contacts add` make. Raises InvalidInputError."""
    values = {name: value for name, value in given.items() if value is not None}
    return AddContact(values=values | {"visibility": _visibility(shared=not personal)}, labels=_pairs(labels))


def edit_contact(
    *,
    contact_id: int,
    version: int | None,
    labels: Sequence[str],
    main_number: str,
    shared: bool | None,
    **given: Typed | None,
) -> EditContact:
    """Return the request that the options of `contacts edit` make. Raises InvalidInputError."""
    fields = current_fields(click.get_current_context())
    values = {field.name: value for field in _single(fields) if (value := given[field.name]) is not None}
    if shared is not None:
        values["visibility"] = _visibility(shared=shared)
    return EditContact(
        contact_id=contact_id,
        version=version,
        values=values,
        added=_texts(given, "add", fields),
        removed=_texts(given, "remove", fields),
        main_number=main_number,
        labels=_pairs(labels),
    )


def _single(fields: Fields) -> list[Field]:
    """Return the fields with one value; who sees a contact has options of its own."""
    return [field for field in fields if field.kind not in LIST_KINDS and field.kind != "visibility"]


def _lists(fields: Fields) -> list[Field]:
    return [field for field in fields if field.kind in LIST_KINDS]


def _option(field: Field, *names: str, **details: Unpack[Details]) -> Option:
    kind = EMPLOYEE if field.kind == "employee" else TEXT
    more: Details = {"type": kind, "required": field.kind == "name", "multiple": field.kind in LIST_KINDS}
    if field.kind == "flag":
        more = {"is_flag": True, "default": False}
    details.setdefault("help", str(field.help))
    return Option(names, metavar=_METAVARS.get(field.kind), **more | details)


def _way(way: str, about: str) -> str:
    """Return the help of the option that adds to a field, or removes from it."""
    said = _("Add to the card: {about}") if way == "add" else _("Remove from the card: {about}")
    return said.format(about=about[:1].lower() + about[1:])


def _label() -> Option:
    about = _("What one of the numbers is, such as mobile or work. May be repeated.")
    return Option(["--label", "labels"], type=TEXT, multiple=True, metavar="NUMBER=LABEL", help=about)


def _edited(field: Field) -> str:
    return f"--{field.option}/--no-{field.option}" if field.kind == "flag" else f"--{field.option}"


def _texts(given: Mapping[str, Typed | None], way: str, fields: Fields) -> dict[str, Sequence[str]]:
    """Return what `--add-…` or `--remove-…` name, by field."""
    texts = {field.name: given[f"{way}_{field.name}"] for field in _lists(fields)}
    return {
        name: cast("Sequence[str]", some) for name, some in texts.items() if some and not isinstance(some, str | bool)
    }


def _visibility(*, shared: bool) -> str:
    return "shared" if shared else "personal"


def _pairs(labels: Iterable[str]) -> list[tuple[str, str]]:
    """Read `NUMBER=LABEL`. Raises InvalidInputError."""
    pairs: list[tuple[str, str]] = []
    for text in labels:
        number, equals, label = text.partition("=")
        if not equals:
            raise InvalidInputError("label", _("not NUMBER=LABEL: {text}").format(text=text))
        pairs.append((number, label))
    return pairs
