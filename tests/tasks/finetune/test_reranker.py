"""A cross-encoder is trained from an encoder; what comes out opens in sentence-transformers with equal scores."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.embed import Embed
from configs.finetune import FullWeights, LastBlocks, Lora, Training
from tasks.data.pairs import JudgedSet, TextPair, TextPairsRef, TrainingPairs, Truth
from tasks.embed import describe_encoder
from tasks.finetune import describe_reranker, describe_reranker_base, judged_set, score_judged, train_reranker
from tasks.finetune.pairs import scored_rows
from tasks.store import objects

WORDS = ("cat", "dog", "sat", "ran", "far", "mat", "night", "train")
TRAIN = Training(num_train_epochs=2, per_device_train_batch_size=8, learning_rate=3e-3, device="cpu", precision="fp32")


def rows(seed: int) -> list[TextPair]:
    draw = np.random.default_rng(seed)

    def text(word: str) -> str:
        return " ".join(draw.permutation([word, *draw.choice(["a", "the", "q", "d", ":"], 4)]).tolist())

    return [
        TextPair(f"r{n}", text(WORDS[n % 8]), text(WORDS[n % 8]), text(WORDS[(n + 3) % 8]), group=f"g{n}")
        for n in range(24)
    ]


def test_each_pair_is_scored_once_and_what_belongs_together_wins() -> None:
    made = scored_rows([
        TextPair("1", "q", "right", "wrong"), TextPair("2", "q", "right", "also wrong"), TextPair("3", "q", "wrong"),
    ])  # fmt: skip
    assert {(row.positive, row.score) for row in made} == {("right", 1.0), ("also wrong", 0.0), ("wrong", 1.0)}
    assert all(not row.negative for row in made)


def data_of(encoder: object) -> tuple[TrainingPairs, JudgedSet]:
    train, held = rows(1), rows(2)
    scored = [objects.save_rows(TextPairsRef, TextPair, scored_rows(part)) for part in (train, held)]
    ranked = objects.save_rows(TextPairsRef, TextPair, held)
    judged = judged_set.fn("validation", "domain", "relations", ranked, None, encoder)
    return TrainingPairs(rows=scored[0], validation=scored[1], judged=judged), judged


@pytest.mark.slow
@pytest.mark.parametrize("parameters", [FullWeights(), LastBlocks(blocks=1), Lora(r=2)], ids=lambda p: p.kind)
def test_a_trained_folder_scores_as_sentence_transformers_does(
    parameters: FullWeights | LastBlocks | Lora,
    home: Path,
    tiny_encoder: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    from sentence_transformers import CrossEncoder
    from torch.nn import Identity

    folder = tiny_encoder()
    base, scores = describe_reranker_base(str(folder))
    assert not scores
    data, judged = data_of(describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu")).encoder)
    result = train_reranker.fn(data, base, parameters, TRAIN)
    place = objects.path(result.model)
    assert not [p for p in place.rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl")]
    assert (result.trainable < result.parameters) == (parameters.kind != "full")
    assert "Could not load the best model" not in caplog.text
    ours = objects.load_array(score_judged.fn(judged, describe_reranker(str(place), "fp32")))
    left, right = (objects.load_table(ref, ["text"])["text"].to_pylist() for ref in (judged.left, judged.right))
    pairs = [(left[t.left], right[t.right]) for t in objects.load_rows(judged.truths, Truth)]
    theirs = CrossEncoder(str(place), device="cpu").predict(pairs, activation_fn=Identity())
    assert np.abs(ours - theirs).max() < 1e-4
    assert describe_reranker_base(str(place))[1]


@pytest.mark.long
def test_the_same_seed_gives_the_same_reranker(home: Path, tiny_encoder: Callable[..., Path]) -> None:
    folder = tiny_encoder()
    base, _ = describe_reranker_base(str(folder))
    data, _ = data_of(describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu")).encoder)
    one, other = (train_reranker.fn(data, base, FullWeights(), TRAIN).model.digest for _ in range(2))
    assert one == other
