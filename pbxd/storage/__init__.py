"""The database: the only home of SQLAlchemy, of which it uses the core alone."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType


class _LeftOut(ModuleType):
    """Stands for a module while another one takes names from it that nobody uses."""

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _import_asyncio_without_orm() -> None:
    """Import `sqlalchemy.ext.asyncio` without its sessions: they bring the ORM along, 6 MB and 0.1 s for nothing.

    In versions that are not known to allow it, it comes as it is.
    """
    package = "sqlalchemy.ext.asyncio"
    if package in sys.modules or import_module("sqlalchemy").__version__.split(".")[:2] not in (["2", "0"], ["2", "1"]):
        return
    parts = {name: _LeftOut(name) for name in (f"{package}.scoping", f"{package}.session")}
    sys.modules |= parts
    try:
        import_module(package)
    finally:
        for name in parts:
            del sys.modules[name]


_import_asyncio_without_orm()
