"""Searching, filtering and paging contacts."""
