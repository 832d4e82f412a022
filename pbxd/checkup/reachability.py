"""Which contexts of the dialplan a call from outside can reach."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from pbxd.asterisk.ami.packets import Packet

_WORD = re.compile(r"[\w-]+")
_JUMPS = frozenset({"Goto", "GotoIf", "GotoIfTime", "Gosub", "GosubIf", "ExecIf"})
# A variable in the place of a context, before an extension and a priority.
_VARIABLE_CONTEXT = re.compile(r"(?:^|[?:(])\$\{[^,?:]*,[^,?:]*,[^,?:]")


def links(lines: Iterable[Packet]) -> tuple[dict[str, set[str]], set[str]]:
    """Return which contexts each context names, and the contexts that jump to where a variable says.

    Any mention of a context counts as a way to it: an include, a jump, a Local channel. So a context that can't be
    reached may count as reached, but none that can be reached is missed, except through variables.
    """
    listed = list(lines)
    contexts = {line.get("Context", "") for line in listed}
    ways: dict[str, set[str]] = defaultdict(set)
    dynamic: set[str] = set()
    for line in listed:
        context, application, data = line.get("Context", ""), line.get("Application", ""), line.get("AppData", "")
        if included := line.get("IncludeContext"):
            ways[context].add(included.partition(",")[0])
        words = set(_WORD.findall(data))
        ways[context] |= (words | {f"macro-{word}" for word in words}) & contexts
        if application in _JUMPS and _VARIABLE_CONTEXT.search(data):
            dynamic.add(context)
    return ways, dynamic


def reached(ways: Mapping[str, set[str]], entries: Iterable[str]) -> set[str]:
    """Return the contexts that calls can reach from `entries`."""
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        context = waiting.pop()
        if context not in found:
            found.add(context)
            waiting += ways.get(context, ())
    return found
