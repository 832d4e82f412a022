"""The error tree of pbxd.

Mistakes of users, rules that forbid something, and peers that are away or break their protocol are different classes,
so that a caller can decide by type whether to report, refuse or retry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager


class PbxdError(Exception):
    """Any failure that pbxd reports in one line; `exit_status` is the exit status of the command line."""

    exit_status = 1


class ConfigurationError(PbxdError):
    """The configuration cannot be used; the message names the file and the key."""

    exit_status = 2


class InvalidInputError(PbxdError):
    """Input of a person or program is not valid; `field` names the field.

    `at`: where in a list or an object of that field, such as `(0, "number")`. `code`: a stable word for programs.
    """

    def __init__(self, field: str, message: str, *, at: tuple[int | str, ...] = (), code: str = "invalid") -> None:
        super().__init__(message)
        self.field = field
        self.at = at
        self.code = code

    @property
    def mistakes(self) -> tuple[InvalidInputError, ...]:
        """Everything that is wrong."""
        return (self,)


class InvalidInputsError(InvalidInputError):
    """Several things in one input are not valid; it reads like the first one."""

    def __init__(self, mistakes: Sequence[InvalidInputError]) -> None:
        first = mistakes[0]
        super().__init__(first.field, str(first), at=first.at, code=first.code)
        self._mistakes = tuple(mistakes)

    @property
    def mistakes(self) -> tuple[InvalidInputError, ...]:
        """Everything that is wrong."""
        return self._mistakes


class Mistakes:
    """Collects what is wrong with one input, so that all of it can be told at once."""

    def __init__(self) -> None:
        self._found: list[InvalidInputError] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Keep an InvalidInputError of the block instead of raising it."""
        try:
            yield
        except InvalidInputError as error:
            self.add(error)

    def add(self, error: InvalidInputError) -> None:
        """Keep an error."""
        self._found += error.mistakes

    def names(self, field: str) -> bool:
        """Tell whether something is wrong with a field."""
        return any(each.field == field for each in self._found)

    def refuse(self, first: Iterable[str] = ()) -> None:
        """Raise what was collected, if anything. `first`: fields that are named before the others."""
        order = {field: place for place, field in enumerate(first)}
        found = sorted(self._found, key=lambda each: order.get(each.field, len(order)))
        if found:
            raise InvalidInputsError(found) if len(found) > 1 else found[0]


class NotFoundError(PbxdError):
    """The object does not exist, or the actor may not know that it does."""


class AbsentError(NotFoundError):
    """One of several things that a request names does not exist; `reason` is a short stable word for which."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ConflictError(PbxdError):
    """The object has changed meanwhile (stale version), or the same action is already under way."""


class StaleError(ConflictError):
    """The object has another version than the one that the request names."""


class NameTakenError(ConflictError):
    """Another object has the name already; `name` is how that one writes it."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class RefusedError(PbxdError):
    """A rule forbids the action; `reason` is a short stable word for programs.

    `retry_after`: in how many seconds it may be allowed; None: that is not a question of time.
    """

    def __init__(self, reason: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after = retry_after


class WrongLoginError(RefusedError):
    """Nobody signs in with this login and password; which of them is wrong is not said."""

    def __init__(self, message: str) -> None:
        super().__init__("wrong-login", message)


class UnavailableError(PbxdError):
    """A peer (PBX, database, the daemon itself) is away or did not answer in time."""


class StorageError(UnavailableError):
    """The database can't be used now. The message contains its location, so only local administrators may see it."""


class SchemaError(StorageError):
    """The database answers, but this version cannot use its schema; the message names the command that helps."""


class ReplacedError(StorageError):
    """Another file has replaced the database that is open; only a restart helps."""


class LostError(StorageError):
    """The database existed and is gone. This is an alarm: a new one is made only on request."""


class ProtocolError(PbxdError):
    """A peer sent something that its protocol does not allow."""


class TimelessError(ProtocolError):
    """A stream has no times: nothing in it can be followed."""
