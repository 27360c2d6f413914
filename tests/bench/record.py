"""Keep a measurement in `docs/measured/` and show it on the pages that hold its table.

    python -m flows knowledge-base | python -m tests.bench.record knowledge-base
    python -m tests.bench embed topics | python -m tests.bench.record bench
    python -m tests.bench.record pages      (no measurement: fill the tables of all pages again)

Reads the last line of standard input; paths and ids of the machine are left out. Every benchmark has a file of its
own, another one if the machine has a GPU, with the commit and the machine it was taken on. A page shows a measurement
between `<!-- measured: NAME -->` and `<!-- end -->`; NAME is a file of `docs/measured/`, or `results`, the few rows of
the README, or `missed`, the targets that were not reached.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / "docs" / "measured"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
KEPT = ("seconds", "tasks", "metrics", "result", "results", "kept", "libraries", "machine", "commit")
GPU = "-gpu"  # ends the name of what was measured where there is one
BLOCK = re.compile(r"(<!-- measured: ([a-z0-9_-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# What the README shows: a label, the benchmark, how its row begins, and what it was measured on.
RESULTS = (
    ("Search by words and meaning, nDCG@10", "retrieval", "all sets, weighted$", "Cranfield, XQuAD, HotpotQA"),
    (
        "its gain over the better of BM25 and vectors",
        "retrieval",
        "all sets, weighted over the better",
        "the same, paired",
    ),
    (
        "Answers that stand in a quoted sentence",
        "answers",
        "xquad odd: the answer stands in a quoted",
        "XQuAD, held-out half",
    ),
    ("Questions from elsewhere that get no answer", "answers", "hotpotqa odd: abstained", "HotpotQA asked of XQuAD"),
    (
        "Accuracy of text-classifier, 77 classes",
        "classify",
        "banking77 test: embeddings, acc",
        "banking77, test split",
    ),
    (
        "Topics, times as fast as BERTopic",
        "topics",
        "6,000 abstracts: times as fast as BERTopic, w",
        "arXiv, on busy cores",
    ),
)


def quality(stated: dict[str, Any]) -> str:
    """Return the evaluation of a `knowledge-base` run as a table."""
    lines = ["| measure | value | interval | questions |", "|---|---|---|---|"]
    for name, m in stated["result"]["evaluation"].items():
        interval = f"{m['low']:.3f} to {m['high']:.3f}" if "low" in m else ""
        lines.append(f"| {name} | {m['value']:.3f} | {interval} | {m['n']} |")
    made = stated["result"]
    lines.append(f"\n{made['documents']:,} documents, {made['passages']:,} passages, {made['topics']} topics.")
    return "\n".join(lines)


def results() -> str:
    """Return the few measurements that stand for all, as a table.

    Raises:
        KeyError: A benchmark no longer has the row.
    """
    lines = ["| what | measured | measured on |", "|---|---|---|"]
    for label, name, start, where in RESULTS:
        row = next((r for r in _rows(name) if re.match(start, r["what"])), None)
        if row is None:
            raise KeyError(f"bench-{name}.json has no row {start!r}; change RESULTS in tests/bench/record.py")
        interval = re.search(r"\(([^()]* to [^(),]*)", f"{row['what']} {row['unit']}")
        shown = f"{_number(row['value'])} ({interval[1]})" if interval else f"{_number(row['value'])} {row['unit']}"
        lines.append(f"| {label} | {shown.strip()} | {where} |")
    kept = [row["kept"] for name in _benchmarks() for row in _rows(name) if "promised" in row]
    lines.append(f"\n{sum(kept)} of {len(kept)} targets of the benchmarks were reached. {_demo()}")
    return "\n".join(lines)


def _demo() -> str:
    """Say how long the collection of `make demo` took, and where."""
    stated = json.loads((MEASURED / "knowledge-base.json").read_text("utf-8"))
    tokens, seconds = stated["metrics"]["embed-passages.tokens"], stated["metrics"]["embed-passages.seconds"]
    return (
        f"The collection of `make demo` took {stated['seconds'] / 60:.0f} minutes, {seconds / 60:.0f} of them for "
        f"encoding {tokens:,.0f} tokens, on {_place(stated)}."
    )


def missed() -> str:
    """Return the targets that were not reached, as a table, under how many there are."""
    rows = [(name, row) for name in _benchmarks() for row in _rows(name) if "promised" in row]
    lost = [(name, row) for name, row in rows if not row["kept"]]
    head = f"{len(rows) - len(lost)} of {len(rows)} targets were reached. These were not:\n"
    table = ["| benchmark | what | measured | target |", "|---|---|---|---|"]
    table += [f"| {name} | {r['what']} | {_measured(r)} | {r['promised']} |" for name, r in lost]
    return "\n".join([head, *table])


def benchmark(name: str) -> str:
    """Return every row of a benchmark as a table, and the machine it ran on."""
    stated = _stated(name)
    table = ["| what | measured | target | |", "|---|---|---|---|"]
    for row in _rows(name):
        said = {True: "reached", False: "**missed**", None: ""}[row.get("kept")]
        table.append(f"| {row['what']} | {_measured(row)} | {row.get('promised', '')} | {said} |")
    return "\n".join([*table, "", f"Measured on {_place(stated)}."])


def _benchmarks() -> list[str]:
    return [path.stem.removeprefix("bench-") for path in sorted(MEASURED.glob("bench-*.json"))]


def _stated(name: str) -> dict[str, Any]:
    stated: dict[str, Any] = json.loads((MEASURED / f"bench-{name}.json").read_text("utf-8"))
    return stated


def _rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _stated(name)["results"][name.removesuffix(GPU)]
    return rows


def _place(stated: dict[str, Any]) -> str:
    machine = stated["machine"]
    parts = (machine.get("gpu"), f"{machine['cores']} cores", machine["processor"], f"{machine['memory_gb']} GB")
    return ", ".join([*filter(None, parts), f"Python {machine['python']}", f"commit {stated['commit'][:7]}"])


def _measured(row: dict[str, Any]) -> str:
    return f"{_number(row['value'])} {row['unit']}".strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def block(name: str) -> str:
    """Return what a page shows of a measurement."""
    if name in ("results", "missed"):
        return {"results": results, "missed": missed}[name]()
    if name.startswith("bench-"):
        return benchmark(name.removeprefix("bench-"))
    stated = json.loads((MEASURED / f"{name}.json").read_text("utf-8"))
    return f"{quality(stated)}\n\nMeasured on {_place(stated)}."


def written(text: str) -> str:
    """Return a page with every measurement in its place."""
    return BLOCK.sub(lambda m: f"{m[1]}{block(m[2])}\n{m[3]}", text)


def write_pages() -> None:
    """Bring the tables of every page up to date."""
    for page in PAGES:
        page.write_text(written(page.read_text("utf-8")), "utf-8")


def main(name: str) -> None:
    """Keep the last line of standard input under a name, and bring the pages up to date."""
    from tasks.environment import environment

    *said, last = sys.stdin.read().splitlines()
    print("\n".join(said))
    stated = {**environment(), **json.loads(last)}
    kept = {key: stated[key] for key in KEPT if key in stated}
    parts = {name: kept}
    if name == "bench":
        end = GPU if kept["machine"].get("gpu") else ""
        found = {part: rows for part, rows in kept["results"].items() if rows}
        parts = {f"bench-{part}{end}": {**kept, "results": {part: rows}} for part, rows in found.items()}
    for part, content in parts.items():
        (MEASURED / f"{part}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    write_pages()


if __name__ == "__main__":
    write_pages() if sys.argv[1] == "pages" else main(sys.argv[1])
