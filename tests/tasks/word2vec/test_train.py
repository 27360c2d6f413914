import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from configs.word2vec import Word2Vec
from tasks.errors import ContractError, DataError
from tasks.word2vec.files import checked_file, read_files, read_vectors, write_files
from tasks.word2vec.near import neighbours_of, parse_sum, solve_analogies
from tasks.word2vec.train import TrainedVectors, stable_hash, train_word2vec, training_pairs

LINES = [["sun", "moon", "star"], ["bread", "flour", "oven"]] * 60 + [["moon", "sun"], ["oven", "bread"]] * 30
SMALL = Word2Vec(vector_size=8, epochs=20, window=2, sample=0)


def by_hand(words: str, rows: list[list[float]], counts: list[int] | None = None) -> TrainedVectors:
    vectors = np.array(rows, dtype=np.float32)
    return TrainedVectors(words.split(), vectors, vectors, np.array(counts or [0] * len(rows)))


def test_words_that_stand_together_come_together() -> None:
    made = train_word2vec(LINES, SMALL)
    nearest = {row.asked: row.word for row in neighbours_of(made, ["sun", "oven"], 1)}
    assert nearest["sun"] in {"moon", "star"}
    assert nearest["oven"] in {"bread", "flour"}
    assert made.counts.tolist() == sorted(made.counts.tolist(), reverse=True)


def test_one_seed_gives_one_result_and_another_seed_another() -> None:
    first, second, other = (train_word2vec(LINES, SMALL.model_copy(update={"seed": seed})) for seed in (0, 0, 1))
    assert np.array_equal(first.vectors, second.vectors)
    assert not np.array_equal(first.vectors, other.vectors)


@pytest.mark.slow
def test_the_hash_of_a_word_does_not_depend_on_the_seed_of_the_process() -> None:
    code = "from tasks.word2vec.train import stable_hash; print(stable_hash('moon'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[3])})  # fmt: skip
    assert int(done.stdout) == stable_hash("moon")


def test_too_little_text_is_refused_with_the_numbers() -> None:
    with pytest.raises(DataError, match="0 words occur 2 times or more in 1 lines"):
        train_word2vec([["a", "b"]], Word2Vec())


def test_pairs_of_a_sentence_are_all_words_within_the_window_with_negatives_that_are_not_the_neighbour() -> None:
    known = by_hand("a b c d", [[1, 0]] * 4, [4, 3, 2, 1])
    pairs = training_pairs(["a", "x", "b", "c"], known, Word2Vec(window=1, negative=3))
    assert [(p.word, p.neighbour) for p in pairs] == [("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")]
    assert all(len(p.negatives) == 3 and p.neighbour not in p.negatives for p in pairs)
    assert training_pairs(["a", "b"], by_hand("a", [[1, 0]]), Word2Vec()) == []


def test_negatives_are_drawn_by_count_to_the_power_of_the_exponent() -> None:
    known = by_hand("a b c", [[1, 0]] * 3, [1, 81, 16])
    (pair, _) = training_pairs(["a", "a"], known, Word2Vec(window=1, negative=100, ns_exponent=0.25))
    assert 0.45 < pair.negatives.count("b") / 100 < 0.75  # 3 / (3 + 2)


def test_an_unknown_word_is_answered_with_why_and_what_is_spelt_alike() -> None:
    (row,) = neighbours_of(by_hand("king queen", [[1, 0], [0, 1]]), ["kings"], 3)
    assert row.rank == 0
    assert row.word == "'kings' has no vector: it is not among the 2 words; similar words: king"


def test_sums_of_words_are_solved_as_gensim_solves_them(tmp_path: Path) -> None:
    from gensim.models import KeyedVectors

    random = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
    words = [f"w{n}" for n in range(30)]
    plain = KeyedVectors(6)
    plain.add_vectors(words, random)
    ours = solve_analogies(by_hand(" ".join(words), random.tolist()), ["w1 - w2 + w3"], 5)
    theirs = plain.most_similar(positive=["w1", "w3"], negative=["w2"], topn=5)
    assert [row.word for row in ours] == [word for word, _ in theirs]
    np.testing.assert_allclose([row.score for row in ours], [score for _, score in theirs], rtol=1e-4)


@pytest.mark.parametrize("text", ["", "a b", "a -", "+"])
def test_what_is_no_sum_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="write it as: king - man \\+ woman"):
        parse_sum(text)


def test_rare_words_are_not_shown_where_that_is_asked() -> None:
    known = by_hand("a b c", [[1, 0], [1, 0.1], [1, 0.5]], [9, 1, 9])
    assert [row.word for row in neighbours_of(known, ["a"], 2, said=2)] == ["c"]


def test_files_come_back_as_they_were(tmp_path: Path) -> None:
    made = train_word2vec(LINES, SMALL)
    write_files(made, tmp_path)
    back = read_files(tmp_path)
    assert (back.words, back.counts.tolist()) == (made.words, made.counts.tolist())
    assert np.array_equal(back.vectors, made.vectors)
    assert np.array_equal(back.output, made.output)


@pytest.mark.parametrize("name", ["glove.txt", "glove.txt.gz", "w2v.txt", "w2v.bin"])
def test_every_published_form_is_read(tmp_path: Path, name: str) -> None:
    from gensim.models import KeyedVectors

    plain = KeyedVectors(2)
    plain.add_vectors(["king", "ii"], np.array([[1, 0.5], [0.25, 1]], dtype=np.float32))
    path = tmp_path / name
    if name.startswith("w2v"):
        plain.save_word2vec_format(str(path), binary=name.endswith(".bin"))
    else:
        text = b"king 1 0.5\nii 0.25 1\n"
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    made = read_vectors(checked_file(str(path)))
    assert made.words == ["king", "ii"]
    assert made.vectors.tolist() == [[1, 0.5], [0.25, 1]]
    assert made.output.shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.model", b"", "v.model is not word2vec or GloVe text"),
        ("v.txt", b"king one two\n", "cannot be read as word vectors"),
        ("v.txt", b"king nan 1\n", "not finite; download it again"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_vectors(checked_file(str(tmp_path / name)))


def test_a_published_file_that_is_missing_says_where_it_is_fetched() -> None:
    with pytest.raises(DataError, match="fetch it from https://github"):
        checked_file("nowhere/glove-wiki-gigaword-50.gz")
