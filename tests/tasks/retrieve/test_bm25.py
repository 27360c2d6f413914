import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.index import Bm25
from tasks.errors import ContractError
from tasks.index.bm25 import build_bm25
from tasks.retrieve.bm25 import SparseIndex

TEXTS = ["cat dog dog", "cat bird", "bird bird fish cow cow", "fish", "the of and"]
Make = Callable[..., SparseIndex]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that indexes texts and opens the index."""

    def build(texts: Sequence[str], **config: object) -> SparseIndex:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        build_bm25(texts, folder, Bm25.model_validate(config))
        return SparseIndex(folder)

    return build


def lucene(documents: Sequence[Sequence[str]], query: Sequence[str], k1: float, b: float) -> list[float]:
    """Score documents as Lucene does, by its published formula."""
    count, mean = len(documents), sum(map(len, documents)) / len(documents)
    scores = []
    for words in documents:
        score = 0.0
        for word in query:
            holding = sum(word in other for other in documents)
            idf = math.log(1 + (count - holding + 0.5) / (holding + 0.5))
            frequency = words.count(word)
            norm = k1 * (1 - b + b * len(words) / mean)
            score += idf * frequency / (frequency + norm) if frequency else 0.0
        scores.append(score)
    return scores


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(st.sampled_from(["cat", "dog", "bird", "fish"]), min_size=1, max_size=9), min_size=1, max_size=8
    ),
    st.lists(st.sampled_from(["cat", "dog", "bird", "unseen"]), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.9, 1.2, 3.0]),
    st.sampled_from([0.0, 0.4, 0.75, 1.0]),
)
def test_scores_are_those_of_lucenes_formula(
    make: Make, documents: list[list[str]], query: list[str], k1: float, b: float
) -> None:
    index = make([" ".join(words) for words in documents], k1=k1, b=b, language="none")
    rows, scores = index.search(" ".join(query), 100)
    expected = np.array(lucene(documents, query, k1, b))
    assert set(rows.tolist()) == set(np.flatnonzero(expected > 0).tolist())
    np.testing.assert_allclose(scores, expected[rows], rtol=1e-4)
    assert (np.diff(scores) <= 0).all()


def test_fewer_hits_are_the_head_of_more_and_a_tie_goes_to_the_lower_row(make: Make) -> None:
    index = make(["dog", "cat", "cat", "cat dog", "cat"])
    every = index.search("cat", 10)[0].tolist()
    assert every == [1, 2, 4, 3]
    assert [index.search("cat", k)[0].tolist() for k in (1, 2, 3)] == [every[:1], every[:2], every[:3]]


def test_only_allowed_rows_are_found_and_their_scores_stay_as_they_are(make: Make) -> None:
    index = make(["dog", "cat", "cat cat", "cat dog", "cat"])
    every = dict(zip(*(found.tolist() for found in index.search("cat", 10)), strict=True))
    allowed = np.array([True, False, False, True, True])
    rows, scores = index.search("cat", 10, allowed)
    assert sorted(rows.tolist()) == [3, 4]
    assert scores.tolist() == [every[row] for row in rows.tolist()]
    assert index.search("cat", 10, ~allowed & np.array([True, False, False, False, False]))[0].tolist() == []


def test_a_passage_that_shares_no_word_is_never_a_hit(make: Make) -> None:
    assert make(TEXTS).search("dog", 10)[0].tolist() == [0]


@pytest.mark.parametrize(
    "query",
    ["the of and", "unicorn", "", "   ", "?!*", ".*", "\\", "AND OR NOT", "[* TO *]", "\u200b", "日本"],
    ids=[
        "stop words",
        "unknown",
        "empty",
        "blank",
        "marks",
        "regex",
        "slash",
        "operators",
        "range",
        "invisible",
        "cjk",
    ],
)
def test_a_query_without_a_known_word_finds_nothing(query: str, make: Make) -> None:
    rows, scores = make(TEXTS).search(query, 5)
    assert (rows.tolist(), scores.tolist()) == ([], [])
    assert (rows.dtype, scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize(
    "query", ["+cat^4 -(bird*)", 'title:"cat" OR /bird.*/', "cat~2 AND NOT [bird TO bird]", "{cat} | bird && x"]
)
def test_query_syntax_of_other_engines_is_only_words(query: str, make: Make) -> None:
    index = make(TEXTS)
    assert set(index.search(query, 9)[0].tolist()) == set(index.search("cat bird", 9)[0].tolist()) == {0, 1, 2}


def test_a_word_of_any_length_is_searched_without_harm(make: Make) -> None:
    assert make(["x" * 100_000, "cat"]).search("x" * 100_000, 1)[0].tolist() == [0]


def test_words_are_found_by_their_stem_in_english_and_as_they_are_without_a_language(make: Make) -> None:
    assert make(["running horses"]).search("run horse", 1)[0].tolist() == [0]
    assert make(["running horses"], language="none").search("run horse", 1)[0].tolist() == []


ENGLISH = ["The boats are leaving the harbour with the morning tide.", "Every house in the street has a red roof.",
           "Gardeners were pruning the apple trees all afternoon."]  # fmt: skip
GERMAN = ["Die Dächer der Häuser werden im Sommer neu gedeckt.", "Der Gärtner schneidet die Bäume im Herbst zurück."]


def test_each_passage_has_the_stems_of_its_own_language_and_a_question_those_of_all(make: Make) -> None:
    index = make([*ENGLISH, *GERMAN])
    assert index.languages == ("en", "de")
    assert index.search("Dach", 5)[0].tolist() == [3]
    assert index.search("Baum", 5)[0].tolist() == [4]
    assert index.search("boat", 5)[0].tolist() == [0]
    assert index.search("der die das und", 5)[0].tolist() == []


def test_english_passages_make_the_same_index_as_when_english_is_named(tmp_path: Path) -> None:
    for name in ("auto", "en"):
        (tmp_path / name).mkdir()
        build_bm25([*ENGLISH, "x = 1", ""], tmp_path / name, Bm25(language=name))
    files = sorted(path.name for path in (tmp_path / "en").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "auto").iterdir())
    assert all((tmp_path / "auto" / name).read_bytes() == (tmp_path / "en" / name).read_bytes() for name in files)


def test_an_index_that_was_made_before_is_searched_in_english(make: Make, tmp_path: Path) -> None:
    make(["running horses"])
    (folder,) = tmp_path.iterdir()
    (folder / "language.json").write_text('"english"', "utf-8")
    assert SparseIndex(folder).search("horse", 1)[0].tolist() == [0]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # bm25s takes the mean of no lengths
@pytest.mark.parametrize("texts", [[], ["the", "of and"], [""]], ids=["no text", "stop words", "empty text"])
def test_texts_without_a_word_make_an_index_in_which_nothing_is_found(texts: list[str], make: Make) -> None:
    assert make(texts).search("cat", 3)[0].tolist() == []


@pytest.mark.parametrize("query", ["cat fish", "bird", "the of", "unseen"])
def test_the_scores_of_all_passages_are_those_of_the_search_and_zero_elsewhere(query: str, make: Make) -> None:
    index = make(TEXTS)
    rows, found = index.search(query, 10)
    expected = np.zeros(len(TEXTS), dtype=np.float32)
    expected[rows] = found
    assert index.scores(query).tolist() == expected.tolist()


def test_one_text_is_found_alone(make: Make) -> None:
    assert make(["cat"]).search("cat", 100)[0].tolist() == [0]


@pytest.mark.parametrize("k", [0, -1])
def test_fewer_than_one_hit_is_refused_with_the_number(k: int, make: Make) -> None:
    with pytest.raises(ContractError, match=f"k is {k} but at least 1 was needed"):
        make(TEXTS).search("cat", k)


def test_equal_texts_make_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_bm25(TEXTS, tmp_path / name, Bm25())
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}


@pytest.mark.parametrize(
    ("query", "lacking"),
    [
        ("Is 0x404 an error of routers?", ["0x404"]),
        ("the router of the (errors)!", []),
        ("«Soufflé», soufflé, of the", ["Soufflé", "soufflé"]),
        ("... ?", []),
    ],
)
def test_words_of_a_query_that_no_text_holds_are_named_as_they_were_written(
    make: Make, query: str, lacking: list[str]
) -> None:
    index = make(["An error 404 of the router was logged.", "Routers are restarted after errors."])
    assert index.lacks(query) == lacking
