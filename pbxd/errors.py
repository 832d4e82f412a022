"""The error tree of pbxd.

Mistakes of users, rules that forbid something, and peers that are away or break their protocol are different classes,
so that a caller can decide by type whether to report, refuse or retry.
"""

from __future__ import annotations


class PbxdError(Exception):
    """Any failure that pbxd reports in one line; `exit_status` is the exit status of the command line."""

    exit_status = 1


class ConfigurationError(PbxdError):
    """The configuration cannot be used; the message names the file and the key."""

    exit_status = 2


class InvalidInputError(PbxdError):
    """Input of a person or program is not valid; `field` names the field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(PbxdError):
    """The object does not exist, or the actor may not know that it does."""


class ConflictError(PbxdError):
    """The object has changed meanwhile (stale version), or the same action is already under way."""


class RefusedError(PbxdError):
    """A rule forbids the action; `reason` is a short stable word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WrongLoginError(RefusedError):
    """Nobody signs in with this login and password; which of them is wrong is not said."""

    def __init__(self, message: str) -> None:
        super().__init__("wrong-login", message)


class TooManyError(RefusedError):
    """Something was tried too often; `retry_after` says in how many seconds it may be tried again."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__("too-many", message)
        self.retry_after = retry_after


class UnavailableError(PbxdError):
    """A peer (PBX, database, the daemon itself) is away or did not answer in time."""


class SchemaError(UnavailableError):
    """The database answers, but this version cannot use its schema; the message names the command that helps."""


class ReplacedError(UnavailableError):
    """Another file has replaced the database that is open; only a restart helps."""


class LostError(UnavailableError):
    """The database existed and is gone. This is an alarm: a new one is made only on request."""


class ProtocolError(PbxdError):
    """A peer sent something that its protocol does not allow."""


class TimelessError(ProtocolError):
    """A stream has no times: nothing in it can be followed."""
