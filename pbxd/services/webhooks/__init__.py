"""Webhooks: events as POST requests to other programs."""
