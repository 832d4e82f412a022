"""Write workbooks by XlsxWriter, row by row to temporary files that are always removed.

Every text is a string cell, whatever it begins with, so that no input becomes a formula (CWE-1236).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException

from pbxd.files import unwritable

_OPTIONS = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}


@contextmanager
def new_workbook(part: Path, file: Path) -> Iterator[Any]:
    """Yield XlsxWriter's workbook. It is written to `part` at the end; errors name `file`.

    Raises UnavailableError when it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="pbxd-") as folder:
        book: Any = Workbook(str(part), {**_OPTIONS, "tmpdir": folder})
        try:
            yield book
            close(book, file)
        finally:
            for sheet in book.worksheets():  # of a workbook that was not closed
                with suppress(OSError):
                    sheet.row_data_fh.close()


def close(book: Any, file: Path) -> None:  # noqa: ANN401 - XlsxWriter's own
    """Write the workbook. A second call does nothing. Raises UnavailableError."""
    if book.fileclosed:
        return
    try:
        book.close()
    except (OSError, XlsxWriterException) as error:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        raise unwritable(file, cause) from error
