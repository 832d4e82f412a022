"""Figures: medians with their spread and goals, as a table for people and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from rich.console import Console
from rich.table import Table

from tests.lab.asterisk import CHECKOUT

FOLDER = CHECKOUT / ".bench"
REPORT = FOLDER / "bench.json"


@dataclass(frozen=True)
class Figure:
    """One result. `ok` is None where there is no goal; `spread` is the lowest and the highest of the rounds."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    reference: str = ""  # what it was compared with, and how much that was
    ok: bool | None = None
    better: Literal["lower", "higher"] = "lower"
    spread: tuple[float, float] | None = None
    rounds: int = 1
    measure: str = ""  # which one found it


def figure(
    name: str,
    values: Sequence[float],
    unit: str,
    *,
    goal: float | None = None,
    reference: str = "",
    better: Literal["lower", "higher"] = "lower",
) -> Figure:
    """Make a figure of one value a round; their median is judged."""
    value = median(values)
    ok = None if goal is None else value <= goal if better == "lower" else value >= goal
    spread = (round(min(values), 6), round(max(values), 6))
    return Figure(name, round(value, 6), unit, goal, reference, ok, better, spread, len(values))


def write(figures: Sequence[Figure]) -> None:
    """Write the report; figures of measures that were not run this time stay as they were."""
    FOLDER.mkdir(exist_ok=True)
    run = {each.measure for each in figures}
    earlier = json.loads(REPORT.read_text("utf-8")) if REPORT.exists() else []
    kept = [each for each in earlier if each.get("measure", "") not in {"", *run}]
    part = REPORT.with_suffix(".part")
    part.write_text(json.dumps([*kept, *map(asdict, figures)], ensure_ascii=False, indent=1) + "\n", "utf-8")
    part.rename(REPORT)


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title=machine(), title_justify="left")
    table.add_column("measure")
    for heading in ("median", "low … high", "goal", "met"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("beside it")
    for each in figures:
        met = {None: "", True: "[green]yes[/]", False: "[red]NO[/]"}[each.ok]
        sign = "≤" if each.better == "lower" else "≥"
        goal = "" if each.goal is None else f"{sign} {_number(each.goal)}"
        spread = f"{_number(each.spread[0])} … {_number(each.spread[1])}" if each.spread and each.rounds > 1 else ""
        table.add_row(each.name, f"{_number(each.value)} {each.unit}", spread, goal, met, each.reference)
    Console().print(table)


def machine() -> str:
    """Say what the figures were measured on: a figure is worth nothing without it."""
    model = [line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("model name")]
    name = model[0].partition(":")[2].strip() if model else os.uname().machine
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
