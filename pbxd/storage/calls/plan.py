"""By which filter's index a page of calls is read.

Every filter but the direction, of which there are three, has an index that holds all the others' columns too, so that
no rows are read but those shown. Of several filters the one with the fewest calls is read.

SQLite knows only averages: to it, all queues have the same number of calls. Measured with 400,000 calls, 192 filters,
processor time of a first page: chosen here, median 3 ms, worst 7; chosen by SQLite, 5 and 103.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from sqlalchemy import Connection, ScalarSelect, Select, func, select

from pbxd.storage.calls.call_filter import CallFilter, SeenCalls, is_seen
from pbxd.storage.calls.statements import calls_of_agent, listed, newest_first, read_by_index
from pbxd.storage.tables import calls

# An index's first column; agent: `call_agents`. Two are several lists put together: circle: one for each extension and
# queue; unreached: one for each outcome of a client who reached nobody.
Plan = Literal["talk_seconds", "agent", "queue", "outcome", "started", "circle", "unreached"]
FILTERS: tuple[Plan, ...] = ("talk_seconds", "agent", "queue", "outcome")
FEW = 5_000  # a filter with no more calls than that is chosen
_FEW_LISTS = 10  # put together they cost less than a look at how dense they are
_PROBED, _DENSE = 400, 10  # calls that are looked at, of which one in so many is enough
_MOST_LISTS = 600  # of a larger circle all calls are read: many of them are its


def choose(connection: Connection, wanted: CallFilter) -> Plan:
    """Choose the filter with the fewest calls: its FEWth newest call is the oldest, or it has no such call."""
    if wanted.spans is not None:  # an agent who is new here has fewer calls than an old client
        few = wanted.agent and connection.execute(select(_few_start("agent", wanted))).scalar_one() is None
        return "agent" if few else "started"
    given: list[Plan] = [name for name in FILTERS if _given(wanted, name)]
    circle = None if wanted.agent else circle_of(wanted)
    if circle:
        many = len(circle.extensions) + len(circle.queues) > _FEW_LISTS
        filtered = given or wanted.no_callback or wanted.direction
        return "started" if many and not filtered and _is_dense(connection, wanted) else "circle"
    if not given:
        return "unreached" if wanted.no_callback else "started"
    if len(given) == 1 and given[0] != "talk_seconds":
        return given[0]
    starts = [_few_start(name, wanted) for name in given]
    reach = dict(zip(given, connection.execute(select(*starts)).one(), strict=True))
    rare = [name for name in given if reach[name] is None]
    if rare:
        return rare[0]
    rest = [name for name in given if name != "talk_seconds"]  # its index has long talks first, not the newest calls
    return min(rest, key=lambda name: str(reach[name]), default="started")


def _is_dense(connection: Connection, wanted: CallFilter) -> bool:
    """Tell whether many of the newest calls are a circle's: reading all calls is quicker than its lists then."""
    newest = newest_first(listed(read_by_index("started"), CallFilter(wanted.since, wanted.until), None))
    some = newest.add_columns(calls.c.queue).limit(_PROBED).subquery()
    seen = is_seen(some.c.started, some.c.seq, some.c.queue, wanted)
    hits = connection.execute(select(func.count()).select_from(some).where(*seen)).scalar_one()
    return bool(hits * _DENSE >= _PROBED)


def circle_of(wanted: CallFilter) -> SeenCalls | None:
    """Return the people and queues whose calls are read one after another, if they are few."""
    circles = (wanted.department, wanted.seen)
    few = (each for each in circles if each and len(each.extensions) + len(each.queues) <= _MOST_LISTS)
    return next(few, None)


def _given(wanted: CallFilter, name: str) -> Any:  # noqa: ANN401 - any field
    return getattr(wanted, "talk" if name == "talk_seconds" else name)


def _few_start(name: Plan, wanted: CallFilter) -> ScalarSelect[Any]:
    """Select when a filter's FEWth newest call began, of talk any such call; NULL if it has fewer."""
    found = alone(name, wanted)
    chosen = found if name == "talk_seconds" else newest_first(found)
    return chosen.with_only_columns(chosen.selected_columns[0]).limit(1).offset(FEW).scalar_subquery()


def alone(name: Plan, wanted: CallFilter) -> Select[Any]:
    """Select the keys that one filter finds by itself, read from its own index."""
    period = CallFilter(wanted.since, wanted.until)
    if name == "agent":
        return calls_of_agent(replace(period, agent=wanted.agent), None)
    if name == "talk_seconds":  # not in order of time
        period = CallFilter(talk=wanted.talk)
    elif name != "started":
        period = replace(period, **{name: _given(wanted, name)})
    return listed(read_by_index(name), period, None)
