"""The page of a run opens in a real browser without network, shows what is stored, and runs nothing it should not."""

import shutil
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from configs.embed import Embed
from configs.flows import KnowledgeBase, Topics
from configs.ingest import Files
from flows.knowledge_base import knowledge_base
from tasks.data.documents import Document, DocumentsRef
from tasks.report.page import Page as PagePart
from tasks.report.page import write_page
from tasks.runtime.mlflow_run import MlflowRun
from tasks.runtime.tracking import Run
from tasks.store import objects

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.flow,
    pytest.mark.browser,
    pytest.mark.timeout(200),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here; Debian: apt-get install chromium"),
]
CONFIG = KnowledgeBase(embed=Embed(precision="fp32"), topics=Topics(min_documents=10))
THEMES = [
    ("baking", "oven", "sourdough", "flour", "rye", "crust"),
    ("sailing", "harbour", "anchor", "tide", "pilot", "mast"),
    ("gardening", "pear tree", "compost", "spade", "hedge", "seedling"),
]
AT = """row => {
  const map = document.getElementById('map'), layout = map._fullLayout;
  const box = map.getBoundingClientRect();
  const {points} = JSON.parse(document.getElementById('plot').textContent), p = points[row];
  return [box.x + layout._size.l + layout.xaxis.l2p(p.x), box.y + layout._size.t + layout.yaxis.l2p(p.y)]; }"""


@pytest.fixture
def browser_page() -> Iterator[Page]:
    """Return a page of a fresh browser whose every request and complaint is collected."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        yield page
        browser.close()


def complaints_of(page: Page, path: str) -> list[str]:
    """Open a page; return the requests it made beyond itself, and what the console said."""
    found: list[str] = []
    page.on(
        "request", lambda request: None if request.url.startswith(("file://", "data:")) else found.append(request.url)
    )
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("dialog", lambda dialog: found.append(f"dialog {dialog.message}"))
    page.goto(Path(path).as_uri())
    page.wait_for_timeout(1_000)
    return found


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """Return a folder of forty-five short documents on three themes."""
    folder = tmp_path / "letters"
    folder.mkdir()
    for number in range(45):
        theme, *words = THEMES[number % 3]
        told = [f"The {words[(number + n) % 5]} and the {words[(2 * number + n) % 5]} of {theme}." for n in range(4)]
        (folder / f"{number:02}-{theme}.txt").write_text(f"Letter {number} on {theme}. {' '.join(told)}", "utf-8")
    return folder


def documents_of(refs: dict[str, Any]) -> dict[str, Document]:
    stated = refs["collection.documents"]
    ref = DocumentsRef.model_validate({**stated, "shape": (stated["rows"], 9)})
    return {d.title: d for d in objects.load_rows(ref, Document)}


def test_the_map_shows_the_stored_document_under_the_pointer_and_the_search_finds_it(
    workspace: Path, letters: Path, browser_page: Page
) -> None:
    outcome = knowledge_base(source=Files(path=str(letters)), config=CONFIG)
    documents = documents_of(outcome.refs)

    assert complaints_of(browser_page, outcome.report) == []
    browser_page.locator("#map").scroll_into_view_if_needed()
    for row in range(0, len(documents), max(1, len(documents) // 20)):
        x, y = browser_page.evaluate(AT, row)
        browser_page.mouse.move(x, y)
        browser_page.wait_for_timeout(60)
        title = browser_page.inner_text("#document-title")
        assert browser_page.text_content("#document-text") == documents[title].text[:4_000]
    browser_page.fill("#search", "baking rye")
    browser_page.wait_for_timeout(300)
    lit = browser_page.evaluate("document.getElementById('map').data.flatMap(t => t.selectedpoints || []).length")
    assert lit == sum("baking" in d.text.lower() and "rye" in d.text.lower() for d in documents.values()) > 0


def test_a_map_of_thousands_is_drawn_found_in_and_pointed_at(workspace: Path, browser_page: Page) -> None:
    points = [
        {"x": float(n % 80), "y": float(n // 80), "topic": n % 3, "id": f"d{n}", "title": f"d{n}", "place": "p",
         "text": f"document {n} of heap {n % 3}"}
        for n in range(6_000)
    ]  # fmt: skip
    heaps = [{"topic": n, "label": f"heap {n}", "size": 2_000, "words": "heap"} for n in range(3)]
    shown = PagePart(
        title="t",
        subtitle="s",
        facts=[],
        points=points,
        clusters=heaps,
        run={"facts": {}, "links": {}, "versions": {}},
    )
    path = write_page(Run(flow="made-up", flow_run_id="", client=MlflowRun(unreachable=True), finished=[]), shown)
    said = complaints_of(browser_page, str(path))
    assert [text for text in said if "GL Driver Message" not in text] == []  # drawn without a graphics card
    assert browser_page.locator(".no-webgl").count() == 0
    assert browser_page.locator("#map canvas").count() > 0
    browser_page.mouse.move(*browser_page.evaluate(AT, 3_210))
    browser_page.wait_for_timeout(1_000)
    assert browser_page.text_content("#document-text") == "document 3210 of heap 0"
    browser_page.fill("#search", "heap 2")
    browser_page.wait_for_timeout(1_000)
    lit = browser_page.evaluate("document.getElementById('map').data.flatMap(t => t.selectedpoints || []).length")
    assert lit == sum("heap" in p["text"] and "2" in p["text"] for p in points)


def test_names_of_topics_on_the_map_cover_no_other_however_far_one_zooms(workspace: Path, browser_page: Page) -> None:
    points = [
        {"x": n % 6 + n % 7 / 50, "y": n % 5 + n % 11 / 50, "topic": n % 30, "id": f"d{n}", "title": f"d{n}",
         "place": "p", "text": f"document {n}"}
        for n in range(600)
    ]  # fmt: skip
    heaps = [
        {"topic": n, "label": f"heap {n} with a name of a good many long words", "size": 20, "words": "heap"}
        for n in range(30)
    ]
    path = write_page(
        Run(flow="made-up", flow_run_id="", client=MlflowRun(unreachable=True), finished=[]),
        PagePart("t", "s", [], points=points, clusters=heaps, run={"facts": {}, "links": {}, "versions": {}}),
    )
    browser_page.set_viewport_size({"width": 900, "height": 1000})
    assert complaints_of(browser_page, str(path)) == []
    assert 5 <= len(boxes_apart(browser_page)) <= 24
    assert "of the 30 topics in view are named" in browser_page.inner_text("#names-shown")
    before = browser_page.locator("#map .annotation").all_text_contents()
    browser_page.evaluate("Plotly.relayout('map', {'xaxis.range': [2.9, 5.3], 'yaxis.range': [2.9, 4.4]})")
    browser_page.wait_for_timeout(300)
    assert len(boxes_apart(browser_page)) >= 2
    assert set(browser_page.locator("#map .annotation").all_text_contents()) - set(before)


def boxes_apart(page: Page) -> list[dict[str, float]]:
    """Return the boxes of the names on the map, none of which covers another or leaves the map."""
    found: list[dict[str, float]] = page.evaluate(
        "[...document.querySelectorAll('#map .annotation rect.bg'), document.querySelector('#map .main-svg')]"
        ".map(e => { const b = e.getBoundingClientRect(); return {l: b.left, r: b.right, t: b.top, b: b.bottom}; })"
    )
    *boxes, around = found
    for one, other in combinations(boxes, 2):
        apart = one["r"] <= other["l"] or other["r"] <= one["l"] or one["b"] <= other["t"] or other["b"] <= one["t"]
        assert apart, (one, other)
    for box in boxes:
        assert around["l"] - 1 <= box["l"] < box["r"] <= around["r"] + 1
        assert around["t"] - 1 <= box["t"] < box["b"] <= around["b"] + 1
    return boxes


def test_hostile_documents_are_shown_as_text(workspace: Path, notes: Path, browser_page: Page) -> None:
    hostile = (
        "<img src=x onerror=alert(1)> </script><script>alert(2)</script> [click](javascript:alert(3)) \u202egnp.exe"
    )
    for number in range(30):
        (notes / f"hostile-{number}<b>.txt").write_text(
            f"{hostile} The ship number {number} sails for Bergen.", "utf-8"
        )
    outcome = knowledge_base(source=Files(path=str(notes)), config=CONFIG)
    assert complaints_of(browser_page, outcome.report) == []
    assert browser_page.locator("#map").count() == 1
    assert browser_page.locator("img, iframe, object").count() == 0
    assert "\u202e" not in Path(outcome.report).read_text("utf-8").partition('<script id="plot"')[0]
