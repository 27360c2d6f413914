"""`make audit`: the versions of constraints.txt against the known vulnerabilities of PyPI and OSV, by pip-audit.

What is allowed stands in `allowed.toml` with a date and a reason, for half a year. Exit 0: nothing, 1: found, or an
allowance that is over or idle, 3: neither source can be reached.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CONSTRAINTS = HERE.parents[1] / "constraints.txt"
UNREACHABLE = 3
KEPT = timedelta(days=183)  # an allowance is looked at again after that
SOURCES = ("pypi", "osv")
SECONDS = 20  # of one answer of a source


def main(tool: str) -> int:
    """Ask the sources by turns until one knows the packages; print one line a finding; return the exit status."""
    reasons = []
    for source in SOURCES:
        stated, said = ask(tool, source)
        known = [package for package in stated if "skip_reason" not in package]
        if known:
            allowed = tomllib.loads((HERE / "allowed.toml").read_text("utf-8")).get("allowed", [])
            lines = judged(stated, allowed, date.today())
            print("\n".join(lines) or f"{len(known)} versions, {source} knows nothing against them")
            return 1 if any(not line.startswith(("allowed:", "not known:")) for line in lines) else 0
        reasons.append(f"{source}: {said}")
    print(f"nothing was audited: no source of vulnerabilities answered ({'; '.join(reasons)})", file=sys.stderr)
    return UNREACHABLE


def ask(tool: str, source: str) -> tuple[list[dict[str, Any]], str]:
    """Return what pip-audit states of each package, and what it says where that is nothing."""
    words = [tool, "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--format", "json",
             "--progress-spinner", "off", "--vulnerability-service", source, "--timeout", str(SECONDS)]  # fmt: skip
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], str(error)[:160]
    try:
        stated = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], done.stderr.strip().rpartition("\n")[2][:160] or f"exit status {done.returncode}"
    skipped = [str(package["skip_reason"]) for package in stated if "skip_reason" in package]
    return stated, skipped[0][:160] if skipped else "no package"


def judged(stated: Sequence[Mapping[str, Any]], allowed: Sequence[Mapping[str, Any]], today: date) -> list[str]:
    """Return a line for each finding, each package that is not known, and each allowance that is over or idle."""
    lines, used = [], set()
    for package in stated:
        if "skip_reason" in package:
            lines.append(f"not known: {package['name']} ({package['skip_reason']})")
        for finding in package.get("vulns", ()):
            names = {str(finding["id"]), *map(str, finding.get("aliases", ()))}
            row = next((row for row in allowed if row["package"] == package["name"] and row["id"] in names), None)
            used.add(None if row is None else row["id"])
            over = row is not None and today - row["date"] > KEPT
            how = "found" if row is None else "allowed too long" if over else "allowed"
            fixed = ", ".join(finding.get("fix_versions", ())) or "no version yet"
            why = f"; {row['date']}: {row['reason']}" if row is not None else ""
            lines.append(f"{how}: {package['name']} {package['version']} {finding['id']}, mended in {fixed}{why}")
    lines += [f"idle allowance: {row['package']} {row['id']}" for row in allowed if row["id"] not in used]
    return lines


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
