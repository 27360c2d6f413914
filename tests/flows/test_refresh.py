"""A collection follows its source: what changed is said, and a generation that finds worse is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs.embed import Embed
from configs.evaluate import Evaluate
from configs.flows import KnowledgeBase, SearchEvaluation
from configs.ingest import Files
from configs.publish import Gate, Publish
from flows.knowledge_base import knowledge_base
from flows.search_evaluation import preflight as check_evaluation
from flows.search_evaluation import search_evaluation
from flows.semantic_search import semantic_search
from tasks.data.run import Outcome
from tasks.errors import ContractError, DataError
from tasks.launch import events
from tasks.store import collection_runs, collections
from tests.flows.conftest import working_in

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]

SUBJECTS = ("lighthouse", "bakery", "orchard", "railway", "harbour", "library", "forge", "mill", "chapel", "market",
            "windmill", "tannery")  # fmt: skip
DEEDS = ("lit the lamp", "baked rye bread", "pruned apple trees", "left at ten", "hosted the pilots", "lent atlases",
         "shod horses", "ground barley", "rang two bells", "sold copper pans", "pumped water",
         "cured hides")  # fmt: skip


@pytest.fixture(scope="module")
def first(new_root: Callable[[], Path]) -> tuple[Path, Outcome]:
    """Build the first generation, of twelve documents and questions that each alone answers; tests copy it."""
    root = new_root()
    folder = root / "town"
    folder.mkdir()
    for subject, deed in zip(SUBJECTS, DEEDS, strict=True):
        (folder / f"{subject}.txt").write_text(f"The old {subject} {deed} every day of the year.", "utf-8")
    asked = [
        {
            "id": f"{subject}, {split}",
            "question": f"Where was it that they {deed}?",
            "answers": [f"{subject}.txt"],
            "split": split,
        }
        for split in ("development", "test")
        for subject, deed in zip(SUBJECTS, DEEDS, strict=True)
    ]
    (root / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)), "utf-8")
    with working_in(root / "workspace"):
        return root, build(folder, Publish())


@pytest.fixture
def town(first: tuple[Path, Outcome], copied: Callable[[Path], Path]) -> Path:
    """Return a copy of the folder, in a workspace that holds its first generation."""
    return copied(first[0]) / "town"


def build(town: Path, publish: Publish) -> Outcome:
    questions = str(town.parent / "questions.jsonl")
    config = KnowledgeBase(
        embed=Embed(precision="fp32"), topics=None, evaluate=Evaluate(questions=questions), publish=publish
    )
    return knowledge_base(source=Files(path=str(town)), config=config)


def spoil(town: Path) -> None:
    """Give every document the words of another, so that each question finds the wrong one."""
    texts = [(town / f"{subject}.txt").read_text("utf-8") for subject in SUBJECTS]
    for subject, text in zip(SUBJECTS, texts[1:] + texts[:1], strict=True):
        (town / f"{subject}.txt").write_text(text, "utf-8")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, dict[str, Any]]]:
    """Collect what the Prefect server is told, on one whose automations wait for all of it."""
    found: list[tuple[str, str, dict[str, Any]]] = []

    def emit(event: str, resource: str, payload: dict[str, Any], **_: Any) -> bool:
        found.append((event, resource, payload))
        return True

    monkeypatch.setattr(events, "awaited", lambda _: True)
    monkeypatch.setattr(events, "emit", emit)
    return found


def test_a_refresh_says_what_changed_and_encodes_only_that(
    first: tuple[Path, Outcome], town: Path, told: list[tuple[str, str, dict[str, Any]]]
) -> None:
    made = first[1].result
    assert made["changes"] == "12 added, 0 changed, 0 removed, 0 unchanged in the first generation"
    assert made["gate"] == "not compared: no generation is live yet"
    (town / "forge.txt").write_text("The old forge is closed now, its bellows were sold.", "utf-8")
    (town / "mill.txt").unlink()
    (town / "quarry.txt").write_text("The quarry gave slate for every roof of the parish.", "utf-8")

    second = build(town, Publish())

    assert second.result["changes"] == "1 added, 1 changed, 1 removed, 10 unchanged since generation 1"
    counted = {name: second.metrics[f"delta.{name}"] for name in ("added", "changed", "removed", "unchanged")}
    assert counted == {"added": 1, "changed": 1, "removed": 1, "unchanged": 10}
    live = collections.live("town")
    assert live.delta == {"against": 1, **counted}
    assert 2 <= second.metrics["embed-passages.encoded"] <= 4  # two passages, and their sentences if they are quoted
    assert second.metrics["index-verify.by_vector"] == second.metrics["index-verify.probes"] == 12
    assert second.result["changes"] in Path(second.report).read_text("utf-8")
    assert second.result["gate"].startswith("ndcg@10 of 11 questions is ")
    published = ("llm-flows.collection.published", "llm-flows.collection.town")
    assert [(*names, stated["generation"]) for *names, stated in told] == [(*published, 2)]
    again = build(town, Publish())
    assert len(told) == 1
    assert collections.unannounced("town")[0] == 0
    assert again.result["changes"] == "0 added, 0 changed, 0 removed, 12 unchanged since generation 2"
    assert again.result["gate"] == "not compared: what is searched has not changed"
    assert collections.live("town") == live


def test_a_worse_generation_is_refused_with_the_comparison_and_the_old_one_serves_on(
    town: Path, told: list[tuple[str, str, dict[str, Any]]]
) -> None:
    before = collections.live("town")
    spoil(town)
    with pytest.raises(
        DataError, match=r"the new generation of town retrieves worse: ndcg@10 of 12 questions is"
    ) as error:
        build(town, Publish())
    assert collections.live("town") == before
    ((event, resource, stated),) = told
    assert (event, resource) == ("llm-flows.gate.refused", "llm-flows.collection.town")
    assert stated["why"].startswith("ndcg@10 of 12 questions is ")
    assert [made.number for made in collections.history("town")] == [1]
    page = Path(str(error.value).partition("see ")[2].partition(", fix")[0]).read_text("utf-8")
    assert "refused: generation 1 stays live" in page
    assert "12 changed" in page
    assert 'href="../collection-town/index.html"' in page
    published, refused = collection_runs.read("town")
    assert (published.state, refused.state, refused.generation) == ("published", "refused", 1)
    assert refused.why.startswith("ndcg@10 of 12 questions is")
    assert {m.what for m in refused.measures} >= {"bm25", "dense", "fused", "weighted"}
    assert "refused" in collection_runs.page("town").read_text("utf-8")
    hits = semantic_search(queries=["who lit the lamp"], collection="town").result["queries"][0]["hits"]
    assert hits[0]["document"] == "lighthouse.txt"


@pytest.mark.parametrize(
    ("publish", "said"),
    [
        pytest.param(Publish(gate=None), "not compared: the gate is off", marks=pytest.mark.long),
        pytest.param(
            Publish(gate=Gate(min_questions=13)),
            "not compared: 12 questions outside the test split have one answer",
            marks=pytest.mark.long,
        ),
        (Publish(gate=Gate(tolerance=1.0)), "ndcg@10 of 12 questions is "),
    ],
    ids=["off", "too few questions", "tolerated"],
)
def test_a_gate_that_is_off_or_open_lets_a_worse_generation_through_and_says_so(
    publish: Publish, said: str, town: Path
) -> None:
    spoil(town)
    assert build(town, publish).result["gate"].startswith(said)
    assert collections.live("town").number == 2
    if publish.gate is not None and publish.gate.tolerance == 1.0:
        compare_with_the_generation_before(town)


def compare_with_the_generation_before(town: Path) -> None:
    """Evaluate generation 2, in which each question finds the wrong document, beside generation 1."""
    questions = Evaluate(questions=str(town.parent / "questions.jsonl"), calibrate=None)
    outcome = search_evaluation(collection="town", config=SearchEvaluation(evaluate=questions))
    found, change = outcome.result["evaluation"], outcome.result["change"]
    assert outcome.result["against"] == "generation 1"
    assert found["recall@10 bm25"]["n"] == change["recall@10 bm25"]["n"] == 12
    assert change["mrr@10 bm25"]["value"] < -0.3
    assert {name.rpartition(" ")[2] for name in change} >= {"bm25", "dense", "fused", "weighted"}
    page = Path(outcome.report).read_text("utf-8")
    assert "town, generation 2, evaluated" in page
    assert f"{change['mrr@10 bm25']['value']:+.3f}" in page


def test_without_questions_an_evaluation_says_what_to_give(town: Path) -> None:
    with pytest.raises(ContractError, match=r"no questions of its own for collection town \(files\); set evaluate"):
        check_evaluation("town")


def test_a_change_of_wording_that_hurts_no_question_passes(town: Path) -> None:
    for subject in SUBJECTS:
        path = town / f"{subject}.txt"
        path.write_text(path.read_text("utf-8").replace("every day", "each day"), "utf-8")
    outcome = build(town, Publish(keep=1))
    assert outcome.result["gate"].startswith("ndcg@10 of 12 questions is ")
    assert [made.number for made in collections.history("town")] == [2]
