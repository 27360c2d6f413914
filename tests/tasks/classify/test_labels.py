import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.classify.labels import alike, cells_of, classes_of, kept_back, only_known, read_labels, without_rare
from tasks.classify.model import first_rows
from tasks.errors import DataError


def read(cells: list[str | None], *, multiple: bool = False, **rename: str) -> list[tuple[str, ...]]:
    ids = [str(n) for n in range(len(cells))]
    found = read_labels(ids, cells, column="label", multiple=multiple, separator=";", rename=rename)
    return list(found.labels)


def test_a_label_is_kept_as_it_is_written() -> None:
    assert read(["spam", " Spam", "ham"]) == [("spam",), (" Spam",), ("ham",)]


def test_spellings_that_differ_by_case_or_space_are_named_and_not_merged() -> None:
    assert alike([("spam",), ("Spam ",), ("ham",), ("not spam",), ("notspam",)]) == (
        ("Spam ", "spam"),
        ("not spam", "notspam"),
    )


def test_a_label_is_renamed_where_that_is_asked_for() -> None:
    assert read(["0", "1"], **{"0": "negative"}) == [("negative",), ("1",)]


def test_texts_without_a_label_are_rejected_with_the_reason() -> None:
    found = read_labels(["a", "b"], ["x", None], column="label", multiple=False, separator=";", rename={})
    assert found.rows == (0,)
    assert [(r.item, r.reason, r.detail) for r in found.rejected] == [
        ("b", "no-label", "has nothing in column 'label'")
    ]


def test_a_column_that_no_text_has_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match=r"no text has anything in column 'label'; set labels\.column"):
        read([None, None])


@pytest.mark.parametrize(
    ("cell", "labels"),
    [('["b", "a"]', ("a", "b")), ("b; a", ("a", "b")), ("a", ("a",)), ("[]", ()), ("[not a list", ("[not a list",))],
)
def test_several_labels_are_a_list_or_words_with_a_separator_between(cell: str, labels: tuple[str, ...]) -> None:
    assert read([cell, "x"], multiple=True)[0] == labels


def test_a_list_of_labels_is_rejected_where_a_text_has_one() -> None:
    ids, cells = ["a", "b", "c"], ["x", '["x", "y"]', "[x"]
    found = read_labels(ids, cells, column="label", multiple=False, separator=";", rename={})
    assert found.labels == (("x",), ("[x",))
    (row,) = found.rejected
    assert (row.item, row.reason) == ("b", "bad-row")
    assert "holds a list of 2 labels, one was needed; or set labels.multiple=true" in row.detail
    with pytest.raises(DataError, match=r"no text has a label: column 'label' holds a list of 1 labels"):
        read(['["x"]', '["y"]'])


def test_documents_have_a_package_a_kind_and_a_folder_to_be_classified_by() -> None:
    table = pa.table(
        {
            "meta": pa.array([[("mood", "good")], []], pa.map_(pa.string(), pa.string())),
            "source": ["numpy", "scipy"],
            "kind": ["function", ""],
            "path": ["pos/1.txt", "1.txt"],
        }
    )
    assert cells_of(table, "mood") == ["good", None]
    assert cells_of(table, "source") == ["numpy", "scipy"]
    assert cells_of(table, "kind") == ["function", None]
    assert cells_of(table, "folder") == ["pos", None]
    assert cells_of(table, "gone") == [None, None]


def test_one_class_only_is_refused_with_its_name() -> None:
    with pytest.raises(DataError, match="only the label 'spam' but two classes were needed"):
        classes_of([("spam",), ("spam",)])
    with pytest.raises(DataError, match=r"only the label 'spam' \('ham' has fewer texts than labels.min_examples and"):
        classes_of([("spam",), ("spam",)], ["ham"])


def test_classes_of_too_few_texts_are_rejected_and_named() -> None:
    labels, gone, rare = without_rare([("a",), ("b",), ("a",)], 2, multiple=False)
    assert (labels, gone, rare) == ([("a",), (), ("a",)], [1], ("b",))


def test_a_text_of_several_labels_loses_the_rare_one_and_stays() -> None:
    labels, gone, rare = without_rare([("a", "b"), ("b",), ("b", "c")], 2, multiple=True)
    assert (labels, gone, rare) == ([("b",), ("b",), ("b",)], [], ("a", "c"))


def test_labels_that_no_training_text_has_are_rejected_and_named() -> None:
    assert only_known([("a",), ("z",)], ("a", "b"), multiple=False) == ([("a",), ()], [1], ("z",))
    with pytest.raises(DataError, match="no held-out text has a label of the training texts; it has 'z'"):
        only_known([("z",)], ("a", "b"), multiple=False)


def test_the_same_share_of_each_class_is_kept_back_and_never_all_of_one() -> None:
    targets = np.zeros((62, 3), dtype=bool)
    targets[:50, 0] = targets[50:60, 1] = targets[60:, 2] = True
    train, back = kept_back(targets, np.arange(62), 0.2, 5, multiple=False)
    assert targets[back].sum(axis=0).tolist() == [10, 2, 1]
    assert sorted([*train, *back]) == list(range(62))
    again = kept_back(targets, np.arange(62), 0.2, 5, multiple=False)[1]
    assert back.tolist() == again.tolist() != kept_back(targets, np.arange(62), 0.2, 6, multiple=False)[1].tolist()


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2)), min_size=8, max_size=40), st.booleans())
def test_rows_of_one_text_are_on_one_side(rows: list[tuple[str, int]], multiple: bool) -> None:
    texts = [text for text, _ in rows]
    targets = np.eye(3, dtype=bool)[[label for _, label in rows]]
    assume(len(set(texts)) >= 4)
    train, back = kept_back(targets, first_rows(texts), 0.3, 1, multiple=multiple)
    assert sorted([*train, *back]) == list(range(len(rows)))
    assert not {texts[row] for row in train} & {texts[row] for row in back}
    assert len(back) > 0 or not multiple


def test_a_class_of_one_repeated_text_is_learned_from() -> None:
    texts = ["no comment"] * 5 + [f"text {row}" for row in range(10)]
    targets = np.eye(2, dtype=bool)[[0] * 5 + [1] * 10]
    train, back = kept_back(targets, first_rows(texts), 0.2, 1, multiple=False)
    assert set(range(5)) <= set(train.tolist())
    assert len(back) == 2
