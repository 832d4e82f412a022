from __future__ import annotations

import json

from pbxd.lookup.answers import match_json
from pbxd.lookup.matching import Match, Rival


def test_the_public_form_is_the_contracts() -> None:
    match = Match("found", "+79161234567", "Фронкин", "Ромашка", 7, vip=True, manager="101", rule="national-8")
    assert match_json(match) == {
        "status": "found",
        "number": "+79161234567",
        "name": "Фронкин",
        "company": "Ромашка",
        "contact": 7,
        "vip": True,
        "manager": "101",
    }


def test_an_explained_answer_adds_the_rule_and_the_rivals() -> None:
    rivals = (Rival("contact", 8, "Борис", "Лютик"), Rival("employee", "101", "Иванов"))
    answer = match_json(Match("shared", "+79161234567", "Анна", rule="e164", rivals=rivals), explain=True)
    assert answer["rule"] == "e164"
    assert [rival["name"] for rival in answer["rivals"]] == ["Борис", "Иванов"]
    assert json.loads(json.dumps(answer)) == answer
