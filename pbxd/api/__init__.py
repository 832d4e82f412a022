"""The JSON API: a module a resource, each with its models, its handlers and what the OpenAPI document says of them."""

from __future__ import annotations

from aiohttp import web

from pbxd.api import (
    audit,
    calls,
    click_to_call,
    companies,
    contacts,
    employees,
    events,
    health,
    imports,
    live_calls,
    lookup,
    metrics,
    openapi,
    queues,
    recordings,
    reference_page,
    sessions,
    tokens,
    users,
    webhooks,
)
from pbxd.http.operations import serve

RESOURCES = (
    lookup.resource,
    contacts.resource,
    companies.resource,
    employees.resource,
    imports.resource,
    calls.resource,
    live_calls.resource,
    recordings.resource,
    click_to_call.resource,
    queues.resource,
    events.resource,
    health.resource,
    metrics.resource,
    audit.resource,
    users.resource,
    tokens.resource,
    webhooks.resource,
    sessions.resource,
    openapi.resource,
    reference_page.resource,
)


def mount(app: web.Application) -> None:
    """Serve the whole API."""
    serve(app, RESOURCES)
