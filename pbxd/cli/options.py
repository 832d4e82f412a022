"""How commands declare their options, and how they get them: as one typed value."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

import click

from pbxd.book.fields import BUILT_IN
from pbxd.book.texts import checked_extension
from pbxd.cli.groups import Argument, Option, named
from pbxd.cli.output import printable
from pbxd.cli.session import Session
from pbxd.errors import InvalidInputError
from pbxd.i18n import N_, _

Decorated = TypeVar("Decorated", bound=Callable[..., object])
Request = TypeVar("Request")
_LARGEST = 2**31 - 1  # what every database takes as a number of rows


class Text(click.ParamType[str]):
    """Text from the command line; bytes that are no UTF-8 are a usage error rather than a traceback later."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text as it is."""
        text = str(value)
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            self.fail(_("not valid UTF-8"), param, ctx)
        return text


class Extension(Text):
    """An employee's extension; a text that can't be one is a usage error."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the extension as it is."""
        try:
            return checked_extension("as", super().convert(value, param, ctx))
        except InvalidInputError as error:
            self.fail(printable(str(error)), param, ctx)


class Employee(Text):
    """An employee, by extension or full name; a command gets the extension. Only for a name the database is read."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the extension. Raises InvalidInputError for a name that doesn't say who is meant."""
        text = super().convert(value, param, ctx)
        if param is None or ctx is None or ctx.resilient_parsing or not _has_name(text):
            return text
        field = param.name or ""
        try:
            return _session(ctx).extension_of(field, text)
        except InvalidInputError as error:
            raise InvalidInputError(field, named(field, f"{field}: {error}", [param], BUILT_IN)) from error


class CheckedEmployee(Employee):
    """The same for options whose command doesn't check the extension: what names nobody is a usage error."""

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the extension."""
        try:
            return EXTENSION.convert(super().convert(value, param, ctx), param, ctx)
        except InvalidInputError as error:
            self.fail(printable(str(error.__cause__)), param, ctx)  # the usage error names the option itself


def _has_name(text: str) -> bool:
    """Tell whether a text may be a person's name: it has letters, and nothing that can't be printed."""
    return text.isprintable() and any(map(str.isalpha, text))


class Integer(click.IntRange):
    """A whole number; named in the user's language."""

    @property
    def name(self) -> str:  # type: ignore[override]  # click only reads it
        """Return its name for usage errors."""
        return _("integer")

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's own signature
        """Return what a value is called in the help."""
        return _("N")


class Number(click.FloatRange):
    """A number; named in the user's language."""

    @property
    def name(self) -> str:  # type: ignore[override]  # likewise
        """Return its name for usage errors."""
        return _("number")


TEXT = Text()
EXTENSION = Extension()
EMPLOYEE = Employee()
CHECKED_EMPLOYEE = CheckedEmployee()
EXT_OR_NAME = "EXT|NAME"  # what such a value is called in the help
INTEGER = Integer()
ID = Integer(1)
LIMIT = Integer(1, _LARGEST)
OFFSET = Integer(0, _LARGEST)
FILE = click.Path(path_type=Path)


class Details(TypedDict, total=False):
    """What else may be said of an option or an argument, in click's own words."""

    nargs: int
    type: click.ParamType[Any]
    default: object
    required: bool
    multiple: bool
    metavar: str | None
    show_default: bool
    is_flag: bool
    help: str


def option(*names: str, about: str, **details: Unpack[Details]) -> Callable[[Decorated], Decorated]:
    """Declare an option that takes a value, text unless said otherwise; `about` is its help."""
    details.setdefault("type", TEXT)
    return click.option(*names, cls=Option, help=about, **details)


def flag(*names: str, about: str, default: bool | None = False) -> Callable[[Decorated], Decorated]:
    """Declare an option without a value; with `default=None` a command knows whether it was given."""
    return click.option(*names, cls=Option, help=about, default=default, is_flag=True)


def argument(name: str, **details: Unpack[Details]) -> Callable[[Decorated], Decorated]:
    """Declare an argument; text unless said otherwise."""
    details.setdefault("type", TEXT)
    return click.argument(name, cls=Argument, **details)


def employee_option(*names: str, about: str, checked: bool = False) -> Callable[[Decorated], Decorated]:
    """Declare an option that names an employee by extension or full name; `checked`: see `CheckedEmployee`."""
    kind = CHECKED_EMPLOYEE if checked else EMPLOYEE
    return option(*names, type=kind, default="", metavar=EXT_OR_NAME, about=about)


def employee_argument(*, checked: bool = False) -> Callable[[Decorated], Decorated]:
    """Declare the argument that names an employee; the command gets the extension."""
    return argument("extension", type=CHECKED_EMPLOYEE if checked else EMPLOYEE, metavar=EXT_OR_NAME)


def id_argument(name: str) -> Callable[[Decorated], Decorated]:
    """Declare the argument that is a card's id."""
    return click.argument(name, cls=Argument, type=INTEGER, metavar="ID")


def after_option() -> Callable[[Decorated], Decorated]:
    """Declare the option that names where a page of a list begins."""
    about = N_("Show the page after this cursor; the last line of a page names it.")
    return option("--after", default="", metavar="CURSOR", about=about)


def takes(kind: Callable[..., Request]) -> Callable[[Callable[[Session, Request], None]], Callable[..., None]]:
    """Hand a command its options as one value: a `kind`, whose fields have the options' names."""

    def decorate(command: Callable[[Session, Request], None]) -> Callable[..., None]:
        @click.pass_obj
        @wraps(command)
        def with_request(session: Session, /, **given: object) -> None:
            command(session, kind(**given))

        return with_request

    return decorate


def _session(ctx: click.Context) -> Session:
    found: Session = ctx.find_root().obj
    return found


def _set_json(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    _session(ctx).as_json = bool(value)


def _set_yes(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    _session(ctx).agreed = bool(value)


def _set_employee(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    _session(ctx).employee = str(value)


# Options of many commands. They are the session's: a command's request doesn't have them.
json_option = click.option(
    "--json", cls=Option, is_flag=True, expose_value=False, callback=_set_json, help=N_("Print JSON.")
)
yes_option = click.option(
    "--yes", cls=Option, is_flag=True, expose_value=False, callback=_set_yes, help=N_("Don't ask for confirmation.")
)


def acting_option(name: str, about: str) -> Callable[[Decorated], Decorated]:
    """Declare the option that says which employee acts; without it, it is an administrator."""
    return click.option(
        name,
        cls=Option,
        type=CHECKED_EMPLOYEE,
        default="",
        metavar=EXT_OR_NAME,
        expose_value=False,
        callback=_set_employee,
        help=about,
    )


actor_option = acting_option("--as", N_("Act as this employee."))
