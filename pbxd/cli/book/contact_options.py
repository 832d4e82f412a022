"""The options of `contacts add` and `contacts edit`, made from the registry of fields, and the requests they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Unpack

import click

from pbxd.book.field_kinds import LIST_KINDS, Kind
from pbxd.book.fields import BUILT_IN, Field
from pbxd.cli.groups import Option
from pbxd.cli.options import TEXT, Decorated, Details, flag, option
from pbxd.errors import InvalidInputError
from pbxd.i18n import N_, Texts, _
from pbxd.services.contact_edits import AddContact, EditContact, Typed

_METAVARS: Final[Mapping[Kind, str]] = {"employee": "EXT", "date": "YYYY-MM-DD"}
_LABEL = option(
    "--label",
    "labels",
    multiple=True,
    metavar="NUMBER=LABEL",
    about=N_("What one of the numbers is, such as mobile or work. May be repeated."),
)
_SINGLE = tuple(field for field in BUILT_IN if field.kind not in LIST_KINDS and field.kind != "visibility")
_LISTS = tuple(field for field in BUILT_IN if field.kind in LIST_KINDS)


class FieldOption(Option):
    """An option whose help is in the registry of fields."""

    def __init__(self, param_decls: Sequence[str], texts: Texts, **details: Unpack[Details]) -> None:
        super().__init__(param_decls, help=texts.en, **details)
        self._texts = texts

    def _translated(self) -> str:
        return str(self._texts)

    help = property(_translated, Option.help.fset)


def of_new_contact(command: Decorated) -> Decorated:
    """Declare the options that `add_contact` takes."""
    return _declared(
        command,
        *(_option(field, f"--{field.option}", field.name) for field in _SINGLE),
        *(_option(field, f"--{field.option}", field.name) for field in _LISTS),
        _LABEL,
        flag("--personal", about=N_("Only its owner sees it.")),
    )


def of_edited_contact(command: Decorated) -> Decorated:
    """Declare the options that `edit_contact` takes."""
    return _declared(
        command,
        *(_option(field, _edited(field), field.name, required=False, default=None) for field in _SINGLE),
        *(
            _option(field, f"--{way}-{field.option}", f"{way}_{field.name}")
            for field in _LISTS
            for way in ("add", "remove")
        ),
        option("--main-number", default="", about=N_("The number to call by default.")),
        _LABEL,
        flag("--shared/--personal", default=None, about=N_("Everybody sees it, or only its owner.")),
    )


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
    values = {field.name: value for field in _SINGLE if (value := given[field.name]) is not None}
    if shared is not None:
        values["visibility"] = _visibility(shared=shared)
    return EditContact(
        contact_id=contact_id,
        version=version,
        values=values,
        added=_texts(given, "add"),
        removed=_texts(given, "remove"),
        main_number=main_number,
        labels=_pairs(labels),
    )


def _option(field: Field, *names: str, **details: Unpack[Details]) -> Callable[[Decorated], Decorated]:
    more: Details = {"type": TEXT, "required": field.kind == "name", "multiple": field.kind in LIST_KINDS}
    if field.kind == "flag":
        more = {"is_flag": True, "default": False}
    return click.option(*names, cls=FieldOption, texts=field.help, metavar=_METAVARS.get(field.kind), **more | details)


def _edited(field: Field) -> str:
    return f"--{field.option}/--no-{field.option}" if field.kind == "flag" else f"--{field.option}"


def _declared(command: Decorated, *options: Callable[[Decorated], Decorated]) -> Decorated:
    for declare in reversed(options):  # as decorators one above the other would
        command = declare(command)
    return command


def _texts(given: Mapping[str, Typed | None], way: str) -> dict[str, Sequence[str]]:
    """Return what `--add-…` or `--remove-…` name, by field."""
    texts = {field.name: given[f"{way}_{field.name}"] for field in _LISTS}
    return {name: some for name, some in texts.items() if some and not isinstance(some, str | bool)}


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
