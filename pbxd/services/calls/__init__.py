"""Calls as people see them: under way, in the history, on cards; names, gaps and recordings."""
