"""`python -m tests.bench [NAME…]`: measure, print the table, write .bench/bench.json."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import uvloop

from tests.bench import figures
from tests.bench.figures import Figure
from tests.bench.options import Options
from tests.lab.processes import LabError
from tests.lab.processor import processor_seconds

# In the order in which they disturb each other least; imported one by one, each needs different things.
MEASURES = (
    "parsing", "history", "rebuilding", "contacts", "memory", "lookups", "importing", "exporting", "lists", "http",
    "pages", "clicks", "card", "events", "load",
)  # fmt: skip


async def run(names: list[str], options: Options) -> int:
    """Run the measures; 1 when one could not be made, a goal that is missed is no failure of the measuring."""
    found: list[Figure] = []
    stolen: list[float] = []
    status = 0
    for name in names:
        before = processor_seconds()
        measure: Callable[[Options], AsyncIterator[Figure]] = importlib.import_module(f"tests.bench.{name}").measure
        print(f"{name} …", flush=True)
        try:
            async for each in measure(options):
                found.append(replace(each, measure=name))
                figures.write(found)  # what was measured stays when a later measure fails
        except* LabError as failed:
            print(f"{name}: {failed.exceptions[0]}", file=sys.stderr)
            status = 1
        wanted, taken = (now - then for now, then in zip(processor_seconds(), before, strict=True))
        stolen.append(100 * taken / wanted)
    found.append(figures.figure("processor time that the hypervisor took from this machine meanwhile", stolen, "%"))
    figures.write(found)
    figures.show(found)
    return status


def main() -> int:
    """Read the command line and run."""
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASURES)}; default: all")
    parser.add_argument("--rounds", type=int, default=default.rounds, help="of everything short (%(default)s)")
    parser.add_argument("--seconds", type=float, default=default.seconds, help="of calls in `load` (%(default)s)")
    parser.add_argument("--rate", type=int, default=default.rate, help="calls a second in `load` (%(default)s)")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(MEASURES)
    if unknown:
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    options = Options(arguments.rounds, arguments.seconds, arguments.rate)
    return uvloop.run(run(arguments.names or list(MEASURES), options))


if __name__ == "__main__":
    sys.exit(main())
