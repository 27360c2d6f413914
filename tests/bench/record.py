"""Keep a measurement in `docs/measured/` and show it in the README.

    python -m flows knowledge-base | python -m tests.bench.record knowledge-base
    python -m tests.bench embed topics | python -m tests.bench.record bench

Reads the last line of standard input; paths and ids of the machine are left out. Every benchmark has a file of its
own, another one if the machine has a GPU, with the commit and the machine it was taken on; the README shows what was
promised.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
MEASURED = ROOT / "docs" / "measured"
KEPT = ("seconds", "tasks", "metrics", "result", "results", "kept", "libraries", "machine", "commit")
NAMES = ("knowledge-base", "bench")
GPU = "-gpu"  # ends the name of what was measured where there is one
BLOCK = r"(<!-- measured: {name} -->\n).*?(<!-- end -->)"


def quality(stated: dict[str, Any]) -> str:
    """Return the evaluation of a `knowledge-base` run as a table."""
    lines = ["| measure | value | interval | questions |", "|---|---|---|---|"]
    for name, m in stated["result"]["evaluation"].items():
        lines.append(f"| {name} | {m['value']:.3f} | {m['low']:.3f} to {m['high']:.3f} | {m['n']} |")
    made = stated["result"]
    lines.append(f"\n{made['documents']:,} documents, {made['passages']:,} passages, {made['topics']} topics.")
    return "\n".join(lines)


def speed() -> str:
    """Return what every benchmark was promised to reach and reached, as a table, and where that was."""
    rows: list[tuple[str, dict[str, Any]]] = []
    places: dict[str, list[str]] = {}
    for path in sorted(MEASURED.glob("bench-*.json")):
        stated = json.loads(path.read_text("utf-8"))
        name, machine = path.stem.removeprefix("bench-"), stated["machine"]
        rows += [(name, row) for row in stated["results"][name.removesuffix(GPU)] if "promised" in row]
        parts = (machine.get("gpu"), f"{machine['cores']} cores", machine["processor"], f"{machine['memory_gb']} GB")
        where = ", ".join([*filter(None, parts), f"Python {machine['python']}"])
        places.setdefault(f"{where}, commit {stated['commit'][:7]}", []).append(name)
    kept = sum(row["kept"] for _, row in rows)
    head = f"<details><summary>{kept} of {len(rows)} promises kept</summary>\n"
    table = ["| | what | measured | promised | |", "|---|---|---|---|---|", *(_line(*row) for row in rows)]
    where = [f"{', '.join(names)}: {place}.  " for place, names in places.items()]
    return "\n".join([head, *table, "", *where, "</details>"])


def _line(name: str, row: dict[str, Any]) -> str:
    value = f"{row['value']:,.0f}" if abs(row["value"]) >= 100 else f"{row['value']:.3g}"
    said = "" if row["kept"] else "**missed**"
    return f"| {name} | {row['what']} | {value} {row['unit']} | {row['promised']} | {said} |"


def block(name: str) -> str:
    """Return what the README shows of a measurement."""
    if name == "bench":
        return speed()
    return quality(json.loads((MEASURED / f"{name}.json").read_text("utf-8")))


def written(text: str) -> str:
    """Return a README with every measurement in its place."""
    for name in NAMES:
        text = re.sub(BLOCK.format(name=name), lambda m, n=name: f"{m[1]}{block(n)}\n{m[2]}", text, flags=re.DOTALL)
    return text


def main(name: str) -> None:
    """Keep the last line of standard input under a name, and bring the README up to date."""
    from tasks.runtime import tracking

    *said, last = sys.stdin.read().splitlines()
    print("\n".join(said))
    stated = {**tracking.environment(), **json.loads(last)}
    kept = {key: stated[key] for key in KEPT if key in stated}
    parts = {name: kept}
    if name == "bench":
        end = GPU if kept["machine"].get("gpu") else ""
        found = {part: rows for part, rows in kept["results"].items() if rows}
        parts = {f"bench-{part}{end}": {**kept, "results": {part: rows}} for part, rows in found.items()}
    for part, content in parts.items():
        (MEASURED / f"{part}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    README.write_text(written(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
