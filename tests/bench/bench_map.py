"""The map of 50,000 documents in a browser, against a plotly page of the same points and texts, written by hand.

Points are made: 60 heaps of documents, each of which says its number, the words of its heap and stretches of Python's
own documentation. Without Chromium nothing is measured. `PICTURE` in the environment names a file for a screenshot.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from tasks.report.page import Page, write_page
from tasks.runtime.mlflow_run import MlflowRun
from tasks.runtime.tracking import Run
from tests.bench.bench_embed import documentation
from tests.bench.pairs import at_least, at_most, plain
from tests.flows.test_page import AT, CHROMIUM

POINTS, HEAPS, HOVERED, CHARACTERS = 50_000, 60, 20, 1_000
LIT = "document.getElementById('map').data.flatMap(t => t.selectedpoints || []).length"
DRAWN = """() => { const plot = document.querySelector('.js-plotly-plot');
  return plot && plot._fullLayout && plot.querySelector('canvas'); }"""


def measure() -> list[dict[str, Any]]:
    """Return how long both pages take to open, and whether ours shows, finds and asks for what it should."""
    if CHROMIUM is None:
        print("  skipped: there is no Chromium here; Debian: apt-get install chromium")
        return []
    points = made_points()
    with tempfile.TemporaryDirectory() as home:
        os.environ["LLM_FLOWS_HOME"] = home
        clusters = [{"topic": n, "label": f"heap {n}", "size": 0, "words": f"heap{n}"} for n in range(HEAPS)]
        shown = {"points": points, "clusters": clusters, "run": {"facts": {}, "links": {}, "versions": {}}}
        page = Page("50,000 documents", "made", [("documents", f"{POINTS:,}")], **shown)
        ours = write_page(Run(flow="map", flow_run_id="", client=MlflowRun(unreachable=True), finished=[]), page)
        theirs = by_hand(points, Path(home) / "plotly.html")
        with sync_playwright() as driver:
            arguments = ["--no-sandbox", "--disable-background-networking"]
            browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
            other, _ = opened(browser.new_page(), theirs)
            tab = browser.new_page(viewport={"width": 1280, "height": 1000})
            seconds, complaints = opened(tab, ours)
            rows = used(tab, points)
            browser.close()
        sizes = [path.stat().st_size / 1e6 for path in (ours, theirs)]
    return [
        plain("size of our page", sizes[0], "MB"),
        plain("size of the page by hand", sizes[1], "MB"),
        plain("our page opens", seconds, "s"),
        plain("the page by hand opens", other, "s"),
        at_most("our page opens, in times of the one by hand", seconds / other, "times", 2.0),
        at_most("requests and errors", float(len(complaints)), "", 0),
        *rows,
    ]


def made_points() -> list[dict[str, Any]]:
    """Return what the map shows of every document."""
    random, texts = np.random.default_rng(0), [text.replace("\n", " ") for text in documentation(400)]
    heaps = random.integers(0, HEAPS, POINTS)
    places = random.normal(scale=10, size=(HEAPS, 2))[heaps] + random.normal(scale=0.5, size=(POINTS, 2))
    return [
        {"x": round(float(x), 4), "y": round(float(y), 4), "topic": int(heap), "id": f"d{row}", "title": f"d{row}",
         "text": f"document{row} of heap{heap}: {texts[row % len(texts)]}"[:CHARACTERS], "place": f"d{row}.txt"}
        for row, ((x, y), heap) in enumerate(zip(places, heaps, strict=True))
    ]  # fmt: skip


def by_hand(points: list[dict[str, Any]], path: Path) -> Path:
    """Write the points as a plotly page without network, its hover texts the documents."""
    import plotly.express as px

    columns = {name: [point[name] for point in points] for name in ("x", "y", "text", "topic")}
    colours = [str(topic) for topic in columns["topic"]]
    figure = px.scatter(x=columns["x"], y=columns["y"], color=colours, hover_name=columns["text"], render_mode="webgl")
    figure.write_html(path, include_plotlyjs=True)
    return path


def opened(tab: Tab, path: Path) -> tuple[float, list[str]]:
    """Open a page; return the seconds until its points are drawn, and what it asked for or complained of."""
    found: list[str] = []
    tab.on("request", lambda r: None if r.url.startswith(("file://", "data:")) else found.append(r.url))
    tab.on("console", lambda m: found.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: found.append(str(error)))
    started = time.perf_counter()
    tab.goto(path.as_uri(), timeout=120_000)
    tab.wait_for_function(DRAWN, timeout=120_000)
    return time.perf_counter() - started, found


def used(tab: Tab, points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Point at documents, and search."""
    tab.locator("#map").scroll_into_view_if_needed()
    tab.wait_for_timeout(2_000)
    known, shown = {point["text"] for point in points}, set()
    for row in range(0, POINTS, POINTS // HOVERED):
        tab.mouse.move(*tab.evaluate(AT, row))
        tab.wait_for_timeout(500)
        shown.add(tab.text_content("#document-text"))
    right = len(shown & known)
    started = time.perf_counter()
    tab.fill("#search", "heap7:")
    wanted = sum("heap7:" in point["text"] for point in points)
    tab.wait_for_function(f"() => {LIT} === {wanted}", timeout=60_000)
    seconds = time.perf_counter() - started
    if (picture := os.environ.get("PICTURE")) is not None:
        tab.screenshot(path=picture)
    return [
        at_least("different documents shown, pointed at", float(right), "", HOVERED - 1),  # one may hide another
        plain("a search until the others are hidden", seconds, "s"),
    ]
