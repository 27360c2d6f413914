"""Keep a measurement in `docs/measured/` and show it in the README.

    python -m flows knowledge-base | python -m tests.bench.record knowledge-base
    python -m tests.bench | python -m tests.bench.record bench

Reads the last line of standard input; paths and ids of the machine are left out.
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
BLOCK = r"(<!-- measured: {name} -->\n).*?(<!-- end -->)"


def quality(stated: dict[str, Any]) -> str:
    """Return the evaluation of a `knowledge-base` run as a table."""
    lines = ["| measure | value | interval | questions |", "|---|---|---|---|"]
    for name, m in stated["result"]["evaluation"].items():
        lines.append(f"| {name} | {m['value']:.3f} | {m['low']:.3f} to {m['high']:.3f} | {m['n']} |")
    made = stated["result"]
    lines.append(f"\n{made['documents']:,} documents, {made['passages']:,} passages, {made['topics']} topics.")
    return "\n".join(lines)


def speed(stated: dict[str, Any]) -> str:
    """Return the results of `make bench` as a table."""
    lines = ["| what | measured | promised |", "|---|---|---|"]
    for rows in stated["results"].values():
        lines += [f"| {r['what']} | {r['value']:.3g} {r['unit']} | {r.get('promised', '')} |" for r in rows]
    machine = stated["machine"]
    lines.append(f"\n{machine['cores']} cores, {machine['memory_gb']} GB, Python {machine['python']}, no GPU.")
    return "\n".join(lines)


TABLES = {"knowledge-base": quality, "bench": speed}


def block(name: str) -> str:
    """Return what the README shows of a measurement."""
    return TABLES[name](json.loads((MEASURED / f"{name}.json").read_text("utf-8")))


def written(text: str) -> str:
    """Return a README with every measurement in its place."""
    for name in TABLES:
        text = re.sub(BLOCK.format(name=name), lambda m, n=name: f"{m[1]}{block(n)}\n{m[2]}", text, flags=re.DOTALL)
    return text


def main(name: str) -> None:
    """Keep the last line of standard input under a name, and bring the README up to date."""
    from tasks.runtime import tracking

    *said, last = sys.stdin.read().splitlines()
    print("\n".join(said))
    stated = {**tracking.environment(), **json.loads(last)}
    kept = {key: stated[key] for key in KEPT if key in stated}
    (MEASURED / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    README.write_text(written(README.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
