"""A match as programs get it: the same JSON from the command line and over HTTP. Pure."""

from __future__ import annotations

from typing import Any

from pbxd.lookup.matching import Match


def match_json(match: Match, *, explain: bool = False) -> dict[str, Any]:
    """Return the public form; with `explain`, also which rule read the number and which other cards have it."""
    answer: dict[str, Any] = {
        "status": match.status,
        "number": match.number,
        "name": match.name,
        "company": match.company,
        "contact": match.contact,
        "vip": match.vip,
        "manager": match.manager or (None if match.manager_id else ""),
        "manager_id": match.manager_id or None,
        "manager_name": match.manager_name,
    }
    if explain:
        answer |= {
            "employee": match.employee,
            "rule": match.rule,
            "rivals": [
                {"kind": each.kind, "id": each.key, "name": each.name, "company": each.company} for each in match.rivals
            ],
        }
    return answer
