"""Charts of the pages: what plotly draws, and the same as a table for who does not see it.

Names are of documents, classes and models: plotly reads marks of HTML in them, so they are escaped here.
"""

import html
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.data.classes import Bin, Confused
from tasks.data.curves import CurveMean
from tasks.data.evaluation import Measure, Spread
from tasks.data.printed import clean
from tasks.data.topics import Merge
from tasks.report.page import Figure

Point = tuple[float, float, str]  # across, up, what is said of it
MOST_CELLS = 20  # classes a matrix shows; of more, the pairs most often confused are listed
ROW, FOOT = 26, 44  # pixels of a row, and of the axis below
MAPS_A_ROW = 6
SHOWN_NAME = 52
EVEN = {"color": "#98a2b3", "dash": "dash", "width": 1}
SHADES = [[0, "rgba(47,91,234,0)"], [1, "rgba(47,91,234,1)"]]
WITH_INTERVAL = ("of", "value", "low", "high")


def plain(text: str) -> str:
    """Return text that plotly shows as it is."""
    return html.escape(clean(text)[:SHOWN_NAME], quote=False)


def bars(section: str, measures: Mapping[str, Sequence[Measure]]) -> list[Figure]:
    """Return a chart of bars with their intervals for each name of measures, on an axis from 0 to 1."""
    return [
        Figure(
            section, name, [{**_intervals(mine), "type": "bar", "orientation": "h", "opacity": 0.6}],
            {"xaxis": {"range": [0, 1]}, "yaxis": _names(mine)}, ROW * len(mine) + FOOT, WITH_INTERVAL, _rows(mine),
        )
        for name, mine in measures.items()
    ]  # fmt: skip


def whiskers(section: str, name: str, measures: Sequence[Measure], chosen: str) -> Figure:
    """Return dots with their intervals, one way a row; the chosen one in bold."""
    data = [{**_intervals(measures), "type": "scatter", "mode": "markers", "marker": {"size": 10}}]
    layout = {"xaxis": {"title": {"text": name}}, "yaxis": _names(measures, chosen)}
    return Figure(section, name, data, layout, ROW * len(measures) + FOOT + 20, WITH_INTERVAL, _rows(measures))


def curves(means: Sequence[CurveMean], full: Sequence[Measure], examples: int) -> list[Figure]:
    """Return a line for each way over the number of labels, which grows by factors; none where nothing was tried.

    Args:
        means: What was reached with some labels.
        full: Macro-F1 of the ways with all labels.
        examples: How many labels that is.
    """
    reached: dict[str, dict[int, float]] = defaultdict(dict)
    for mean in means:
        reached[mean.way][mean.examples] = mean.macro_f1
    for measure in full:
        if measure.what in reached:
            reached[measure.what][examples] = measure.value
    if not reached:
        return []
    lines = {way: sorted(by_count.items()) for way, by_count in reached.items()}
    data = [
        {"type": "scatter", "mode": "lines+markers", "name": plain(way), "x": [n for n, _ in line],
         "y": [value for _, value in line]}
        for way, line in lines.items()
    ]  # fmt: skip
    counts = sorted({n for line in lines.values() for n, _ in line})
    across = {"type": "log", "tickvals": counts, "ticktext": [f"{n:,}" for n in counts], "title": {"text": "labels"}}
    layout = {"xaxis": across, "yaxis": {"title": {"text": "macro-F1"}}, "showlegend": True,
              "legend": {"orientation": "h", "y": -0.25}}  # fmt: skip
    rows = [(way, f"{n:,}", f"{value:.3f}") for way, line in lines.items() for n, value in line]
    return [Figure("curve", "macro-F1 over labels", data, layout, 380, ("way", "labels", "macro-F1"), rows)]


def reliability(bins: Sequence[Bin]) -> list[Figure]:
    """Return a dot for each bin of confidence, at confidence and accuracy; larger where there are more decisions."""
    if not bins:
        return []
    most = max(b.count for b in bins)
    rows = [(f"{b.confidence:.0%}", f"{b.right:.0%}", f"{b.count:,}") for b in bins]
    dots = {"type": "scatter", "mode": "markers", "x": [b.confidence for b in bins], "y": [b.right for b in bins],
            "marker": {"size": [b.count for b in bins], "sizemode": "area", "sizeref": most / 300, "sizemin": 3},
            "hovertext": [f"{n} decisions, confidence {sure}, accuracy {right}" for sure, right, n in rows],
            "hoverinfo": "text"}  # fmt: skip
    even = {"type": "scatter", "mode": "lines", "x": [0, 1], "y": [0, 1], "line": EVEN, "hoverinfo": "skip"}
    layout = {"xaxis": {"title": {"text": "confidence"}, "range": [0, 1.03]},
              "yaxis": {"title": {"text": "accuracy"}, "range": [0, 1.03]}}  # fmt: skip
    return [
        Figure("reliability", "accuracy over confidence", [even, dots], layout, 380,
               ("confidence", "accuracy", "decisions"), rows)
    ]  # fmt: skip


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


def lengths(section: str, unit: str, points: Sequence[tuple[int, float]], medians: Mapping[int, float]) -> Figure:
    """Return a line of medians over lengths in tokens, with every measured point."""
    dots = {"type": "scatter", "mode": "markers", "x": [n for n, _ in points], "y": [v for _, v in points],
            "marker": {"opacity": 0.5, "size": 7}}  # fmt: skip
    line = {"type": "scatter", "mode": "lines", "x": list(medians), "y": list(medians.values()), "hoverinfo": "skip"}
    layout = {"xaxis": {"title": {"text": "tokens"}, "rangemode": "tozero"},
              "yaxis": {"title": {"text": unit}, "rangemode": "tozero"}}  # fmt: skip
    rows = [(f"{n:,}", f"{value:.4g}") for n, value in medians.items()]
    return Figure(section, unit, [line, dots], layout, 300, ("tokens", f"{unit}, median"), rows)


def heat_maps(section: str, name: str, maps: Mapping[str, Sequence[Sequence[float]]]) -> list[Figure]:
    """Return square maps side by side, darker where a row looks more at a column."""
    if not maps:
        return []
    columns = min(MAPS_A_ROW, len(maps))
    rows = -(-len(maps) // columns)
    layout: dict[str, Any] = {"grid": {"rows": rows, "columns": columns, "pattern": "independent", "ygap": 0.25}}
    data, titles = [], []
    for number, (title, cells) in enumerate(maps.items(), start=1):
        axis = "" if number == 1 else str(number)
        data.append({"type": "heatmap", "z": [[round(cell, 3) for cell in row] for row in cells],
                     "xaxis": f"x{axis}", "yaxis": f"y{axis}",
                     "zmin": 0, "zmax": 1, "colorscale": SHADES, "showscale": False, "hovertemplate":
                     "from %{y} to %{x}: %{z}<extra></extra>", "x0": 1, "y0": 1})  # fmt: skip
        bare = {"showticklabels": False, "showgrid": False, "ticks": "", "showline": True, "mirror": True}
        layout[f"xaxis{axis}"], layout[f"yaxis{axis}"] = bare, {**bare, "autorange": "reversed"}
        titles.append({"text": plain(title), "showarrow": False, "xref": f"x{axis} domain", "yref": f"y{axis} domain",
                       "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 11}})  # fmt: skip
    return [Figure(section, name, data, {**layout, "annotations": titles}, 190 * rows + 30)]


def tree(merges: Sequence[Merge], names: Mapping[int, str]) -> list[Figure]:
    """Return the tree of topics from left to right: two branches meet where their words are as far apart."""
    if not merges:
        return []
    order = _leaves(merges[-1].parent, {m.parent: (m.left, m.right) for m in merges})
    at: dict[str, tuple[float, float]] = {leaf: (0.0, float(row)) for row, leaf in enumerate(order)}
    x: list[float | None] = []
    y: list[float | None] = []
    for m in merges:
        (x1, y1), (x2, y2) = at[m.left], at[m.right]
        x += [x1, m.distance, m.distance, x2, None]
        y += [y1, y1, y2, y2, None]
        at[m.parent] = (m.distance, (y1 + y2) / 2)
    lines = {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": {"width": 1.2}, "hoverinfo": "x"}
    up = {"tickvals": list(range(len(order))), "ticktext": [plain(names[int(leaf)]) for leaf in order],
          "range": [len(order) - 0.5, -0.5], "showgrid": False}  # fmt: skip
    layout = {"xaxis": {"title": {"text": "distance"}, "rangemode": "tozero"}, "yaxis": up}
    rows = [(f"{m.distance:.3f}", ", ".join(str(topic) for topic in m.topics), ", ".join(m.words)) for m in merges]
    return [Figure("tree", "tree of topics", [lines], layout, 18 * len(order) + 60,
                   ("distance", "topics joined", "their words"), rows)]  # fmt: skip


def shares(column: str, slices: Sequence[str], topics: Sequence[tuple[str, Sequence[float]]]) -> Figure:
    """Return how much of each slice each topic has: a row a topic, a column a slice."""
    labels = [f"{number}. {plain(label)}" for number, (label, _) in enumerate(topics, start=1)]
    data = [{"type": "heatmap", "z": [list(row) for _, row in topics], "x": [plain(s) for s in slices],
             "y": labels, "colorscale": SHADES, "hovertemplate": "%{y}<br>%{x}: %{z:.1%}<extra></extra>",
             "colorbar": {"tickformat": ".0%", "thickness": 10}}]  # fmt: skip
    layout = {"xaxis": {"type": "category"}, "yaxis": {"type": "category", "autorange": "reversed"}}
    return Figure(f"slices {column}", f"share of the documents over {column}", data, layout, 20 * len(topics) + 90)


def places(section: str, name: str, points: Mapping[str, Sequence[Point]], reach: tuple[float, float]) -> Figure:
    """Return points of several kinds; two charts of one reach have one scale."""
    data = [
        {"type": "scatter", "mode": "markers", "name": plain(kind), "x": [x for x, _, _ in mine],
         "y": [y for _, y, _ in mine], "hovertext": [html.escape(clean(said), quote=False) for _, _, said in mine],
         "hoverinfo": "text", "marker": {"size": 12, "opacity": 0.75}}
        for kind, mine in points.items()
    ]  # fmt: skip
    across, up = (1.08 * (one or 1.0) for one in reach)
    bare = {"showticklabels": False, "showline": True, "mirror": True}
    layout = {"xaxis": {**bare, "range": [-across, across]}, "yaxis": {**bare, "range": [-up, up]}, "showlegend": True,
              "legend": {"orientation": "h"}}  # fmt: skip
    rows = [(kind, said, f"{x:.3f}", f"{y:.3f}") for kind, mine in points.items() for x, y, said in mine]
    return Figure(section, name, data, layout, 380, ("kind", "text", "across", "up"), rows)


def medians_of(spreads: Sequence[Spread]) -> dict[int, float]:
    """Return the medians of spreads that are named by a length."""
    return {int(spread.name): spread.median for spread in spreads}


def grouped(measures: Sequence[Measure]) -> dict[str, list[Measure]]:
    """Return measures by name, without differences, which are no bars."""
    named = sorted((m for m in measures if not m.name.endswith("difference")), key=lambda m: _first(measures, m.name))
    return {name: list(mine) for name, mine in itertools.groupby(named, key=lambda m: m.name)}


def _first(measures: Sequence[Measure], name: str) -> int:
    return next(at for at, m in enumerate(measures) if m.name == name)


def _intervals(measures: Sequence[Measure]) -> dict[str, Any]:
    return {
        "x": [m.value for m in measures],
        "y": list(range(len(measures))),
        "error_x": {"type": "data", "symmetric": False, "array": [m.high - m.value for m in measures],
                    "arrayminus": [m.value - m.low for m in measures], "thickness": 1.4},
        "hovertext": [f"{plain(m.what)}: {m.value:.3f}{f' ({m.interval})' if m.interval else ''}" for m in measures],
        "hoverinfo": "text",
    }  # fmt: skip


def _names(measures: Sequence[Measure], chosen: str | None = None) -> dict[str, Any]:
    named = [f"<b>{plain(m.what)}</b>" if m.what == chosen else plain(m.what) for m in measures]
    return {"tickvals": list(range(len(named))), "ticktext": named, "range": [len(named) - 0.5, -0.5],
            "showgrid": False}  # fmt: skip


def _rows(measures: Sequence[Measure]) -> list[tuple[str, str, str, str]]:
    return [(m.what, f"{m.value:.3f}", *((f"{m.low:.3f}", f"{m.high:.3f}") if m.has_interval else ("", "")))
            for m in measures]  # fmt: skip


def _leaves(root: str, children: dict[str, tuple[str, str]]) -> list[str]:
    """Return the topics below a group from top to bottom; without recursion, a tree may be as deep as it is wide."""
    found, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        if node in children:
            waiting += reversed(children[node])
        else:
            found.append(node)
    return found
