"""What a run shows: one self-contained HTML page, and Prefect artifacts.

Documents, questions and file names are untrusted: the template escapes everything, data reaches scripts as JSON that
cannot close its element, and Markdown for Prefect is stripped of marks.
"""

import html
import json
import re
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.printed import clean
from tasks.runtime import steps, tracking
from tasks.store import collection_runs, losses, workspace
from tasks.text.sentences import spreadsheet

if TYPE_CHECKING:
    import pyarrow as pa

MARKS = re.compile(r"([\\`*_{}\[\]()#+!|<>~$:@.])")  # the last three end bare addresses, which become links

SHOWN_TABLES = 2  # the first ones, in Prefect; what was rejected is always shown there
SHOWN_REJECTED = 50


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters; a mark ends one that was cut."""
    return text if len(text) <= most else f"{text[:most]} …"


@dataclass
class Table:
    """A table of the page.

    Attributes:
        title: What it shows.
        columns: Their headings.
        rows: All there are.
        note: What a reader must know.
        most: Rows that are shown; the note says so where there are more. None for all.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""
    most: int | None = None

    def __post_init__(self) -> None:
        if self.most is not None and len(self.rows) > self.most:
            shown = f"the first {self.most:,} of {len(self.rows):,}"
            self.note = f"{shown}; {self.note}" if self.note else shown
            self.rows = self.rows[: self.most]


@dataclass
class Figure:
    """A chart that plotly draws, and the same as a table.

    Attributes:
        section: Where it stands.
        name: What it shows.
        data: Traces of plotly; texts in them are escaped.
        layout: Layout of plotly; the page adds colours.
        height: In pixels.
        columns: Of the table; none where a table would say nothing to anyone.
        rows: Of the table.
    """

    section: str
    name: str
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    height: int
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


@dataclass
class Page:
    """Everything a page shows."""

    title: str
    subtitle: str
    facts: Sequence[tuple[str, str]]
    tables: Sequence[Table] = ()
    figures: Sequence[Figure] = ()
    points: Sequence[Mapping[str, Any]] = ()
    clusters: Sequence[Mapping[str, Any]] = ()
    answers: Sequence[Mapping[str, Any]] = ()
    missing: Sequence[str] = ()
    warnings: Sequence[str] = ()
    run: Mapping[str, Any] = field(default_factory=dict)
    template: str = "report.html.j2"
    more: Mapping[str, Any] = field(default_factory=dict)  # what a template of its own shows beside


def markdown(text: str) -> str:
    """Return text that Markdown shows as it is: no link, no image, no HTML."""
    return MARKS.sub(r"\\\1", html.escape(clean(text), quote=False)).replace("\n", " ")


def script_json(value: Any) -> str:
    """Return JSON that stands safely inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )


def write_page(run: "tracking.Run", page: Page) -> Path:
    """Render the page of a run and store it under `reports/`; show its numbers as Prefect artifacts.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    if steps.planning() is not None:
        return Path()
    page = replace(page, tables=[*page.tables, *loss_tables(run.finished, {table.title for table in page.tables})])
    if run.history:
        page = replace(page, run={**page.run, "history": _history(run.history)})
    text = rendered(page, run.finished)
    folder = workspace.folder("reports", run.flow_run_id or f"local-{time.time_ns()}")
    path = folder / "index.html"
    path.write_text(text, "utf-8")
    _artifacts(run, page, path)
    return path


def _history(name: str) -> dict[str, str]:
    """Return where the page about all runs of a collection stands."""
    path = collection_runs.page(name)
    return {"name": name, "path": str(path), "link": f"../{path.parent.name}/{path.name}"}


def rendered(page: Page, finished: Sequence[steps.Finished] = ()) -> str:
    """Return a page as HTML, with what the steps took that made it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("tasks.report"), autoescape=True, undefined=StrictUndefined)
    environment.filters["clean"] = clean
    plot = {"points": page.points, "clusters": page.clusters}
    numbered: dict[str, list[tuple[str, Figure]]] = defaultdict(list)
    for number, figure in enumerate(page.figures):
        numbered[figure.section].append((f"figure-{number}", figure))
    drawn = {name: {"data": f.data, "layout": f.layout} for mine in numbered.values() for name, f in mine}
    return environment.get_template(page.template).render(
        page=page,
        timings=timings(finished),
        plot=script_json(plot) if page.points else "",
        figures=numbered,
        drawn=script_json(drawn) if drawn else "",
        plotly=_plotly() if page.points or drawn else "",
        made=time.strftime("%Y-%m-%d %H:%M:%S"),
    )


def loss_tables(finished: Sequence[steps.Finished], there: Collection[str] = ()) -> list[Table]:
    """Return what a run did not take of its sources as it stands, and which items it rejected.

    Args:
        finished: The steps of the run; of one that has read nothing there is nothing to say.
        there: Titles of the tables that a page has already.
    """
    if (found := losses.of_steps(finished)) is None:
        return []
    rows = [(line,) for line in found.lines()] or [("nothing was rejected, repeated or cut",)]
    tables = [Table("Losses", ("of what was read",), rows)]
    rejected = [(row.item, row.reason, row.detail) for row in losses.rejected_in(finished)]
    if rejected and "Rejected" not in there:
        tables.append(Table("Rejected", ("item", "reason", "detail"), rejected, most=SHOWN_REJECTED))
    return tables


def write_tables(folder: Path, tables: Mapping[str, "pa.Table"]) -> None:
    """Write tables as Parquet and CSV beside a page."""
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
        pc.write_csv(spreadsheet(table), folder / f"{name}.csv")


def timings(finished: Sequence[steps.Finished]) -> list[tuple[str, str, float]]:
    """Sum up what each step took: name, how often it ran or was stored, seconds."""
    names = list(dict.fromkeys(f.name for f in finished))
    rows = []
    for name in names:
        mine = [f for f in finished if f.name == name]
        cached = sum(f.cached for f in mine)
        how = ", ".join(
            part
            for part in (
                f"ran {len(mine) - cached} times" if cached < len(mine) else "",
                f"stored {cached} times" if cached else "",
            )
            if part
        )
        rows.append((name, how.replace("1 times", "once"), sum(f.seconds for f in mine)))
    return rows


def _plotly() -> str:
    """Return plotly's script; it is part of the page, which loads nothing."""
    from importlib.resources import files

    return (files("plotly") / "package_data" / "plotly.min.js").read_text("utf-8")


def _artifacts(run: "tracking.Run", page: Page, path: Path) -> None:
    """Show facts, tables and links on the run's page in Prefect."""
    from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact
    from prefect.context import FlowRunContext

    if FlowRunContext.get() is None:
        return
    facts = "\n".join(f"| {markdown(name)} | {markdown(value)} |" for name, value in page.facts)
    create_markdown_artifact(
        f"## {markdown(page.title)}\n\n{markdown(page.subtitle)}\n\n| | |\n|---|---|\n{facts}\n",
        key=f"{run.flow}-summary",
    )
    for table in [table for at, table in enumerate(page.tables) if at < SHOWN_TABLES or table.title == "Rejected"]:
        rows = [dict(zip(table.columns, map(str, row), strict=True)) for row in table.rows]
        key = re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")
        create_table_artifact(rows, key=f"{run.flow}-{key}", description=markdown(table.title))
    run.report = run.client.log_report(path)
    if run.report:
        create_link_artifact(run.report, key=f"{run.flow}-report", link_text="report of this run")
    else:  # a browser does not open a file from a page of the UI
        create_markdown_artifact(
            f"The report of this run is the file {markdown(str(path))}; MLflow, which shows it, does not answer.",
            key=f"{run.flow}-report",
        )
    if run.client.url:
        create_link_artifact(run.client.url, key=f"{run.flow}-mlflow", link_text="this run in MLflow")
