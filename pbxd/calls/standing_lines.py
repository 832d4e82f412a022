"""Lines that serve many calls: an agent's or a dialler's call without a client of its own talks in clients' calls.

Such a line lends its phone to a client's call. It stays a call of its own, unless it served only that one to the end.
"""

from __future__ import annotations

from pbxd.calls.legs import Leg, rooms
from pbxd.calls.live_call import LiveCall


def borrower(call: LiveCall) -> LiveCall | None:
    """Return the client's call of which an ended call becomes a part: its last phone talked there until the end.

    Another program bridged the two. A line that served several calls, or went on, stays a call
    of its own.
    """
    if call.has_outside or not call.lent_to_the_end:
        return None
    found = {_final_call(other) for other in call.lent_to}
    return found.pop() if len(found) == 1 and call not in found else None


def _final_call(call: LiveCall) -> LiveCall:
    """Return the call of which this one became a part, in the end; itself if of none."""
    while call.merged is not None:
        call = call.merged
    return call


def client_call_of(call: LiveCall) -> LiveCall | None:
    """Return the client's call in which the phones of this call talk, for a call found in a snapshot without a caller.

    A transfer in the gap brought them there.
    """
    if not call.began_in_gap or call.resumed or call.caller is not None or call.has_outside:
        return None
    found = {other.call for room in rooms(call) if room.lends for other in room.others if other.is_outside}
    return found.pop() if len(found) == 1 else None


def leaves_line(by: Leg, given: Leg | None, to: Leg) -> bool:
    """Whether the transfer connects a client with a party that the transferer's standing line dialled.

    The line then goes on without those two.
    """
    line = by.call
    return (
        line is not None and not line.has_outside and to.call is line and given is not None and given.call is not line
    )
