"""`/settings/…`: what administrators set and see."""

from pbxd.web.settings import audit, checks, components, numbers, tokens, users, webhooks

PAGES = (
    *users.PAGES,
    *tokens.PAGES,
    *webhooks.PAGES,
    *numbers.PAGES,
    *checks.PAGES,
    *audit.PAGES,
    *components.PAGES,
)
