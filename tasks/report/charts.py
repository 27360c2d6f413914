"""Places of lines, dots and cells on the page of `text-classifier`; drawn without a script."""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tasks.data.classes import Bin, Confused
from tasks.data.curves import CurveMean
from tasks.data.evaluation import Measure

LEFT, WIDTH, ROW = 250.0, 560.0, 26.0
CURVE_WIDTH, CURVE_HEIGHT = 560.0, 300.0
SIDE = 260.0
MOST_CELLS = 20  # classes a matrix shows; of more, the pairs most often confused are listed


def whiskers(measures: Sequence[Measure]) -> dict[str, Any]:
    """Return dots with their intervals, one way a row, on an axis that ends at full tenths.

    Args:
        measures: One of each way, in the order of the rows.
    """
    low = math.floor(10 * min(m.low for m in measures)) / 10
    high = max(low + 0.1, math.ceil(10 * max(m.high for m in measures)) / 10)

    def x(value: float) -> float:
        return round(LEFT + WIDTH * (value - low) / (high - low), 1)

    rows = [
        {"name": m.what, "y": ROW * (at + 0.5), "x": x(m.value), "low": x(m.low), "high": x(m.high),
         "value": f"{m.value:.3f}", "tip": f"{m.value:.3f} ({m.low:.3f} to {m.high:.3f})"}
        for at, m in enumerate(measures)
    ]  # fmt: skip
    ticks = [(x(low + n / 10), f"{low + n / 10:.1f}") for n in range(round(10 * (high - low)) + 1)]
    return {"rows": rows, "ticks": ticks, "height": ROW * len(rows), "value_x": LEFT + WIDTH + 60}


def curves(means: Sequence[CurveMean], full: Sequence[Measure], examples: int) -> dict[str, Any]:
    """Return a line for each way over the number of labels, which grows by factors.

    Args:
        means: What was reached with some labels.
        full: Macro-F1 of the ways with all labels.
        examples: How many labels that is.
    """
    reached: dict[str, dict[int, float]] = defaultdict(dict)
    for mean in means:
        reached[mean.way][mean.examples] = mean.macro_f1
    if not reached:
        return {}
    for measure in full:
        if measure.what in reached:
            reached[measure.what][examples] = measure.value
    counts = sorted({count for way in reached.values() for count in way})
    first, last = math.log(counts[0]), math.log(max(counts[-1], counts[0] + 1))
    lowest = min(value for way in reached.values() for value in way.values())
    least = min(0.9, math.floor(10 * lowest) / 10)

    def place(count: int, value: float) -> tuple[float, float]:
        across = (math.log(count) - first) / (last - first)
        return round(40 + (CURVE_WIDTH - 60) * across, 1), round(CURVE_HEIGHT * (1 - (value - least) / (1 - least)), 1)

    lines = []
    for name, way in reached.items():
        at = [place(count, value) for count, value in sorted(way.items())]
        lines.append({"name": name, "line": " ".join(f"{x},{y}" for x, y in at), "dots": at})
    ticks = [(place(count, least)[0], f"{count:,}") for count in counts]
    levels = [(place(counts[0], n / 10)[1], f"{n / 10:.1f}") for n in range(round(10 * least), 11)]
    return {"lines": lines, "ticks": ticks, "levels": levels, "width": CURVE_WIDTH, "height": CURVE_HEIGHT}


def reliability(bins: Sequence[Bin]) -> dict[str, Any]:
    """Return a dot for each bin of confidence: how sure, how often right; larger where there are more decisions."""
    most = max((b.count for b in bins), default=1)
    dots = [
        {"x": round(SIDE * b.confidence, 1), "y": round(SIDE * (1 - b.right), 1),
         "r": round(3 + 9 * math.sqrt(b.count / most), 1),
         "tip": f"{b.count:,} decisions, {b.confidence:.0%} sure, {b.right:.0%} right"}
        for b in bins
    ]  # fmt: skip
    return {"dots": dots, "side": SIDE}


def matrix(cells: Sequence[Confused], classes: Sequence[str]) -> dict[str, Any]:
    """Return rows of cells, a class a row, darker where more of the class are; empty of too many classes.

    Where texts were given no label, the last column holds them.
    """
    if len(classes) > MOST_CELLS or not cells:
        return {}
    counted = {(c.given, c.predicted): c.count for c in cells}
    called = (*classes, "") if any(not c.predicted for c in cells) else tuple(classes)
    rows = []
    for given in classes:
        total = max(1, sum(counted.get((given, other), 0) for other in called))
        row = [(counted.get((given, other), 0), other == given) for other in called]
        rows.append({"name": given, "cells": [(n, round(n / total, 2), right) for n, right in row]})
    return {"names": [name or "no label" for name in called], "rows": rows}
