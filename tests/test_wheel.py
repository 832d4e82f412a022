"""What a wheel brings, and what it leaves out."""

from __future__ import annotations

import gettext
import io
import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
CATALOGUE = "pbxd/locale/ru/LC_MESSAGES/pbxd"


def test_a_wheel_has_compiled_messages_and_what_doctor_compares(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as package:
        names = set(package.namelist())
        russian = gettext.GNUTranslations(io.BytesIO(package.read(f"{CATALOGUE}.mo")))
    assert russian.gettext("unknown key") == "неизвестный ключ"
    assert {"pbxd/py.typed", "pbxd/checkup/pbxd.conf"} <= names
    assert {"pbxd/web/templates/sign_in.html", "pbxd/web/static/pages.css"} <= names
    assert f"{CATALOGUE}.po" not in names
    assert not [name for name in names if name.startswith(("tests/", "tools/")) or name.endswith(".pyc")]
