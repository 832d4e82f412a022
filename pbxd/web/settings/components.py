"""`/settings/components`: the design system: type, spacing, colours, and the parts that pages are made of."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pbxd.i18n import _
from pbxd.web.frame import Visit
from pbxd.web.pages import Page
from pbxd.web.settings.sections import SETTINGS, administrator, section

_SIZES: Final = ("title", "large", "normal", "small")
_STEPS: Final = (4, 8, 12, 16, 24, 48)
_COLOURS: Final = (
    "page", "sheet", "raised", "line", "text", "soft", "accent", "on-accent", "tint", "hover", "wrong", "good", "vip",
    "vip-tint",
)  # fmt: skip


async def _show_components(visit: Visit) -> web.StreamResponse:
    return section(
        visit,
        "components",
        sizes=_SIZES,
        steps=_STEPS,
        colours=_COLOURS,
        values={"name": _("Anna Kim"), "role": "agent", "vip": "1", "mail": "anna@"},
        errors={"mail": _("This is no e-mail address")},
    )


PAGES = (Page("GET", f"{SETTINGS}/components", administrator(_show_components)),)
