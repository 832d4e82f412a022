"""What all tables share: the metadata, column types that mean the same on both databases, and partial indexes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, Integer, MetaData, Text, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

HIGHEST_KEY = 2**63 - 1
Key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER


def clean_text(words: str) -> str:
    """Replace by U+FFFD what a database can't store: NUL (PostgreSQL has none) and single surrogates.

    The book refuses such text. Text from the PBX or from a search must not make a statement fail.
    """
    if "\0" not in words:
        try:
            words.encode()
        except UnicodeEncodeError:  # a half of a pair
            pass
        else:
            return words
    return words.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class CleanText(TypeDecorator[str]):
    """Text that goes through `clean_text` when it is stored."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make it clean_text."""
        del dialect
        return None if value is None else clean_text(value)


SortedText = CleanText().with_variant(CleanText(collation="C"), "postgresql")  # by code point, as SQLite does


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime. SQLite has no time zones: it stores text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a datetime without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Return what makes a UTC datetime of the driver's value; on SQLite in one step, because exports make many."""
        if dialect.name == "sqlite":
            return _instant_of_text
        return super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time in UTC."""
        del dialect
        return None if value is None else value.astimezone(UTC)


def _instant_of_text(text: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{text}+00:00") if text else None


class CompactInstant(TypeDecorator[datetime]):
    """An aware UTC datetime, short in indexes: SQLite stores microseconds since 1970, a third of the text's size."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - an integer or a datetime
        """Refuse a datetime without a time zone, as `Instant` does."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - an integer or a datetime
        """Return the time in UTC."""
        if value is None:
            return None
        found: datetime = _EPOCH + value * _MICROSECOND if dialect.name == "sqlite" else value.astimezone(UTC)
        return found


_conditions: dict[Index, str] = {}


def partial_index(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Make an index of the rows that meet a condition. PostgreSQL learns of it from `add_postgresql_conditions`."""
    index = Index(name, *columns, unique=unique, sqlite_where=text(where))
    _conditions[index] = where
    return index


def add_postgresql_conditions() -> None:
    """Give the partial indexes their conditions for PostgreSQL.

    Not done at import: SQLAlchemy would load PostgreSQL's dialect (2 MB) where SQLite is used.
    """
    for index, where in _conditions.items():
        index.dialect_kwargs["postgresql_where"] = text(where)
