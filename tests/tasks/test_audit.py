"""What `make audit` says of findings, allowances, and sources that cannot be reached."""

import json
import sys
from datetime import date
from pathlib import Path

import pytest

from tests.audit import __main__ as audit

TODAY = date(2026, 11, 29)
FOUND = {"name": "lamp", "version": "1.0", "vulns": [{"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["1.1"]}]}


def allowance(package: str = "lamp", known: str = "CVE-1", day: date = TODAY) -> dict[str, object]:
    return {"package": package, "id": known, "date": day, "reason": "not reached"}


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ([], ["found: lamp 1.0 PYSEC-1, mended in 1.1"]),
        ([allowance()], ["allowed: lamp 1.0 PYSEC-1, mended in 1.1; 2026-11-29: not reached"]),
        (
            [allowance(day=date(2026, 1, 1))],
            ["allowed too long: lamp 1.0 PYSEC-1, mended in 1.1; 2026-01-01: not reached"],
        ),
        (
            [allowance(), allowance("lens", "CVE-2")],
            [
                "allowed: lamp 1.0 PYSEC-1, mended in 1.1; 2026-11-29: not reached",
                "idle allowance: lens CVE-2",
            ],
        ),
    ],
)
def test_a_finding_is_allowed_for_half_a_year_and_an_idle_allowance_is_said(
    allowed: list[dict[str, object]], said: list[str]
) -> None:
    assert audit.judged([FOUND], allowed, TODAY) == said


def tool(tmp_path: Path, body: str) -> str:
    path = tmp_path / "pip-audit"
    path.write_text(f"#!{sys.executable}\n{body}", "utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "body",
    [
        "import sys; sys.exit('connection refused')",
        f"print({json.dumps(json.dumps({'dependencies': [{'name': 'lamp', 'skip_reason': 'not found'}]}))})",
        "print('{')",
    ],
    ids=["no source", "a source that knows no package", "half a reply"],
)
def test_a_source_that_cannot_be_reached_is_said_and_is_no_clean_result(
    body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main(tool(tmp_path, body)) == audit.UNREACHABLE
    said = capsys.readouterr().err.strip()
    assert said.startswith("nothing was audited")
    assert "\n" not in said


def test_findings_end_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = f"print({json.dumps(json.dumps({'dependencies': [FOUND]}))})"
    assert audit.main(tool(tmp_path, body)) == 1
    assert "found: lamp 1.0 PYSEC-1" in capsys.readouterr().out
