"""`text-classifier` on texts with all that may be wrong with labels; and a kept classifier on new texts."""

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from configs.classify import Curve, Embeddings, Fit, Labelled, Measured, Prompted, TfIdf, ZeroShot
from configs.embed import Embed
from configs.flows import TextClassifier
from configs.generators import ModelServer, Prices
from configs.ingest import Ingest, Tables
from flows.text_classifier import preflight, text_classifier
from tasks.data.run import Outcome
from tasks.errors import ContractError
from tasks.runtime import mlflow_run
from tests.tasks.models.chat_server import served

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]

THEMES = {
    "ships": "sail harbour tide captain anchor deck crew lighthouse pilot buoy",
    "bread": "flour oven yeast dough baker crust sourdough rye loaf butter",
}
HOSTILE = "=cmd|' /C calc'!A0 <script>alert(1)</script> [x](javascript:alert(2)) flour dough"
CONFIG = TextClassifier(
    ingest=Ingest(max_rejected_share=0.2),
    embed=Embed(precision="fp32"),
    methods=(TfIdf(), Embeddings(), ZeroShot(wordings=("{label}", "A text about {label}."))),
    fit=Fit(c_values=(1.0, 10.0), folds=3),
    curve=Curve(shares=(0.2,), repeats=1),
    measured=Measured(resamples=100, price_per_hour=3.0),
    choose="embeddings",
)


def sentences(theme: str, count: int, seed: int) -> list[str]:
    random, words = np.random.default_rng(seed), THEMES[theme].split()
    return [" ".join(random.permutation(words)[:6]) for _ in range(count)]


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    return [
        {"id": f"{theme}-{seed}-{n}", "text": text, "label": theme}
        for theme in THEMES
        for n, text in enumerate(sentences(theme, count, seed + len(theme) * 7 + ord(theme[0])))
    ]


def write(path: Path, given: list[dict[str, Any]]) -> Tables:
    path.write_text("\n".join(map(json.dumps, given)), "utf-8")
    return Tables(path=str(path), id="id")


@pytest.fixture(scope="module")
def learned(new_root: Callable[[], Path]) -> tuple[Path, Outcome]:
    """Return a workspace and a run over texts with wrong, rare, empty and odd labels in it."""
    home = new_root()
    odd = [
        {"id": "turned", "text": "flour oven yeast dough baker rye", "label": "ships"},
        {"id": "cased", "text": "anchor deck crew lighthouse pilot", "label": "Ships "},
        {"id": "cased-too", "text": "tide captain anchor sail crew", "label": "Ships "},
        {"id": "alone", "text": "comet star orbit", "label": "planets"},
        {"id": "nameless", "text": "buoy sail tide"},
        {"id": "nan", "text": "loaf butter rye", "label": float("nan")},
        {"id": "empty", "text": " ", "label": "ships"},
        {"id": "hostile", "text": HOSTILE, "label": "bread"},
    ]
    train, test = rows(14, 1), rows(6, 5)
    test += [{"id": "unseen", "text": "galaxy moon", "label": "stars"}, {**train[0], "id": "again"}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
        return home, text_classifier(
            source=write(home / "notes.jsonl", [*train, *odd]),
            test=write(home / "test.jsonl", test),
            predict=Tables(path=str(write(home / "new.jsonl", [{"id": "new", "text": "captain of the crew"}]).path)),
            config=CONFIG,
        )


def test_what_is_odd_about_labels_is_said_and_costs_only_itself(learned: tuple[Path, Outcome]) -> None:
    result = learned[1].result
    told = " ".join(result["warnings"])
    assert "'Ships ', 'ships' differ only by case or spaces and count as different" in told
    assert "Too few texts have the label 'planets'" in told
    assert "No training text has the label 'stars'" in told
    assert "1 held-out texts are also training texts" in told
    assert result["classes"] == ["Ships ", "bread", "ships"]
    assert (result["train"], result["test"]) == (32, 13)
    page = Path(learned[1].report).read_text("utf-8")
    assert all(reason in page for reason in ("no-label", "rare-label", "unseen-label", "empty"))


def test_every_way_is_measured_beside_the_majority_and_the_chosen_one_is_kept(learned: tuple[Path, Outcome]) -> None:
    result = learned[1].result
    values = {name: m["value"] for name, m in result["measures"].items()}
    assert values["macro-F1 embeddings"] > 0.8 > values["macro-F1 majority class"]
    assert {name.partition(" ")[2] for name in values if name.startswith("accuracy")} == {
        "tf-idf", "embeddings", "zero-shot", "majority class"
    }  # fmt: skip
    assert result["chosen"] == "embeddings"
    assert result["seconds_per_1000"]["embeddings"] > result["seconds_per_1000"]["tf-idf"] > 0
    assert "turned" in [issue["id"] for issue in result["label_issues"]]
    assert result["predictions"]["first"][0]["label"] in ("ships", "Ships ")


def test_the_page_and_the_tables_show_texts_as_text(learned: tuple[Path, Outcome]) -> None:
    folder = Path(learned[1].report).parent
    page = (folder / "index.html").read_text("utf-8")
    assert "<script>alert(1)" not in page
    assert {p.stem for p in folder.glob("*.csv")} == {p.stem for p in folder.glob("*.parquet")} >= {"curve", "paired"}
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            assert not [cell for row in csv.reader(file) for cell in row if cell[:1] == "="], path


def test_the_classifier_is_registered_with_its_signature_and_without_a_pickle(
    learned: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    import yaml

    monkeypatch.setenv("LLM_FLOWS_HOME", str(learned[0] / "workspace"))
    client = mlflow_run.prepare()
    (version,) = client.search_model_versions("name = 'classifier-notes'")
    folder = Path(client.download_artifacts(version.run_id, "classifier-notes"))
    assert {p.name for p in folder.iterdir()} >= {"classifier.json", "weights.safetensors", "MLmodel"}
    assert not [p for p in folder.rglob("*") if p.suffix in (".pkl", ".joblib", ".bin")]
    signature = yaml.safe_load((folder / "MLmodel").read_text())["signature"]
    assert json.loads(signature["inputs"])[0]["name"] == "text"
    assert [column["name"] for column in json.loads(signature["outputs"])] == ["label", "probability"]


def test_a_kept_classifier_gives_new_texts_a_label_and_a_table_of_probabilities(
    learned: tuple[Path, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = learned[0]
    monkeypatch.setenv("LLM_FLOWS_HOME", str(home / "workspace"))
    given = [{"id": "a", "text": "captain of the crew"}, {"id": "b", "text": "the baker's dough"}]
    outcome = text_classifier(predict=write(home / "fresh.jsonl", given), classifier="notes", config=CONFIG)
    table = pq.read_table(Path(outcome.report).parent / "predictions.parquet")
    assert table.column_names == ["id", "text", "label", "probability", "p(Ships )", "p(bread)", "p(ships)"]
    assert table["label"].to_pylist()[1] == "bread"
    np.testing.assert_allclose(
        sum(table[f"p({name})"].to_numpy() for name in ("Ships ", "bread", "ships")), 1.0, rtol=1e-5
    )
    first = learned[1].result["predictions"]["first"][0]
    assert (table["label"][0].as_py(), table["probability"][0].as_py()) == (
        first["label"], pytest.approx(first["probability"], abs=1e-6)
    )  # fmt: skip


@pytest.mark.usefixtures("workspace")
def test_what_cannot_be_done_is_said_before_any_work(tmp_path: Path) -> None:
    source = write(tmp_path / "a.jsonl", rows(2, 0))
    with pytest.raises(ContractError, match="choose is 'svm' but the methods are: tf-idf, embeddings, zero-shot"):
        preflight(source=source, config=CONFIG.model_copy(update={"choose": "svm"}))
    with pytest.raises(ContractError, match=r"there is no classifier 'gone' in .*, there are: none"):
        preflight(source=source, predict=source, classifier="gone", config=CONFIG)
    with pytest.raises(ContractError, match="classifier 'gone' has nothing to classify"):
        preflight(source=source, classifier="gone", config=CONFIG)
    with pytest.raises(ContractError, match=r"a\.jsonl has the column 'mark'; there are 'id', 'label', 'text'"):
        preflight(source=source, config=CONFIG.model_copy(update={"labels": Labelled(column="mark")}))


def test_ways_that_cannot_give_several_labels_are_refused_in_one_line(tmp_path: Path) -> None:
    words = ["text-classifier", "labels.multiple=true", "source.kind=tables", f"source.path={tmp_path}"]
    done = subprocess.run([sys.executable, "-m", "flows", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "centroid says which label is closest, not how many there are; take it out of methods" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_language_model_is_one_of_the_ways_is_kept_and_is_paid_for_once(workspace: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "notes.jsonl", rows(8, 1))
    with served() as server:
        server.say = said_of
        asked = Prompted(
            generator=ModelServer(base_url=server.base_url, model="small", prices=Prices(prompt=1.0)), enforced=False
        )
        config = TextClassifier(
            methods=(TfIdf(), asked), choose="language-model small", curve=None, label_issues=None,
            fit=Fit(c_values=(1.0,), folds=2), measured=Measured(resamples=100),
        )  # fmt: skip
        made = text_classifier(source=source, config=config)
        assert len(server.asked) == 16
        measures = {name: m["value"] for name, m in made.result["measures"].items()}
        assert measures["no label language-model small"] == pytest.approx(0.5)
        assert not {f"{name} language-model small" for name in ("calibration error", "AUROC")} & set(measures)
        told = made.result["language_models"]["language-model small"]
        assert (told["texts"], told["no_label"], told["spent_tokens"], told["saved_tokens"]) == (16, 8, 160, 0)
        assert told["calibration"].startswith("not available: a server gives the label it has chosen")
        prompts = [message["content"] for body in server.asked for message in body["messages"]]
        assert told["bytes_sent_per_1000"] == round(1_000 * sum(len(p.encode()) for p in prompts) / 16)
        page = Path(made.report).read_text("utf-8")
        assert all(
            words in page
            for words in (
                told["calibration"], "0.0070", "replies that are no label", "<th>no label</th>",
                "bytes that leave this machine", f"{told['bytes_sent_per_1000']:,}",
            )
        )  # fmt: skip

        given = [{"id": "a", "text": "loaf of rye"}, {"id": "b", "text": "<script>alert(1)</script> anchor"}]
        outcome = text_classifier(predict=write(tmp_path / "new.jsonl", given), classifier="notes", config=config)
        assert len(server.asked) == 18
        table = pq.read_table(Path(outcome.report).parent / "predictions.parquet")
        assert table["label"].to_pylist() == ["bread", None]
        assert "1 have no label" in Path(outcome.report).read_text("utf-8")


def said_of(body: dict[str, Any]) -> str:
    text = body["messages"][-1]["content"]
    return " Bread\n" if any(word in text for word in THEMES["bread"].split()) else "It is about <b>ships</b>."
