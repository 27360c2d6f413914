"""Encoders learn from texts alone: the decoder shares their weights and is gone afterwards; a kill changes nothing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback

from configs.embed import Embed
from configs.finetune import FullWeights, LastBlocks, Lora, Training
from configs.finetune_pairs import EmbedderLoss, Holdout, SoftmaxRelation, Tsdae
from tasks.data.documents import Rejected
from tasks.data.pairs import JudgedSet, TextPair, TextPairsRef, TrainingPairs
from tasks.data.training import StepLoss
from tasks.embed import describe_encoder
from tasks.errors import ContractError, DataError
from tasks.finetune import judged_set, require_decoder, sentences_to_write, train_embedder
from tasks.finetune import trainer as training
from tasks.finetune.embedder import EmbedderRecipe, Prompts, load, stated, trainer_of
from tasks.finetune.judged import sides_of
from tasks.finetune.noise import damaged
from tasks.finetune.trainer import FinishedTraining
from tasks.finetune.weights import OWN
from tasks.store import objects

WORDS = ("cat", "dog", "sat", "ran", "far", "mat", "night", "train")
TRAIN = Training(
    num_train_epochs=3, per_device_train_batch_size=8, learning_rate=3e-3, eval_steps=4, warmup_ratio=0.0,
    device="cpu", precision="fp32",
)  # fmt: skip


def texts(seed: int, count: int = 40) -> list[TextPair]:
    """Return sentences in which a word is followed by another that goes with it."""
    draw, made = np.random.default_rng(seed), []
    for n in range(count):
        at = draw.integers(0, 8, 3)
        said = " ".join(f"the {WORDS[a]} {WORDS[(a + 4) % 8]}" for a in at)
        made.append(TextPair(f"s{seed}r{n}", said, label="ab"[n % 2], group=f"g{n}"))
    return made


def pairs(seed: int) -> list[TextPair]:
    return [
        TextPair(row.id, row.anchor, other.anchor, group=row.group)
        for row, other in zip(texts(seed, 20), texts(seed + 1, 20), strict=True)
    ]


def recipe(folder: Path, loss: EmbedderLoss, parameters: Any = FullWeights()) -> EmbedderRecipe:  # noqa: B008
    rows = texts(1)
    if isinstance(loss, SoftmaxRelation):
        rows = [TextPair(a.id, a.anchor, b.anchor, label=a.label) for a, b in zip(rows, texts(2), strict=True)]
    return EmbedderRecipe(folder, loss, (), rows, rows[:16], sides_of("pairs", pairs(5)), Prompts(), 24, parameters)


class Silent:
    """A watch that looks at nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.patience = folder, 100

    def begin(self, total: int, done: int) -> None: ...

    def advance(self, amount: int) -> None: ...

    def point(self, step: int, numbers: Any) -> None: ...


class KillAt(TrainerCallback):
    """Ends the try in the middle of a step, as a kill would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.step:
            raise ZeroDivisionError


def run(folder: Path, made: EmbedderRecipe, *more: TrainerCallback) -> FinishedTraining:
    given = training.arguments(TRAIN, folder, Arguments, rows=len(made.rows), **stated(made))
    return training.train(lambda a, calls: trainer_of(made, a, [*calls, *more]), given, watch=Silent(folder))


@pytest.mark.slow
def test_the_decoder_shares_the_weights_of_the_encoder_and_reads_what_was_deleted(
    tmp_path: Path, tiny_encoder: Callable[..., Path]
) -> None:
    made = recipe(tiny_encoder(), Tsdae())
    trainer: Any = trainer_of(made, training.arguments(TRAIN, tmp_path, Arguments, rows=40, **stated(made)), [])
    encoder = dict(trainer.model[0].model.named_parameters())
    decoder = dict(trainer.loss.decoder.bert.named_parameters())
    common = [name for name in encoder if name in decoder]
    assert len(common) > 30
    assert all(encoder[name] is decoder[name] for name in common)
    fresh = load(made.base, 24)
    assert all(torch.equal(encoder[name], weight) for name, weight in fresh[0].model.named_parameters())

    for epoch in (0, 1):
        loader = trainer.get_train_dataloader()
        loader.set_epoch(epoch)
        (batch, *_), (rows, *_) = list(loader), list(loader.batch_sampler)
        expected = [damaged(made.rows[row].anchor, 0.6, (TRAIN.seed, epoch, row)) for row in rows]
        read = fresh.tokenizer.batch_decode(batch["noisy_input_ids"], skip_special_tokens=True)
        assert read == expected
        whole = fresh.tokenizer.batch_decode(batch["text_input_ids"], skip_special_tokens=True)
        assert whole == [made.rows[row].anchor for row in rows]


@pytest.mark.slow
def test_the_frozen_blocks_of_an_encoder_stay_as_they_are(tmp_path: Path, tiny_encoder: Callable[..., Path]) -> None:
    made = recipe(tiny_encoder(), Tsdae(), LastBlocks(blocks=1))
    found = dict(run(tmp_path, made).trainer.model[0].model.named_parameters())
    before = dict(load(made.base, 24)[0].model.named_parameters())
    moved = {name for name in before if not torch.equal(found[name].detach(), before[name])}
    assert moved
    assert {name.split(".layer.")[1][0] for name in moved} == {"1"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "parameters"),
    [(Tsdae(), FullWeights()), (SoftmaxRelation(), FullWeights()), (SoftmaxRelation(), Lora(r=2))],
    ids=lambda value: value.kind,
)
def test_a_run_that_was_killed_goes_on_and_equals_the_unbroken_one(
    loss: EmbedderLoss, parameters: Any, tmp_path: Path, tiny_encoder: Callable[..., Path]
) -> None:
    made = recipe(tiny_encoder(), loss, parameters)
    unbroken = run(tmp_path / "unbroken", made)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "broken", made, KillAt(10))  # in the second of three epochs, two steps after a checkpoint
    assert (tmp_path / "broken" / "checkpoint-8" / OWN).is_file()
    resumed = run(tmp_path / "broken", made)
    assert resumed.resumed_from == 8
    assert [p.loss for p in unbroken.curve if p.step > 8] == [p.loss for p in resumed.curve if p.step > 8]
    one, other = (found.trainer.model.state_dict() for found in (unbroken, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def stored(home: Path, folder: Path) -> tuple[Any, TrainingPairs]:
    encoder = describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu")).encoder
    parts = [objects.save_rows(TextPairsRef, TextPair, rows) for rows in (texts(1), texts(2, 16), pairs(5))]
    judged: JudgedSet = judged_set.fn("validation", "domain", "pairs", parts[2], None, encoder)
    return encoder, TrainingPairs(rows=parts[0], validation=parts[1], judged=judged)


@pytest.mark.slow
def test_the_loss_falls_and_the_decoder_is_not_in_the_folder(home: Path, tiny_encoder: Callable[..., Path]) -> None:
    encoder, data = stored(home, tiny_encoder())
    results = [train_embedder.fn(data, encoder, Tsdae(), (), FullWeights(), TRAIN) for _ in range(2)]
    losses = [p.eval_loss for p in objects.load_rows(results[0].curve, StepLoss) if p.eval_loss is not None]
    assert losses[-1] < losses[0]
    assert results[0].model.digest == results[1].model.digest
    folder = objects.path(results[0].model)
    assert not list(folder.rglob(OWN))
    model: Any = SentenceTransformer(str(folder), device="cpu")
    assert not [name for name, _ in model.named_parameters() if "crossattention" in name or "cls" in name]
    assert model.encode(["the cat sat"]).shape == (1, 32)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta", "camembert", "electra"])
def test_every_kind_of_encoder_that_is_let_through_has_a_decoder(
    kind: str, tmp_path: Path, tiny_bert: Path, home: Path
) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    config = AutoConfig.for_model(
        kind, vocab_size=len(tokenizer), max_position_embeddings=44, pad_token_id=0, embedding_size=32, **sizes
    )
    AutoModel.from_config(config).save_pretrained(tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    modules = [Transformer(str(tmp_path / "base")), Pooling(32, "mean")]
    SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "encoder"))
    require_decoder(describe_encoder(Embed(model=str(tmp_path / "encoder"), precision="fp32", device="cpu")).encoder)
    found = run(tmp_path / "run", recipe(tmp_path / "encoder", Tsdae()))
    losses = [p.eval_loss for p in found.curve if p.eval_loss is not None]
    assert losses[-1] < losses[0]


def test_an_encoder_without_a_decoder_of_its_kind_is_refused(home: Path, tiny_encoder: Callable[..., Path]) -> None:
    folder = tiny_encoder()
    encoder = describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu")).encoder
    require_decoder(encoder)
    path = folder / "config.json"
    path.write_text(path.read_text("utf-8").replace('"model_type": "bert"', '"model_type": "mpnet"'), "utf-8")
    with pytest.raises(ContractError, match=r"is mpnet, which has none; start from one of bert"):
        require_decoder(encoder)


def test_sentences_that_repeat_what_is_judged_by_are_removed(home: Path, tiny_encoder: Callable[..., Path]) -> None:
    encoder = describe_encoder(Embed(model=str(tiny_encoder()), precision="fp32", device="cpu")).encoder

    def saved(*rows: TextPair) -> TextPairsRef:
        return objects.save_rows(TextPairsRef, TextPair, rows)

    train = saved(
        TextPair("a", "How trains run", "The night train ran far. A dog sat on the mat. Nobody saw the cat at night."),
        TextPair("b", "What cats do", "A cat may look at kings. They sleep for most of a day."),
    )
    held = saved(TextPair("t1", "the NIGHT train ran far!", "another text"))
    scored = saved(TextPair("s1", "a cat may look at a king", "no", score=0.1), TextPair("s2", "so", "it", score=0.9))
    general = judged_set.fn("similarity", "general", "scored", scored, None, encoder)
    made = sentences_to_write.fn(train, (held,), (general,), None, Holdout(near_duplicate=0.6))
    kept = [row.anchor for row in objects.load_rows(made.rows, TextPair)]
    assert kept == [
        "How trains run", "A dog sat on the mat.", "Nobody saw the cat at night.", "What cats do",
        "They sleep for most of a day.",
    ]  # fmt: skip
    removed = {row.item: row.detail for row in objects.load_rows(made.removed, Rejected)}
    assert removed == {
        "a~1.0": "repeats a text that is judged by: 'the NIGHT train ran far!'",
        "b~1.0": removed["b~1.0"],
    }
    assert removed["b~1.0"].startswith("nearly repeats")
    few = sentences_to_write.fn(train, (), (), 2, Holdout())
    assert few.rows.rows == 2
    with pytest.raises(DataError, match="hold 0 sentences of 3 words"):
        sentences_to_write.fn(saved(TextPair("a", "one two")), (), (), None, Holdout())
