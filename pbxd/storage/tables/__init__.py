"""All tables. A change needs a migration: tests compare the tables with what the migrations make, on both databases."""

from __future__ import annotations

from pbxd.storage.tables.access import audit, invitations, sessions, tokens, users
from pbxd.storage.tables.book import (
    companies,
    company_emails,
    company_numbers,
    contact_changes,
    contact_emails,
    contact_numbers,
    contact_tags,
    contacts,
    employees,
    extension_ownership,
    favourites,
    number_holdings,
)
from pbxd.storage.tables.calls import call_agents, call_requests, calls, heard, missed_calls, outages
from pbxd.storage.tables.columns import (
    HIGHEST_KEY,
    CompactInstant,
    Instant,
    Key,
    add_postgresql_conditions,
    clean_text,
    metadata,
)
from pbxd.storage.tables.feed import feed
from pbxd.storage.tables.imports import import_changes, import_companies, imports
from pbxd.storage.tables.requests import call_external, company_external, contact_external, request_keys
from pbxd.storage.tables.webhooks import installation, webhook_deliveries, webhooks

__all__ = [
    "HIGHEST_KEY",
    "CompactInstant",
    "Instant",
    "Key",
    "add_postgresql_conditions",
    "audit",
    "call_agents",
    "call_external",
    "call_requests",
    "calls",
    "clean_text",
    "companies",
    "company_emails",
    "company_external",
    "company_numbers",
    "contact_changes",
    "contact_emails",
    "contact_external",
    "contact_numbers",
    "contact_tags",
    "contacts",
    "employees",
    "extension_ownership",
    "favourites",
    "feed",
    "heard",
    "import_changes",
    "import_companies",
    "imports",
    "installation",
    "invitations",
    "metadata",
    "missed_calls",
    "number_holdings",
    "outages",
    "request_keys",
    "sessions",
    "tokens",
    "users",
    "webhook_deliveries",
    "webhooks",
]
