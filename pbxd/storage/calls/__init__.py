"""The history of calls."""
