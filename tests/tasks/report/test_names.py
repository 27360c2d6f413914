"""Runs are called after what they work on; a name that a person typed is kept."""

from datetime import datetime

import pytest
from prefect.utilities.names import generate_slug

from configs.ingest import Files, Hub, PythonDocs
from tasks.data.run import subject_of
from tasks.report.names import SUBJECT, is_generated, told

MOMENT = datetime(2026, 11, 26, 3, 0)


def test_a_run_is_called_after_its_flow_its_subject_and_its_time() -> None:
    assert told("knowledge-base", "notes", MOMENT) == "knowledge-base notes · 26 Nov 03:00"
    assert told("chat-session", "", MOMENT) == "chat-session · 26 Nov 03:00"


def test_a_long_subject_is_cut_and_what_cannot_be_printed_is_a_blank() -> None:
    name = told("rag-answers", "why\n\x1b[31m\u202ered " + "very " * 40, MOMENT)
    assert name.startswith("rag-answers why [31m red very")
    assert name.isprintable()
    assert len(name) <= len("rag-answers ") + SUBJECT + len(" · 26 Nov 03:00")


@pytest.mark.parametrize(
    ("value", "subject"),
    [
        (Files(path="/data/notes"), "notes"),
        (Files(path="/data/notes/"), "notes"),
        (Hub(dataset="owner/name"), "name"),
        (PythonDocs(), "python-docs"),
        (["one", "two"], "one; two"),
        ("a question", "a question"),
    ],
)
def test_a_subject_is_a_text_or_the_place_of_a_source(value: object, subject: str) -> None:
    assert subject_of(value) == subject


def test_what_prefect_draws_is_known_and_what_its_form_fills_in() -> None:
    assert all(is_generated(generate_slug(2)) for _ in range(2_000))
    assert all(
        is_generated(name) for name in ("delta2-bayliss-instability", "tau3-juhraya", "eta6-canis-majoris-nova")
    )


@pytest.mark.parametrize(
    "name",
    [
        "nightly",
        "my-run",
        "beta-test",
        "alpha-release-notes",
        "pi-day-demo",
        "release-2.1",
        "docs of Tuesday",
        "-",
        "",
    ],
)
def test_what_a_person_types_is_kept(name: str) -> None:
    assert not is_generated(name)
