"""The options of `contacts add` and `contacts edit`, and the requests made from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pbxd.cli.options import Decorated, flag, option
from pbxd.errors import InvalidInputError
from pbxd.i18n import N_, _
from pbxd.services.contact_edits import AddContact, EditContact, Typed

_TEXTS = {  # field: its option, the value's name in the help, the help
    "name": ("--name", None, N_("Full name.")),
    "company": ("--company", None, N_("Company. One that isn't known yet is created.")),
    "position": ("--position", None, N_("Position in the company.")),
    "manager": ("--manager", "EXT", N_("Extension of the responsible employee.")),
    "comment": ("--comment", None, N_("A comment.")),
    "birth_date": ("--birth-date", "YYYY-MM-DD", N_("Date of birth.")),
    "owner": ("--owner", "EXT", N_("Owner of a personal contact.")),
}
_LISTS = {  # field with several texts: the name of one of them in options, the help
    "numbers": ("number", N_("A number, with the client's extension if there is one. May be repeated.")),
    "tags": ("tag", N_("A tag. May be repeated.")),
    "emails": ("email", N_("An e-mail address. May be repeated.")),
}
_VIP = N_("Goes to the head of every queue.")
_LABEL = option(
    "--label",
    "labels",
    multiple=True,
    metavar="NUMBER=LABEL",
    about=N_("What one of the numbers is, such as mobile or work. May be repeated."),
)


def of_new_contact(command: Decorated) -> Decorated:
    """Declare the options that `add_contact` takes."""
    options = [
        *(_text(field, required=field == "name") for field in _TEXTS),
        *(option(f"--{one}", field, multiple=True, about=about) for field, (one, about) in _LISTS.items()),
        _LABEL,
        flag("--vip", about=_VIP),
        flag("--personal", about=N_("Only its owner sees it.")),
    ]
    return _declared(command, options)


def of_edited_contact(command: Decorated) -> Decorated:
    """Declare the options that `edit_contact` takes."""
    options = [
        *map(_text, _TEXTS),
        *(
            option(f"--{way}-{one}", f"{way}_{field}", multiple=True, about=about)
            for field, (one, about) in _LISTS.items()
            for way in ("add", "remove")
        ),
        option("--main-number", default="", about=N_("The number to call by default.")),
        _LABEL,
        flag("--vip/--no-vip", default=None, about=_VIP),
        flag("--shared/--personal", default=None, about=N_("Everybody sees it, or only its owner.")),
    ]
    return _declared(command, options)


def add_contact(*, labels: Sequence[str], personal: bool, **given: Typed | None) -> AddContact:
    """Return the request that the options of `contacts add` make. Raises InvalidInputError."""
    values = {field: value for field, value in given.items() if value is not None}
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
    values = {field: value for field in (*_TEXTS, "vip") if (value := given[field]) is not None}
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


def _texts(given: Mapping[str, Typed | None], way: str) -> dict[str, Sequence[str]]:
    """Return what `--add-…` or `--remove-…` name, by field."""
    texts = {field: given[f"{way}_{field}"] for field in _LISTS}
    return {field: some for field, some in texts.items() if some and not isinstance(some, str | bool)}


def _text(field: str, *, required: bool = False) -> Callable[[Decorated], Decorated]:
    name, metavar, about = _TEXTS[field]
    return option(name, field, about=about, required=required, metavar=metavar)


def _declared(command: Decorated, options: Sequence[Callable[[Decorated], Decorated]]) -> Decorated:
    for declare in reversed(options):  # as decorators one above the other would
        command = declare(command)
    return command


def _visibility(*, shared: bool) -> str:
    return "shared" if shared else "personal"


def _pairs(labels: Sequence[str]) -> list[tuple[str, str]]:
    """Read `NUMBER=LABEL`. Raises InvalidInputError."""
    pairs = [text.partition("=") for text in labels]
    for text, (_number, equals, _label) in zip(labels, pairs, strict=True):
        if not equals:
            raise InvalidInputError("label", _("not NUMBER=LABEL: {text}").format(text=text))
    return [(number, label) for number, _equals, label in pairs]
