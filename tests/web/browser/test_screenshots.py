"""`make screenshots` writes small pictures of both widths."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.web.browser.catalogue import VIEWS
from tests.web.browser.screenshots import Album


@pytest.mark.soak
async def test_each_view_is_photographed_at_both_widths(tmp_path: Path) -> None:
    await Album(tmp_path).fill([view for view in VIEWS if view.name == "me"])
    assert widths(tmp_path) == {"me-1280.png": 1280, "me-390.png": 390}


def widths(folder: Path) -> dict[str, int]:
    found = {}
    for file in folder.iterdir():
        with Image.open(file) as picture:
            found[file.name] = picture.width
        assert file.stat().st_size < 50_000
    return found
