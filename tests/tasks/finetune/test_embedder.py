"""Encoders are trained by every loss; what comes out opens in sentence-transformers and gives equal vectors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from configs.embed import Embed
from configs.finetune import FullWeights, LastBlocks, Lora, Training
from configs.finetune_pairs import (
    ContrastiveMargin,
    CoSent,
    CosineSimilarity,
    EmbedderLoss,
    MultipleNegatives,
    SoftmaxRelation,
)
from tasks.data.pairs import TextPair, TextPairsRef, TrainingPairs
from tasks.data.training import StepLoss, TrainingResult
from tasks.embed import describe_encoder
from tasks.finetune import judged_set, train_embedder
from tasks.finetune import trainer as training
from tasks.finetune.embedder import EmbedderRecipe, Prompts, stated, trainer_of
from tasks.finetune.judged import sides_of
from tasks.finetune.pairs import training_rows
from tasks.metrics.judged import perform
from tasks.models.encoders import load as encoders
from tasks.store import objects

pytestmark = pytest.mark.slow
WORDS = ("cat", "dog", "sat", "ran", "far", "mat", "night", "train")
FULL = FullWeights()
TRAIN = Training(
    num_train_epochs=8, per_device_train_batch_size=8, learning_rate=5e-3, eval_steps=40, device="cpu",
    precision="fp32",
)  # fmt: skip


def rows(seed: int, count: int = 40) -> list[TextPair]:
    """Return texts that belong together because a word of one goes with a word of the other, and texts that do not."""
    draw = np.random.default_rng(seed)

    def text(word: str) -> str:
        return " ".join(draw.permutation([word, *draw.choice(["a", "the", "q", "d", ":"], 4)]).tolist())

    made = []
    for n in range(count):
        word, partner, other = WORDS[n % 8], WORDS[(n + 4) % 8], WORDS[(n + 1 + n // 8 % 3) % 8]
        anchor = text(word)
        made += [
            TextPair(f"s{seed}r{n}", anchor, text(partner), "", 1.0, "same", f"g{n}"),
            TextPair(f"s{seed}r{n}-", anchor, text(other), "", 0.0, "other", f"g{n}"),
        ]
    return made


def for_loss(loss: EmbedderLoss, given: list[TextPair]) -> list[TextPair]:
    return training_rows(given, "relations", loss.kind)


def trained(folder: Path, loss: EmbedderLoss, parameters: Any = FULL, matryoshka: tuple[int, ...] = ()) -> Any:
    encoder = describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu")).encoder
    train, held = for_loss(loss, rows(1)), rows(2)
    saved = [objects.save_rows(TextPairsRef, TextPair, part) for part in (train, for_loss(loss, held), held)]
    judged = judged_set.fn("validation", "domain", "relations", saved[2], None, encoder)
    data = TrainingPairs(rows=saved[0], validation=saved[1], judged=judged)
    return train_embedder.fn(data, encoder, loss, matryoshka, parameters, TRAIN)


LOSSES = [
    MultipleNegatives(), *(
        pytest.param(loss, marks=pytest.mark.long)
        for loss in (
            MultipleNegatives(mini_batch=4), CosineSimilarity(), CoSent(), SoftmaxRelation(), ContrastiveMargin()
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: f"{loss.kind}-{getattr(loss, 'mini_batch', '')}")
def test_every_loss_teaches_what_belongs_together(
    loss: EmbedderLoss, home: Path, tiny_encoder: Callable[..., Path]
) -> None:
    folder = calm(tiny_encoder())
    result: TrainingResult = trained(folder, loss)
    assert ranked(objects.path(result.model)) > ranked(folder) + 0.05
    curve = objects.load_rows(result.curve, StepLoss)
    assert [p for p in curve if p.eval_loss is not None and p.metric is not None]


def calm(folder: Path) -> Path:
    """Make the weights of a small encoder so small that it learns: they were drawn to tell texts apart."""
    weights = load_file(folder / "model.safetensors")
    smaller = {name: w if "LayerNorm" in name else 0.1 * w for name, w in weights.items()}
    save_file(smaller, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def ranked(folder: Path) -> float:
    """Return how well an encoder ranks the texts that were trained on."""
    sides = sides_of("relations", rows(1))
    engine = encoders.engine(describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu")))
    return perform(sides.judged_as, engine.encode(sides.left), engine.encode(sides.right), sides.truths, 10).mean


@pytest.mark.parametrize(("parameters", "least", "most"), [(LastBlocks(blocks=1), 0.05, 0.6), (Lora(r=2), 0.0, 0.2)])
def test_few_weights_may_move_and_the_folder_is_whole(
    parameters: Any,
    least: float,
    most: float,
    home: Path,
    tiny_encoder: Callable[..., Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    result = trained(tiny_encoder(), MultipleNegatives(), parameters)
    assert least < result.trainable / result.parameters < most
    check_opens(objects.path(result.model))
    assert "Could not load the best model" not in caplog.text


def test_a_trained_folder_opens_as_it_is_and_gives_equal_vectors(
    home: Path, tiny_encoder: Callable[..., Path]
) -> None:
    result = trained(tiny_encoder(), MultipleNegatives(), matryoshka=(32, 16, 8))
    check_opens(objects.path(result.model))
    again = trained(tiny_encoder(), MultipleNegatives(), matryoshka=(32, 16, 8))
    assert again.model.digest == result.model.digest


def check_opens(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer

    assert not [p for p in folder.rglob("*") if p.suffix in (".bin", ".pt", ".pth", ".pkl")]
    texts = [r.anchor for r in rows(5)]
    theirs = SentenceTransformer(str(folder), device="cpu").encode(texts, normalize_embeddings=True)
    found = describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu"))
    ours = encoders.engine(found).encode(texts)
    assert np.abs(ours - theirs).max() < 1e-5
    assert found.encoder.max_tokens == 40


def test_the_batches_that_are_trained_on_hold_no_label_and_no_text_twice(
    tmp_path: Path, tiny_encoder: Callable[..., Path]
) -> None:
    made = [TextPair(f"r{n}", f"cat {n}", f"dog {n // 2}", label=f"L{n % 10}", group=f"g{n}") for n in range(60)]
    recipe = EmbedderRecipe(tiny_encoder(), MultipleNegatives(), (), made, made[:20], sides_of("pairs", made[:20]),
                            Prompts("q: ", "d: "), 16, FullWeights())  # fmt: skip
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

    given = training.arguments(TRAIN, tmp_path, Arguments, rows=60, **stated(recipe))
    loader = trainer_of(recipe, given, []).get_train_dataloader()
    batches = list(loader.batch_sampler)
    assert sorted(n for batch in batches for n in batch) == list(range(60))
    for batch in batches:
        assert len({made[n].label for n in batch}) == len(batch)
        assert len({made[n].positive for n in batch}) == len(batch)
    loader.batch_sampler.set_epoch(1)
    assert list(loader.batch_sampler) != batches


def test_losses_of_single_pairs_take_full_batches(tmp_path: Path, tiny_encoder: Callable[..., Path]) -> None:
    made = rows(1)
    recipe = EmbedderRecipe(tiny_encoder(), CosineSimilarity(), (), made, made[:20], sides_of("relations", made),
                            Prompts(), 16, FULL)  # fmt: skip
    from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

    given = training.arguments(TRAIN, tmp_path, Arguments, rows=len(made), **stated(recipe))
    assert [len(batch) for batch in trainer_of(recipe, given, []).get_train_dataloader().batch_sampler] == [8] * 10
