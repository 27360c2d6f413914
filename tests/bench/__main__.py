"""`python -m tests.bench [name ...]`: run benchmarks one after another; the last line is one JSON object.

A result names the commit, the machine and the versions it was measured with; without a commit it is refused.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from tasks.environment import environment

HERE = Path(__file__).parent
# Servers that a benchmark starts tell nobody that they run.
QUIET = {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


def main(wanted: list[str]) -> int:
    """Run the benchmarks named, or all; return 0 if every promise was kept."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    if unknown := set(wanted) - set(known):
        print(f"there is no benchmark {sorted(unknown)[0]!r}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    machine = environment()
    if not machine["commit"]:
        print("this is no git checkout: a result without a commit says nothing; clone the project", file=sys.stderr)
        return 2
    results = {}
    for name in wanted or known:
        print(f"\n{name}")
        results[name] = importlib.import_module(f"tests.bench.bench_{name}").measure()
        for row in results[name]:
            print(_line(row))
    kept = all(row.get("kept", True) for rows in results.values() for row in rows)
    print(json.dumps({"results": results, "kept": kept, **machine}))
    return 0 if kept else 1


def _line(row: dict[str, Any]) -> str:
    promise = f"  (promised {row['promised']})" if "promised" in row else ""
    missed = "" if row.get("kept", True) else "  MISSED"
    value = "not here:" if row["value"] is None else f"{row['value']:.3f}"
    return f"  {row['what']:64} {value:>10} {row['unit']}{promise}{missed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
