"""Steps of `classify` on a temporary store: several labels a text, from labels to predictions."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from configs.classify import (
    Combined,
    Embeddings,
    Fit,
    LabelIssues,
    Labelled,
    Measured,
    Neighbours,
    Nli,
    TaskModel,
    TfIdf,
)
from configs.ingest import Files, PythonDocs, Tables
from tasks.classify import (
    classify_texts,
    column_of,
    divide_examples,
    find_label_issues,
    label_documents,
    names_of,
    try_combined,
    try_trained,
    with_column,
)
from tasks.classify.fitting import fit_method
from tasks.classify.task import features_of, targets_of
from tasks.data.classes import ClassScore, Divided, Texts
from tasks.data.documents import Document, DocumentsRef, Rejected
from tasks.data.evaluation import Measure
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError, DataError
from tasks.evaluate import evaluate_classes
from tasks.store import objects
from tasks.vectors.arithmetic import normalise

FIT = Fit(c_values=(1.0, 10.0), folds=3)
SEVERAL = Labelled(column="tags", multiple=True, test_share=0.25, min_examples=3)


def texts(labels: list[str | None], column: str = "tags") -> Texts:
    """Return documents whose words and vectors are those of their labels."""
    random = np.random.default_rng(0)
    documents = [
        Document(str(n), f"{label} text {n}", "", "s", "f", meta={} if label is None else {column: label})
        for n, label in enumerate(labels)
    ]
    rows = np.stack([[1.0, *(float(f'"{word}"' in str(label)) for word in "abcd")] for label in labels])
    return Texts(
        documents=objects.save_rows(DocumentsRef, Document, documents),
        vectors=objects.save_array(VectorsRef, normalise(rows + random.normal(scale=0.05, size=rows.shape))),
    )


def several() -> Divided:
    random = np.random.default_rng(2)
    drawn = [json.dumps([name for name in "abc" if random.random() < 0.5]) for _ in range(80)]
    given = label_documents.fn(texts([*drawn, '["rare"]', None]), "tags", SEVERAL)
    return divide_examples.fn(given, None, SEVERAL, FIT)


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_texts_of_several_labels_go_from_labels_to_predictions() -> None:
    divided = several()
    assert divided.classes == ("a", "b", "c")
    assert (divided.train.documents.rows, divided.test.documents.rows) == (61, 20)
    assert divided.noticed.rare == ("rare",)
    assert [r.reason for r in objects.load_rows(divided.rejected, Rejected)] == ["no-label"]
    ways = (Embeddings(), Neighbours(k=(3,)), TfIdf())
    trials = [try_trained.fn(divided, name, m, FIT, None) for name, m in zip(names_of(ways), ways, strict=True)]
    judged = evaluate_classes.fn(divided, trials, Measured(resamples=100))
    values = {(m.name, m.what): m.value for m in objects.load_rows(judged.measures, Measure)}
    assert values["micro-F1", "embeddings"] > 0.9 > values["micro-F1", "majority class"]
    assert {s.label for s in objects.load_rows(judged.classes, ClassScore)} == {"a", "b", "c"}
    assert judged.confused.rows == 0
    both = try_combined.fn(divided, "both", Combined(), trials[2], trials[0], None)
    targets = targets_of(divided.train, divided.classes)
    direct = fit_method(features_of(divided.train), targets, Combined(), FIT, multiple=True)
    assert (both.setting, both.thresholds) == (
        direct.setting,
        pytest.approx(tuple(np.asarray(direct.thresholds)), abs=1e-5),
    )
    np.testing.assert_allclose(
        objects.load_array(both.test), direct.probabilities(features_of(divided.test)), atol=1e-5
    )
    made = classify_texts.fn(texts(['["a", "c"]', "[]"]), trials[0].classifier)
    table = pq.read_table(objects.path(made) / "predictions.parquet")
    assert table["label"].to_pylist() == [["a", "c"], []]
    with pytest.raises(ContractError, match="embeddings cannot find label issues"):
        find_label_issues.fn(divided, trials[0], LabelIssues())


@pytest.mark.usefixtures("home")
def test_one_class_only_and_too_few_texts_are_refused() -> None:
    plain = Labelled()
    given = label_documents.fn(texts(["a"] * 6, "label"), "label", plain)
    with pytest.raises(DataError, match="only the label 'a' but two classes were needed"):
        divide_examples.fn(given, None, plain, FIT)
    given = label_documents.fn(texts(["a", "a", "b"], "label"), "label", plain)
    with pytest.raises(DataError, match="only the label 'a'"):
        divide_examples.fn(given, None, plain, FIT)
    with pytest.raises(DataError, match="no text has anything in column 'gone'"):
        label_documents.fn(texts(["a", "b"], "label"), "gone", plain)


def test_the_usual_column_of_a_source_is_kept_with_its_documents() -> None:
    tables = Tables(path="x.csv", keep=("day",))
    assert column_of(tables, Labelled()) == "label"
    assert column_of(Files(path="x"), Labelled()) == "folder"
    assert column_of(PythonDocs(), Labelled()) == "source"
    assert column_of(tables, Labelled(column="mood")) == "mood"
    kept = with_column(tables, "label")
    assert isinstance(kept, Tables)
    assert kept.keep == ("day", "label")
    assert with_column(tables, "source") == tables


def test_ways_are_named_by_kind_and_model_and_numbered_where_alike() -> None:
    ways = (TfIdf(), TfIdf(ngrams=1), TaskModel(model="m"), Nli(model="m"))
    assert names_of(ways) == ("tf-idf", "tf-idf 2", "task-model m", "nli m")
