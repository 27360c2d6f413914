"""`topic-model` keeps ids from run to run, shows what is new, and says what it cannot do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from configs.embed import Embed
from configs.flows import TopicModel, Topics
from configs.generators import ModelServer
from configs.ingest import Tables
from configs.represent import Labels, Written
from configs.topics import Slices, Suspicions
from flows.topic_model import topic_model
from tasks.data.run import Outcome
from tasks.errors import DataError
from tasks.runtime import tracking
from tests.tasks.models.chat_server import served

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]

THEMES = {
    "ships": "sail harbour tide captain anchor deck crew lighthouse pilot buoy cargo voyage",
    "bread": "flour oven yeast dough baker crust sourdough rye loaf knead butter bakery",
    "trees": "prune orchard apple branch blossom root graft pear gardener soil leaf harvest",
    "trains": "locomotive railway carriage platform sleeper timetable station track signal conductor rail ticket",
}
NEW = "telescope galaxy star orbit planet comet nebula astronomer eclipse lens moon observatory"


def sentences(words: str, count: int, seed: int) -> list[str]:
    random, known = np.random.default_rng(seed), words.split()
    return [" ".join(random.permutation(known)[:8]) for _ in range(count)]


def rubbish(count: int) -> list[str]:
    """Return texts of letters, digits and marks that are no language."""
    random, marks = np.random.default_rng(5), list("qxzjkvwpbfmt0123456789#@%&")
    return [" ".join("".join(random.choice(marks, random.integers(3, 11))) for _ in range(9)) for _ in range(count)]


def rows(count: int) -> list[dict[str, Any]]:
    return [
        {"id": f"{theme}-{n}", "text": text, "theme": theme, "day": f"2026-0{1 + n % 6}-01"}
        for seed, (theme, words) in enumerate(THEMES.items())
        for n, text in enumerate(sentences(words, count, seed))
    ]


def write(path: Path, given: list[dict[str, Any]]) -> Tables:
    path.write_text("\n".join(map(json.dumps, given)), "utf-8")
    return Tables(path=str(path), id="id", keep=("theme", "day"))


def config(**changes: Any) -> TopicModel:
    return TopicModel(embed=Embed(precision="fp32"), **changes)


def topics_of(outcome: Outcome) -> dict[str, int]:
    table = pq.read_table(Path(outcome.result["files"]) / "documents.parquet")
    return dict(zip(table["id"].to_pylist(), table["topic"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    """Return a workspace and the first run in it."""
    home = tmp_path_factory.mktemp("topics")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
        wanted = config(
            over=(Slices(column="day", bins=3), Slices(column="theme")), worth=Suspicions(classes="theme"),
            judge={"runs": 2, "classes": "theme"},
        )  # fmt: skip
        return home, topic_model(source=write(home / "notes.jsonl", rows(40)), find=["a loaf of bread"], config=wanted)


def test_themes_become_topics_that_are_named_measured_and_found_by_text(first: tuple[Path, Outcome]) -> None:
    result = first[1].result
    named = {t["topic"]: t for t in result["topics"] if t["topic"] >= 0}
    assert result["measures"]["ARI"]["value"] > 0.5
    assert set(result["measures"]) >= {"NPMI", "C_V", "diversity", "noise", "silhouette", "NMI", "stability (ARI)"}
    (place,) = [p for p in result["found"] if p["text"]][:1]
    assert set(named[place["topic"]]["words"]) & set(THEMES["bread"].split())
    labels = [t["label"] for t in named.values()]
    assert len(labels) == len(set(labels))
    assert result["fates"]["born"] == len(named)


def test_documents_topics_and_centres_lie_beside_the_page_as_files(first: tuple[Path, Outcome]) -> None:
    folder = Path(first[1].report).parent
    names = {"documents.parquet", "documents.csv", "topics.parquet", "topics.csv", "centres.npy", "model.json"}
    assert names <= {p.name for p in folder.iterdir()}
    documents = pq.read_table(folder / "documents.parquet")
    assert documents.num_rows == 160
    assert all(0 <= p <= 1 for p in documents["probability"].to_pylist())
    model = json.loads((folder / "model.json").read_text("utf-8"))
    centres = np.load(folder / "centres.npy", allow_pickle=False)
    assert len(centres) == len(model["topics"])
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0, rtol=1e-5)


def test_the_topics_are_registered_as_a_model_of_mlflow(
    first: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(first[0] / "workspace"))
    version = tracking.prepare().search_model_versions("name = 'topics-notes'")[-1]
    assert version.run_id == first[1].mlflow_run_id
    assert version.tags["digest"] == first[1].refs["findings.topic-files"]["digest"]


def test_a_refresh_with_a_twentieth_of_new_documents_keeps_ids_and_gives_birth_to_a_theme_but_not_to_rubbish(
    first: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, before = first
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
    added = [{"id": f"new-{n}", "text": text} for n, text in enumerate(sentences(NEW, 8, 9))]
    planted = [{"id": f"rubbish-{n}", "text": text} for n, text in enumerate(rubbish(8))]
    after = topic_model(source=write(home / "notes.jsonl", [*rows(40), *added, *planted]), config=config())
    then, now = topics_of(before), topics_of(after)
    assert set(then) <= set(now)
    alive = set(now.values()) - {-1}
    kept = [now[name] == topic for name, topic in then.items() if topic in alive and now[name] >= 0]
    assert np.mean(kept) >= 0.95
    new = [now[f"new-{n}"] for n in range(8)]
    born = max(set(new) - {-1}, key=new.count)
    assert born not in then.values()
    assert {now[f"rubbish-{n}"] for n in range(8)} == {-1}
    assert after.result["fates"]["born"] >= 1
    assert "born" in Path(after.report).read_text("utf-8")


def test_too_few_documents_are_refused_with_both_numbers(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="few has 3 documents but topics need 10; add some, or lower"):
        topic_model(source=write(tmp_path / "few.jsonl", rows(1)[:3]), config=config())


def test_documents_all_alike_end_with_one_topic_or_none(workspace: Path, tmp_path: Path) -> None:
    alike = [{"id": f"{n}", "text": f"ship {chr(97 + n)}"} for n in range(12)]
    found = topic_model(source=write(tmp_path / "alike.jsonl", alike), config=config(topics=Topics(min_documents=10)))
    assert sum(t["size"] for t in found.result["topics"]) == 12


def test_a_language_model_names_topics_and_own_words_stand_where_its_name_does_not(
    first: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = first[0]
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
    with served() as server:
        server.say = lambda body: "Flour, oven" if "flour" in body["messages"][-1]["content"] else "<script>x</script>"
        written = Written(generator=ModelServer(base_url=server.base_url, model="small"))
        labelled = Topics(min_documents=10, label=Labels(written=written))
        made = topic_model(source=write(home / "notes.jsonl", rows(40)), config=config(topics=labelled))
    topics = [t for t in made.result["topics"] if t["topic"] >= 0]
    assert len(server.asked) == len(topics)
    named = [t for t in topics if t["label"] == "Flour, oven"]
    assert [set(t["words"]) <= set(THEMES["bread"].split()) for t in named] == [True]
    counted = made.result["labels"]
    assert (counted["written"], counted["written"] + counted["not_held"] + counted["duplicate"]) == (1, len(topics))
    assert counted["spent_tokens"] == 10 * len(topics)
    page = Path(made.report).read_text("utf-8")
    assert "own words name the others, for the reply was:" in page
    assert "You name groups of documents." in page
