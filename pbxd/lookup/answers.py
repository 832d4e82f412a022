"""The answer to a look-up: what each phone may show, and the JSON for the command line and HTTP. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

from pbxd.lookup.matching import Match, phone_text


class Caller(NamedTuple):
    """Who calls."""

    match: Match  # as the asker may see it
    public: Match  # as everybody may see it

    @property
    def display(self) -> str:
        """What every phone may show. Empty: what the trunk sent."""
        return phone_text(self.public)

    @property
    def private(self) -> str:
        """What only the asker's own phone may show. Empty if it is the same as `display`."""
        if self.match is self.public:
            return ""
        own = phone_text(self.match)
        return "" if own == self.display else own


def match_json(match: Match, *, explain: bool = False) -> dict[str, Any]:
    """Return the JSON form. With `explain`: also the rule that read the number, and the other cards that have it."""
    answer: dict[str, Any] = {
        "status": match.status,
        "number": match.number,
        "name": match.name,
        "company": match.company,
        "contact": match.contact,
        "vip": match.vip,
        "manager": match.manager,
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
