"""Make a table of the entries of files that have no columns, such as LDIF and XML. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from pbxd.exchange import cells

Entry = dict[str, list[str]]  # values by name


def as_table(
    read: Callable[[], Iterator[tuple[int, Entry]]], *, without: Collection[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Yield the names that entries have as row 0, then each entry as a row under its own number.

    `read` yields the numbered entries from the first one on. It is called twice, because the last entry may have a name
    that no other has. Several values of a name share a cell.
    """
    names: dict[str, None] = {}
    for _place, entry in read():
        names.update(dict.fromkeys(entry))
    heads = [name for name in names if name not in without]
    yield 0, heads
    for place, entry in read():
        yield place, [_cell(entry.get(head, ())) for head in heads]


def _cell(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else cells.join_values(values)
