"""Tables of the history: calls, who took part, gaps, and requests for calls."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, ForeignKey, Index, Integer, Table, UniqueConstraint

from pbxd.storage.tables.columns import CleanText, CompactInstant, Instant, Key, SortedText, metadata, partial_index

# Filters of the history besides time and people. Each index has them all, so that a filter reads no rows.
_FACETS = ("direction", "outcome", "queue", "talk_seconds")
_WHOLE = "merged_into IS NULL"  # a call that became part of another is not listed
_PART = "merged_into IS NOT NULL"


def _calls_index(name: str, *columns: str, where: str = _WHOLE) -> Index:
    """Make an index that holds `merged_into`: SQLite reads it for the condition although the index implies it."""
    others = [facet for facet in _FACETS if facet != columns[0]]
    return partial_index(name, *columns, *others, "merged_into", where=where)


calls = Table(
    "calls",
    metadata,
    Column("seq", Key, primary_key=True),  # short, for references inside the database only
    Column("id", SortedText, nullable=False),
    Column("pbx", CleanText, nullable=False),
    Column("linkedid", CleanText, nullable=False),
    Column("direction", CleanText, nullable=False),
    Column("outcome", CleanText),  # null while the call lasts
    Column("started", CompactInstant, nullable=False),
    Column("answered", CompactInstant),
    Column("ended", CompactInstant),
    Column("caller_number", CleanText),
    Column("callee_number", CleanText),
    Column("queue", CleanText),
    Column("talk_seconds", Float, nullable=False),
    Column("merged_into", SortedText),  # the id of the older call that this one became part of
    Column("record", JSON, nullable=False),  # the rest of the CallRecord; see `storage.calls.call_rows`
    UniqueConstraint("id"),
    Index("ix_calls_ended", "ended"),
    partial_index("ix_calls_merged", "started", where=_PART),
    _calls_index("ix_calls_started", "started", "seq"),
    _calls_index("ix_calls_outcome", "outcome", "started", "seq"),
    _calls_index("ix_calls_queue", "queue", "started", "seq"),
    _calls_index("ix_calls_talk_seconds", "talk_seconds", "started", "seq", where=f"{_WHOLE} AND talk_seconds > 0"),
    _calls_index("ix_calls_caller_number", "caller_number", "started", "seq"),
    _calls_index("ix_calls_callee_number", "callee_number", "started", "seq"),
)

call_agents = Table(
    "call_agents",  # of listed calls only; with the facets, so that an employee's calls are filtered here
    metadata,
    Column("extension", CleanText, primary_key=True),
    Column("started", CompactInstant, primary_key=True),
    Column("call_seq", Key, ForeignKey("calls.seq", ondelete="CASCADE"), primary_key=True),
    Column("direction", CleanText, nullable=False),
    Column("outcome", CleanText),
    Column("queue", CleanText),
    Column("talk_seconds", Float, nullable=False),
    Index("ix_call_agents_call_seq", "call_seq"),
    sqlite_with_rowid=False,
)

missed_calls = Table(
    "missed_calls",  # whose phones rang where nobody answered
    metadata,
    Column("extension", CleanText, primary_key=True),
    Column("started", CompactInstant, primary_key=True),
    Column("call_seq", Key, ForeignKey("calls.seq", ondelete="CASCADE"), primary_key=True),
    Index("ix_missed_calls_call_seq", "call_seq"),
    sqlite_with_rowid=False,
)

call_requests = Table(
    "call_requests",
    metadata,
    Column("key", CleanText, primary_key=True),  # the caller's name for the request; the same one is not done twice
    Column("digest", CleanText, nullable=False),  # SHA-256 of the request
    Column("call_id", CleanText, nullable=False),  # of the call that came of it; it has no row when nobody was reached
    Column("at", Instant, nullable=False),
    Index("ix_call_requests_at", "at"),
)

outages = Table(
    "outages",
    metadata,
    Column("id", Key, primary_key=True),
    Column("pbx", CleanText, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("why", CleanText, nullable=False),  # link, overflow, pbxd, restart, storage
    Column("calls", Integer),  # how many are missing; null: unknown
    Column("filled", Instant),  # when the PBX log of that time was read into the history
    Column("filled_from", CleanText),  # cel
    Column("filled_calls", Integer),  # how many calls were added or completed
    Index("ix_outages_until", "until"),
    sqlite_autoincrement=True,
)

heard = Table(
    "heard",
    metadata,
    Column("pbx", CleanText, primary_key=True),
    Column("at", Instant, nullable=False),  # the history has everything up to then, by the PBX's clock
)
