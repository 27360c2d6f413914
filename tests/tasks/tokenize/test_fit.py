import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from configs.models import EMBEDDED
from tasks.data.tokens import TokenizerFit
from tasks.errors import DataError, ModelError
from tasks.models import files as model_files
from tasks.tokenize import check_fit, describe_tokenizers, describe_weights
from tasks.tokenize.fit import closeness_score, compare_vocabularies, judge_by_weights
from tasks.tokenize.table import read_table, table_rows
from tasks.tokenize.vocabularies import Cutter, find, load

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(scope="module")
def embedded() -> Path:
    return model_files.locate(EMBEDDED).folder


def turned(folder: Path, path: Path, by: int) -> Path:
    """Write a folder's vocabulary with every token but the special ones moved on, all ids inside the table."""
    stated = json.loads((folder / "tokenizer.json").read_bytes())
    known = stated["model"]["vocab"]
    special = {t["content"] for t in stated["added_tokens"]}
    words = [token for token in known if token not in special]
    moved = [words[(n + by) % len(words)] for n in range(len(words))]
    stated["model"]["vocab"] = {token: known[token] for token in special} | {
        token: known[place] for token, place in zip(moved, words, strict=True)
    }
    path.mkdir()
    (path / "tokenizer.json").write_text(json.dumps(stated), "utf-8")
    return path


def cutter(path: Path) -> Cutter:
    return load(*find(path))


def fit(tokenizer: Path, model: Path, score: float = 4.0) -> TokenizerFit:
    return check_fit.fn(describe_tokenizers([str(tokenizer)])[0], describe_weights(str(model)), 30, score)


def bare(folder: Path, path: Path) -> Path:
    """Write the weights of a folder without a tokenizer."""
    path.mkdir()
    save_file({"embeddings.word_embeddings.weight": read_table(folder)}, path / "model.safetensors")
    return path


@pytest.mark.slow
def test_the_tokenizer_that_stands_with_the_weights_fits_them(embedded: Path) -> None:
    found = fit(embedded, embedded)
    assert (found.verdict, found.evidence, found.differing) == ("fits", "tokenizer", 0)
    assert fit(embedded / "vocab.txt", embedded).verdict == "fits"


@pytest.mark.slow
def test_another_vocabulary_is_refused_though_all_its_ids_lie_inside_the_table(embedded: Path, tmp_path: Path) -> None:
    other = turned(embedded, tmp_path / "other", 1)
    assert max(cutter(other).vocabulary.values()) < table_rows(embedded)
    found = fit(other, embedded)
    assert (found.verdict, found.evidence) == ("refused", "tokenizer")
    assert found.differing == 30_522 - 5
    assert "every id lies inside the table of 30,522" in found.reason


def test_one_vocabulary_that_is_cut_otherwise_is_refused(embedded: Path, tmp_path: Path) -> None:
    stated = json.loads((embedded / "tokenizer.json").read_bytes())
    stated["normalizer"]["lowercase"] = False
    (tmp_path / "tokenizer.json").write_text(json.dumps(stated), "utf-8")
    found = fit(tmp_path, embedded)
    assert (found.verdict, found.differing) == ("refused", 0)
    assert "the vocabularies are one, but" in found.reason


def test_a_vocabulary_that_is_larger_than_the_table_is_refused_with_both_numbers(embedded: Path) -> None:
    found = compare_vocabularies(cutter(embedded), cutter(embedded), 30_000, [])
    assert (found.verdict, found.evidence) == ("refused", "table")
    assert "highest id is 30,521 but the model's table has 30,000 rows" in found.reason


@pytest.mark.slow
def test_without_a_tokenizer_beside_them_the_weights_tell_the_right_vocabulary_from_others(
    embedded: Path, tmp_path: Path
) -> None:
    alone = bare(embedded, tmp_path / "alone")
    right = fit(embedded, alone)
    assert (right.verdict, right.evidence) == ("fits", "weights")
    assert right.score > 20
    for by in (1, 7, 1_000):
        wrong = fit(turned(embedded, tmp_path / f"by-{by}", by), alone)
        assert wrong.verdict == "refused", by
        assert wrong.score < 3


def test_few_related_tokens_prove_nothing(tiny_bert: Path) -> None:
    found = judge_by_weights(cutter(tiny_bert), np.eye(40, dtype=np.float32), least_pairs=30, least_score=4.0)
    assert (found.verdict, found.evidence) == ("unproven", "nothing")
    assert "fewer than 30, prove nothing" in found.reason


def test_pairs_drawn_at_random_are_no_closer_than_their_neighbours() -> None:
    random = np.random.default_rng(0)
    table = random.normal(size=(2_000, 16)).astype(np.float32)
    pairs = random.integers(0, 2_000, (400, 2))
    assert abs(closeness_score(table, pairs)) < 4
    table[pairs[:, 1]] = table[pairs[:, 0]] + random.normal(size=(400, 16)) * 0.5
    assert closeness_score(table, pairs) > 10


def test_weights_without_a_table_of_tokens_are_refused(tmp_path: Path) -> None:
    save_file({"layer.bias": np.zeros(3, dtype=np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(DataError, match="has a table of token vectors, a tensor like embed_tokens"):
        table_rows(tmp_path)


def test_a_tokenizer_that_changed_after_it_was_described_is_not_read(embedded: Path, tmp_path: Path) -> None:
    other = turned(embedded, tmp_path / "other", 1)
    (described,) = describe_tokenizers([str(other)])
    (other / "tokenizer.json").write_bytes((embedded / "tokenizer.json").read_bytes())
    with pytest.raises(ModelError, match="has changed since it was described; run again"):
        check_fit.fn(described, describe_weights(str(embedded)), 30, 4.0)


def test_a_name_that_is_nowhere_is_refused() -> None:
    with pytest.raises(ModelError, match="'/no/such' is not a folder"):
        describe_tokenizers(["/no/such"])


def test_ids_that_differ_are_counted_among_those_of_both_vocabularies(embedded: Path, tmp_path: Path) -> None:
    fewer = (embedded / "vocab.txt").read_text("utf-8").splitlines()[:20_000]
    fewer[19_998:] = reversed(fewer[19_998:])
    (tmp_path / "vocab.txt").write_text("\n".join(fewer), "utf-8")
    found = fit(tmp_path / "vocab.txt", embedded)
    assert found.differing == 30_522 - 20_000 + 2
    assert "10,524 of 30,522 ids stand for another token" in found.reason
