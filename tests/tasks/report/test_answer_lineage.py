from pathlib import Path

import pytest

from tasks.data.answers import Answer, AnswersRef
from tasks.data.lineage import GivenAnswers, Trail
from tasks.data.search import Generation
from tasks.report.answer_lineage import Followed, is_live, lineage_page, lineage_summary
from tasks.runtime.mlflow_run import MlflowRun
from tasks.runtime.tracking import Run
from tasks.store import objects

TRAIL = Trail(
    answer=0, question="<b>Who purrs?</b>", sentence="Cats <script>purr</script>.", passage="cats#0", document="cats",
    version="c0ffee" * 10, item="cats.txt", item_sha256="feed" * 16,
)  # fmt: skip


@pytest.fixture
def given(shelf: Generation) -> GivenAnswers:
    answer = Answer(question="?", text="", citations=(), abstained="", score=1, threshold=0)
    return GivenAnswers(
        answers=objects.save_json(AnswersRef, [answer.model_dump(mode="json")]),
        sentences=shelf.passages,
        documents=shelf.documents,
        snapshot=shelf.snapshot,
        fingerprint=shelf.fingerprint,
        generations=(shelf,),
    )


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({"cats": {"shelf": TRAIL.version}}, True),
        ({"cats": {"shelf": "another"}}, False),
        ({"cats": {"elsewhere": TRAIL.version}}, False),
        ({"cats": {}}, False),
    ],
    ids=["as it was", "changed", "the same in another collection", "gone"],
)
def test_a_version_is_live_if_its_own_collection_still_has_it(
    live: dict[str, dict[str, str]], expected: bool, given: GivenAnswers
) -> None:
    assert is_live(given, TRAIL, live) is expected


def test_of_a_generation_that_is_not_kept_any_collection_will_do(given: GivenAnswers) -> None:
    unknown = given.model_copy(update={"generations": ()})
    assert is_live(unknown, TRAIL, {"cats": {"elsewhere": TRAIL.version}})


def test_the_summary_holds_everything_between_citation_and_file(given: GivenAnswers) -> None:
    found = lineage_summary([Followed(given, [TRAIL])], {"cats": {"shelf": TRAIL.version}}, None, 3)
    (trail,) = found["trails"]
    assert (found["answers"], found["followed"]) == (3, 1)
    assert trail == {
        **TRAIL.model_dump(exclude={"answer"}),
        "answers": given.answers.digest,
        "live": True,
        "generations": ["shelf/1"],
        "encoder": {
            "model": "m",
            "identity": given.fingerprint.encoder.identity,
            "precision": "fp32",
            "engine": "torch-cpu",
        },
    }


def test_the_summary_of_a_document_names_its_live_versions(given: GivenAnswers) -> None:
    found = lineage_summary([], {"cats": {"shelf": "v"}}, "cats", 0)
    assert found == {
        "document": "cats", "live_versions": {"shelf": "v"}, "answers": 0, "followed": 0, "trails": []
    }  # fmt: skip


def page_of(followed: list[Followed], document: str | None) -> str:
    run = Run("answer-lineage", "", MlflowRun(unreachable=True), [])
    return Path(lineage_page(run, followed, {"cats": {"shelf": TRAIL.version}}, document)).read_text("utf-8")


def test_the_page_draws_the_way_of_every_citation_and_runs_nothing_of_it(given: GivenAnswers) -> None:
    text = page_of([Followed(given, [TRAIL])], None)
    assert (
        "<td>&lt;b&gt;Who purrs?&lt;/b&gt;</td><td>Cats &lt;script&gt;purr&lt;/script&gt;.</td><td>cats#0</td>" in text
    )
    assert "<td>cats</td><td>c0ffeec0ffee</td><td>yes</td><td>cats.txt</td><td>feedfeedfeed</td>" in text
    assert f"<td>shelf 1</td><td>m</td><td>{given.fingerprint.encoder.identity[:12]}</td>" in text


def test_a_page_without_citations_says_so(home: Path) -> None:
    assert "no citation: no answer was given, or none cites the document" in page_of([], "cats")
