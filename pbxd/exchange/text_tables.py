"""Read tables of text: CSV in any encoding, with any usual separator."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.columns import Headings
from pbxd.exchange.header_rows import recognise
from pbxd.i18n import _

Row = tuple[int, list[str]]  # as a spreadsheet counts rows

_SEPARATORS: Final = ";,\t|"
_SAMPLE: Final = 40  # rows in which the header is searched
_CHUNK: Final = 1 << 20
_OTHER_ENCODINGS: Final = ("cp1251", "cp866", "koi8-r", "mac_cyrillic")
_MOSTLY: Final = 10  # so many letters are right in UTF-8 for each wrong one
_END: Final = "\x00pbxd: the end of the file\x00"
_NAMED_SEPARATOR: Final = "sep="  # Excel's line before the header


def read_csv(file: Path, headings: Headings) -> Iterator[Row]:
    """Yield the rows. Raises InvalidInputError."""
    encoding = _encoding(file, headings)
    sample = _sample(file, encoding)
    separator = max(_SEPARATORS, key=lambda each: _separator_score(sample, each, headings))
    return _rows(file, encoding, separator)


def text_encoding(file: Path) -> str:
    """Return the encoding: by the byte order mark, UTF-16 by its zeros, UTF-8 if nearly all of it is, else nothing."""
    with file.open("rb") as stream:
        head = stream.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in head[:200]:
            return "utf-16-le" if head[1:200:2].count(0) > head[:200:2].count(0) else "utf-16-be"
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        wrong = right = 0
        while chunk := stream.read(_CHUNK):
            text = decoder.decode(chunk)
            wrong += text.count("\ufffd")
            right += sum(character > "\x7f" for character in text) if not text.isascii() else 0
    return "utf-8-sig" if wrong == 0 or right - wrong > _MOSTLY * wrong else ""


def _encoding(file: Path, headings: Headings) -> str:
    if found := text_encoding(file):
        return found
    for encoding in _OTHER_ENCODINGS:
        sample = _sample(file, encoding)
        if any(_separator_score(sample, each, headings)[0] for each in _SEPARATORS):
            return encoding
    return _OTHER_ENCODINGS[0]


def _sample(file: Path, encoding: str) -> list[str]:
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        return list(islice(stream, _SAMPLE))


def _rows(file: Path, encoding: str, separator: str) -> Iterator[Row]:
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        reader = csv.reader(_with_end(stream), delimiter=separator)
        try:
            for row, texts in enumerate(reader, start=1):
                if texts == [_END]:
                    return
                if texts and _END in texts[-1]:
                    message = _("row {row}: a quotation mark is opened and never closed")
                    raise InvalidInputError("file", message.format(row=row))
                if row > 1 or not texts or not texts[0].lower().startswith(_NAMED_SEPARATOR):
                    yield row, [cells.unguard_formula(text) for text in texts]
        except csv.Error as error:
            raise InvalidInputError("file", _("not a CSV file: {why}").format(why=error)) from error


def _with_end(stream: Iterator[str]) -> Iterator[str]:
    """Add a last line: a quotation mark that nothing closes takes it into its cell, and so is found."""
    yield from stream
    yield _END


def _separator_score(sample: Sequence[str], separator: str, headings: Headings) -> tuple[int, int]:
    """Rate a separator: by the columns that are known with it, then by how often it occurs."""
    try:
        rows = list(csv.reader(io.StringIO("".join(sample), newline=""), delimiter=separator))
    except csv.Error:
        return 0, 0
    found = recognise(rows, headings)
    return found.known if found else 0, "".join(sample).count(separator)
