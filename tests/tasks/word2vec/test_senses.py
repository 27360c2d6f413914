import numpy as np
import pytest

from configs.embed import Embed
from configs.word2vec import Senses
from tasks.data.evaluation import Scored
from tasks.data.words import SensePoint
from tasks.embed import describe_encoder
from tasks.errors import DataError
from tasks.store import objects
from tasks.word2vec import compare_senses
from tasks.word2vec.senses import flat_map, told_apart, word_token


def test_a_word_is_found_with_all_its_tokens() -> None:
    assert word_token("The Bank paid", "bank", [(0, 3), (4, 6), (6, 8), (9, 13)]) == [1, 2]
    with pytest.raises(DataError, match="does not contain 'shore'"):
        word_token("The bank", "shore", [(0, 3), (4, 8)])


def test_vectors_in_two_heaps_are_told_apart_and_vectors_all_alike_are_left_to_chance() -> None:
    heaps = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], dtype=np.float32)
    heaps /= np.linalg.norm(heaps, axis=1, keepdims=True)
    assert told_apart(heaps, ["a", "a", "b", "b"]) == [1, 1, 1, 1]
    assert told_apart(np.ones((4, 2), dtype=np.float32) / np.sqrt(2), ["a", "a", "b", "b"]) == [0.5] * 4
    with pytest.raises(DataError, match="need two at least"):
        told_apart(heaps, ["a", "a", "a", "b"])


def test_a_map_keeps_distances_in_the_plane_and_puts_equal_vectors_at_the_origin() -> None:
    rows = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    flat = flat_map(rows)
    np.testing.assert_allclose(np.linalg.norm(flat[0] - flat[1]), np.linalg.norm(rows[0] - rows[1]), rtol=1e-5)
    assert not flat_map(np.ones((3, 5), dtype=np.float32)).any()


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_contextual_vectors_tell_the_senses_of_bank_apart_and_its_static_vector_cannot() -> None:
    encoder = describe_encoder(Embed(precision="fp32", device="cpu"))
    found = compare_senses.fn(encoder, Senses())
    scored = objects.load_rows(found.scores, Scored)
    mean = {way: np.mean([s.value for s in scored if s.way == way]) for way in ("contextual", "static")}
    assert mean["contextual"] > 0.9
    assert mean["static"] == 0.5
    static = [(p.x, p.y) for p in objects.load_rows(found.points, SensePoint) if p.way == "static"]
    assert set(static) == {(0.0, 0.0)}
