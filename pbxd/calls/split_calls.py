"""Take apart what a snapshot shows as one call: several clients whom the PBX gave one linkedid.

Part of the state machine; only `calls.snapshots` uses it. It happens when pbxd starts for the first time, or when calls
began and met in a gap: no record and no event then shows that the clients once called on their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from pbxd.calls import leg_events
from pbxd.calls.identity import beginning
from pbxd.calls.legs import Leg
from pbxd.calls.live_call import LiveCall
from pbxd.calls.party_numbers import readable
from pbxd.calls.record import Gap, moment
from pbxd.calls.registry import Registry


def split(registry: Registry, callers: Sequence[Leg], at: float) -> None:
    """Give each client a call of its own, if a call that began in a gap has several.

    `callers` are the outside legs that nobody dialled. One alone may have been called and transferred before, so its
    call stays as it is.
    """
    clients: dict[LiveCall, list[Leg]] = defaultdict(list)
    for leg in callers:
        if leg.call is not None and leg.call.began_in_gap and not leg.call.resumed:
            clients[leg.call].append(leg)
    for call, found in clients.items():
        if len(found) > 1:
            _split_call(registry, call, found, at)


def _split_call(registry: Registry, call: LiveCall, clients: Sequence[Leg], at: float) -> None:
    partners = _partners(call, clients)
    own_calls: list[tuple[LiveCall, Leg]] = []
    for client in clients:
        if client.channel != call.record.linkedid:  # else it is this client's own call
            own = registry.open_call(client.channel, min(beginning(client.channel, at, registry.ids), at))
            own.began_in_gap = True
            own.record.gaps.append(Gap(moment(own.at), moment(at)))
            for leg in (client, *partners[client]):
                registry.move(leg, own, at)
            own_calls.append((own, client))
    for each in (call, *(own for own, _client in own_calls)):
        each.forget_answers()  # the legs were together until here
    for own, client in own_calls:
        leg_events.set_caller(registry, own, client)
    for each in registry.calls:
        registry.update(each)


def _partners(call: LiveCall, clients: Sequence[Leg]) -> dict[Leg, list[Leg]]:
    """Return the called legs that go with each client: they hear that client alone, or ring for its number."""
    found: dict[Leg, list[Leg]] = defaultdict(list)
    for leg in call.legs.values():
        if leg in clients or not leg.called:
            continue
        near = [each for bridge in leg.bridge.connected() for each in bridge.legs] if leg.bridge else []
        shown = readable(leg.connected, call.rules).number
        theirs = [client for client in clients if client in near or (not near and call.identity(client) == shown)]
        if len(theirs) == 1:
            found[theirs[0]].append(leg)
    return found
