"""The error tree of pbxd.

Our users' mistakes, rules that forbid something, and peers that are away or talk nonsense are different classes,
so that every caller can decide by type whether to report, refuse or retry.
"""

from __future__ import annotations


class PbxdError(Exception):
    """Any failure pbxd reports in one clear line; `exit_status` is what the command line returns for it."""

    exit_status = 1


class ConfigurationError(PbxdError):
    """The configuration can't be used; the message names the file and the key."""

    exit_status = 2


class InvalidInputError(PbxdError):
    """What a person or program sent can't be accepted; `field` names the offending field."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotFoundError(PbxdError):
    """The thing asked for doesn't exist, or the asker may not know that it does."""


class ConflictError(PbxdError):
    """The thing changed meanwhile (a stale version), or the same thing is already under way."""


class RefusedError(PbxdError):
    """A rule forbids it; `reason` is a short stable word for programs."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnavailableError(PbxdError):
    """A peer (PBX, database, the daemon itself) is away or didn't answer in time."""


class SchemaError(UnavailableError):
    """The database answers, but isn't one this version can use as it is; the message names the command that helps."""


class ReplacedError(UnavailableError):
    """What we have open isn't what stands at its place any more; only a new start helps."""


class LostError(UnavailableError):
    """The database that was there is gone, which is an alarm: another one is made only when somebody says so."""


class ProtocolError(PbxdError):
    """A peer sent something its protocol doesn't allow."""


class TimelessError(ProtocolError):
    """A stream tells no times at all: nothing of it can be followed."""
