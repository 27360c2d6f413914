"""The page of `topic-model` opens in a real browser without network and shows what is stored."""

import json
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from configs.embed import Embed
from configs.flows import TopicModel
from configs.topics import Slices
from flows.topic_model import topic_model
from tests.flows.test_page import AT, browser_page, complaints_of, pytestmark  # noqa: F401
from tests.flows.test_topic_model import THEMES, rows, sentences, write

HOSTILE = "<img src=x onerror=alert(1)> </script><script>alert(2)</script> {{ 7 * 7 }}"


def test_topics_tree_words_and_time_are_shown_and_hostile_text_stays_text(
    workspace: Path,
    tmp_path: Path,
    browser_page: Page,  # noqa: F811
) -> None:
    hostile = [
        {"id": f"x{n}", "text": f"{HOSTILE} {text}", "theme": "<b>bold</b>", "day": "2026-03-01"}
        for n, text in enumerate(sentences("alpha beta gamma delta epsilon zeta eta theta", 20, 5))
    ]
    given = [*rows(30), *hostile]
    config = TopicModel(embed=Embed(precision="fp32"), slices=(Slices(column="day", bins=3), Slices(column="theme")))
    outcome = topic_model(source=write(tmp_path / "notes.jsonl", given), config=config)

    assert complaints_of(browser_page, outcome.report) == []
    assert browser_page.locator("img, iframe, object").count() == 0
    named = [t for t in outcome.result["topics"] if t["topic"] >= 0]
    assert browser_page.locator("#topics .topic").count() == len(named) >= 3
    assert browser_page.locator("#tree details tbody tr").count() == len(named) - 1
    assert browser_page.locator("#tree .scatterlayer path").count() == len(named) - 1
    assert browser_page.locator(".slices .chart .hm image").count() == 2
    assert browser_page.locator("#ways tbody tr").count() == len(named)
    assert browser_page.locator("section.slices").count() == 2
    assert "49" not in browser_page.locator("#topics").inner_text().split()
    browser_page.locator("#map").scroll_into_view_if_needed()
    for row in np.linspace(0, len(given) - 1, 20).astype(int).tolist():
        x, y = browser_page.evaluate(AT, row)
        browser_page.mouse.move(x, y)
        browser_page.wait_for_timeout(60)
        shown = browser_page.text_content("#document-text")
        assert shown in {document["text"] for document in given}
    browser_page.fill("#search", "lighthouse")
    browser_page.wait_for_timeout(300)
    lit = browser_page.evaluate("document.getElementById('map').data.flatMap(t => t.selectedpoints || []).length")
    assert lit == sum("lighthouse" in document["text"] for document in given)
    assert set(THEMES["ships"].split()) & {word for t in named for word in t["words"]}
    assert json.dumps(outcome.result)
