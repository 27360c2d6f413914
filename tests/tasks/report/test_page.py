import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tasks.data.evaluation import Measure
from tasks.data.printed import clean
from tasks.report import charts
from tasks.report.page import Page, Table, markdown, script_json, shortened, timings, write_page
from tasks.runtime import steps
from tasks.runtime.mlflow_run import MlflowRun
from tasks.runtime.steps import Finished
from tasks.runtime.tracking import Run

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1)) ![pixel](http://evil.example/p.png)",
    "\x1b[31mred\x1b[0m \x9b2J \x07",
    "invoice\u202egnp.exe \u2066x\u2069 \u200f\u061c",
    "{{ 7 * 7 }} {% raw %} ${jndi:x} #{x}",
    "'\" onmouseover=alert(1) x='",
    "a | b\n\n# heading\n- item <!-- --> &lt;b&gt;",
    "a \ud800 b",
    "\u2028 line \u2029 separators",
]


class Shape(HTMLParser):
    """Counts the elements of a page and collects its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: dict[str, int] = {}
        self.attributes: set[str] = set()
        self.addresses: set[str | None] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        self.attributes |= {name for name, _ in attrs}
        self.addresses |= {value for name, value in attrs if name in ("src", "href")}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def run_of(*finished: Finished) -> Run:
    """Return a run outside any flow, without MLflow."""
    return Run(flow="made-up", flow_run_id="", client=MlflowRun(unreachable=True), finished=list(finished))


def page_of(text: str, *, plot: bool = True) -> Page:
    """Return a page that holds a text in every place that takes one."""
    point = {"x": 0.0, "y": 1.0, "topic": 0, "id": text, "title": text, "text": text, "place": text}
    cited = {"document": text, "path": text, "line": 3, "score": 0.5, "flagged": [text]}
    given = {
        "abstained": "",
        "text": text,
        "citations": [cited],
        "threshold": 0.35,
        "calibrated": False,
        "uncalibrated": text,
        "flagged": 2,
    }
    withheld = {**given, "abstained": text, "citations": []}
    answers = [{"question": text, "expected": text, "right": r, "answer": a} for r, a in ((1, given), (0, withheld))]
    return Page(
        title=text, subtitle=text, facts=[(text, text)], tables=[Table(text, [text], [[text], [5]], note=text)],
        points=[point] if plot else [], clusters=[{"topic": 0, "label": text, "size": 1, "words": text}],
        figures=charts.bars("compared", {text: [Measure(text, text, 0.5, 0.4, 0.6, 9)]}), answers=answers,
        missing=[text],
        run={"facts": {text: text}, "links": {"Prefect": "http://127.0.0.1:4200/run"}, "versions": {"numpy": "2.2"}},
    )  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE[3:5], ids=["ANSI", "bidi"])
def test_control_characters_and_marks_of_direction_are_shown_as_replaced(text: str) -> None:
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", clean(text))
    assert len(clean(text)) == len(text)


@given(st.text())
def test_what_is_clean_stays_and_can_be_written(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert once.encode().decode() == once


def test_line_breaks_tabs_and_letters_of_any_script_are_clean() -> None:
    assert clean("a\tb\nnaïve 日本 مرحبا 🙂") == "a\tb\nnaïve 日本 مرحبا 🙂"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_renders_as_the_text_itself_without_link_image_or_html(text: str) -> None:
    rendered = MarkdownIt("commonmark").renderInline(markdown(text))
    assert "<" not in rendered
    assert html.unescape(rendered) == html.unescape(html.escape(clean(text).replace("\n", " ")))


@given(st.text(st.sampled_from(list("[]()!<>*_`~#|\\{}$&;:./@htpsw \n1-+a"))))
def test_no_text_of_marks_becomes_markup_or_a_link(text: str) -> None:
    rendered = MarkdownIt("commonmark").renderInline(markdown(text))
    assert "<" not in rendered
    assert html.unescape(rendered).split() == clean(text).split()


@pytest.mark.parametrize("text", ["https://evil.example/x", "www.evil.example", "me@evil.example"])
def test_a_bare_address_is_broken_up_so_that_no_reader_of_markdown_links_it(text: str) -> None:
    assert not re.search(r"\w://|www\.|\w@", markdown(text))


@pytest.mark.slow
@given(st.recursive(st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)))
def test_script_json_is_the_same_value_and_cannot_close_its_element(value: Any) -> None:
    text = script_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused_in_script_json(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        script_json({"x": value})


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_changes_nothing_but_the_text_of_a_page(text: str, workspace: Path) -> None:
    plain = Shape(write_page(run_of(), page_of("plain", plot=False)).read_text("utf-8"))
    page = write_page(run_of(), page_of(text, plot=False)).read_text("utf-8")
    shown = Shape(page)
    assert (shown.tags, shown.attributes) == (plain.tags, plain.attributes)
    assert clean(text) in shown.texts
    assert page.count("\u202e") == page.count("\x1b") == 0


def test_the_map_holds_its_points_as_data_that_no_document_can_leave(workspace: Path) -> None:
    text = HOSTILE[0] + "\u2028&"
    page = write_page(run_of(), page_of(text)).read_text("utf-8")
    (plot,) = re.findall(r'<script id="plot" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert json.loads(plot)["points"][0]["text"] == text
    assert "Plotly" in page


def test_a_page_loads_nothing_from_anywhere(workspace: Path) -> None:
    page = write_page(run_of(), page_of("plain", plot=False)).read_text("utf-8")
    assert "default-src 'none'" in page
    assert Shape(page).addresses == {"data:,", "http://127.0.0.1:4200/run"}


def test_a_page_without_points_answers_or_gaps_has_no_place_for_them(workspace: Path) -> None:
    page = Page(title="t", subtitle="s", facts=[], run={"facts": {}, "links": {}, "versions": {}})
    text = write_page(run_of(), page).read_text("utf-8")
    assert not {"Map of documents", "Questions and answers", "Not done", "Search methods compared"} & set(
        re.findall("<h2>(.*?)</h2>", text)
    )


def test_the_threshold_of_answers_is_shown_as_the_console_shows_it(workspace: Path) -> None:
    answer = {"abstained": "", "text": "t", "citations": [], "threshold": 0.265, "calibrated": True, "flagged": 0}
    page = Page(title="t", subtitle="s", facts=[], run={"facts": {}, "links": {}, "versions": {}},
                answers=[{"question": "q", "expected": "e", "right": 1, "answer": answer}])  # fmt: skip
    assert "No answer is given below a probability of 0.265, calibrated" in write_page(run_of(), page).read_text(
        "utf-8"
    )


def test_bars_are_data_for_plotly_and_a_table_for_who_sees_none(workspace: Path) -> None:
    measures = [Measure("ndcg@10", "dense", 0.5, 0.25, 0.75, 9), Measure("ndcg@10", "<b>bm25", 0.0, 0.0, 0.0, 9)]
    page = Page(title="t", subtitle="s", facts=[], figures=charts.bars("compared", charts.grouped(measures)),
                run={"facts": {}, "links": {}, "versions": {}})  # fmt: skip
    text = write_page(run_of(), page).read_text("utf-8")
    (held,) = re.findall('<script id="figures" type="application/json">(.*?)</script>', text)
    (trace,) = json.loads(held)["figure-0"]["data"]
    assert (trace["x"], trace["error_x"]["array"], trace["error_x"]["arrayminus"]) == ([0.5, 0], [0.25, 0], [0.25, 0])
    assert json.loads(held)["figure-0"]["layout"]["yaxis"]["ticktext"] == ["dense", "&lt;b&gt;bm25"]
    assert "<td>dense</td><td>0.500</td><td>0.250</td><td>0.750</td>" in text
    assert "<td>&lt;b&gt;bm25</td>" in text
    assert "unsafe-eval" not in text.partition("<title>")[0]


def test_a_page_without_a_chart_is_light(workspace: Path) -> None:
    page = Page(title="t", subtitle="s", facts=[], run={"facts": {}, "links": {}, "versions": {}})
    assert write_page(run_of(), page).stat().st_size < 20_000


def test_pages_lie_in_a_folder_of_their_run(workspace: Path) -> None:
    run = run_of()
    assert write_page(run, page_of("x", plot=False)) != write_page(run, page_of("x", plot=False))
    run.flow_run_id = "1234"
    assert write_page(run, page_of("x", plot=False)) == workspace / "reports" / "1234" / "index.html"


def test_a_plan_writes_no_page(workspace: Path) -> None:
    with steps.plan():
        assert write_page(run_of(), page_of("x")) == Path()
    assert not (workspace / "reports").exists()


def test_timings_sum_up_each_step_in_the_order_of_its_first_end() -> None:
    steps_ended = [
        Finished("b", "1", False, 1.5, None),
        Finished("a", "2", True, 0.25, None),
        Finished("b", "3", False, 0.5, None),
        Finished("b", "4", True, 0.25, None),
    ]
    assert timings(steps_ended) == [("b", "ran 2 times, stored once", 2.25), ("a", "stored once", 0.25)]
    assert timings([]) == []


def test_a_table_that_shows_some_rows_says_of_how_many() -> None:
    cut = Table("Rejected", ("item",), [(str(n),) for n in range(1_200)], "all are in rejected.csv", 2)
    assert (cut.rows, cut.note) == ([("0",), ("1",)], "the first 2 of 1,200; all are in rejected.csv")
    whole = Table("Rejected", ("item",), [("0",), ("1",)], "none is missing", 2)
    assert (len(whole.rows), whole.note) == (2, "none is missing")


def test_a_text_that_is_cut_says_so() -> None:
    assert (shortened("abcdef", 3), shortened("abc", 3)) == ("abc …", "abc")
