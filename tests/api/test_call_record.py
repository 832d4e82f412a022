"""The model of a call's record has exactly what records have: those of every capture go through it unchanged."""

from __future__ import annotations

import json
from typing import Any

from pbxd.api.call_record import CallAnswer
from pbxd.history.replay import replay
from pbxd.settings import Settings
from tests.calls.histories import CAPTURES, FLOWS
from tests.http.contract import reference, validate

MEMBERS = set(CallAnswer.model_fields)


def test_every_record_goes_through_unchanged() -> None:
    seen: set[str] = set()
    for flow in FLOWS[::4]:  # of many kinds; all of them take a while
        for record in replay(CAPTURES / flow / "stream.ami", Settings()):
            call: dict[str, Any] = record.to_json()
            for party in ("caller", "callee"):
                call[party]["shown_name"] = None
            call["external"] = {}  # beside the record, in a table of its own
            seen |= call.keys()
            answered = json.loads(CallAnswer.model_validate(call).encoded())
            assert answered == call, flow
            assert list(answered) == list(call), "in the same order"
            validate(answered, reference("CallAnswer"))
    assert MEMBERS - seen == {"state", "reason"}
