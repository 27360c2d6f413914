"""An encoder goes on learning from texts alone, and opens as its base does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, TrainerCallback

from configs.finetune import Training
from configs.finetune_classifier import ClassifierTuning
from configs.finetune_masked import MaskedLanguageModel
from tasks.data.class_tuning import PreparedClasses, PretrainedEncoder
from tasks.errors import ContractError, ModelError
from tasks.finetune import masked, trainer
from tasks.finetune.masking import HELD_OUT, Masking, hide, masking_of
from tasks.finetune.padding import IGNORED
from tasks.finetune.task_classifier import describe_base, prepare_classes
from tasks.finetune.task_masked import pretrain_encoder, require_masked, training_of
from tasks.models import files
from tasks.models import masked as guessers
from tasks.store import objects, tuned
from tests.tasks.finetune.test_trainer import Kill, Watching, weights
from tests.tasks.finetune.texts import divided, examples

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("home")]
TRAINING = Training(device="cpu", precision="fp32", max_seq_length=16)
MASKED = MaskedLanguageModel(
    num_train_epochs=4, per_device_train_batch_size=8, learning_rate=3e-3, mlm_probability=0.3
)  # fmt: skip


@pytest.fixture
def base(tiny_encoder: Callable[..., Path]) -> Path:
    """Return the folder of a small encoder whose tokenizer has a mask."""
    folder = tiny_encoder()
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.save_pretrained(folder)
    model: Any = AutoModel.from_pretrained(folder)
    torch.manual_seed(1)
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    return folder


def prepared_from(base: Path, labels_per_class: int | None = None) -> PreparedClasses:
    tuning = ClassifierTuning(near_duplicate=1.0, labels_per_class=labels_per_class)
    return prepare_classes.fn(
        divided(examples(120, 0), examples(30, 1)), describe_base(str(base), TRAINING), tuning, TRAINING
    )


def pretrained(base: Path, config: MaskedLanguageModel = MASKED, few: int | None = None) -> PretrainedEncoder:
    described, prepared = describe_base(str(base), TRAINING), prepared_from(base, few)
    return pretrain_encoder.fn(prepared, prepared.spare, described, config, TRAINING, 1.0)


def masking_for(base: Path, seed: int = 0) -> Masking:
    tokenizer: Any = AutoTokenizer.from_pretrained(base)
    return masking_of(seed, 0.3, tokenizer.mask_token_id, tokenizer.all_special_ids, len(tokenizer))


def test_it_guesses_better_after_and_its_encoder_opens_as_the_base_does(base: Path) -> None:
    found = pretrained(base)
    assert found.new_head
    assert found.tied
    assert found.loss_after < found.loss_before - 0.3
    assert found.accuracy_after > found.accuracy_before
    assert found.guessed > 20
    folder = objects.path(found.result.model)
    assert {path.name for path in folder.iterdir()} - {"training.json", "manifest.json"} == {
        path.name for path in base.iterdir() if path.is_file() or any(path.iterdir())
    }
    theirs, report = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    ours: Any = AutoModel.from_pretrained(base)
    moved = {name for name, value in theirs.state_dict().items() if not torch.equal(value, ours.state_dict()[name])}
    assert moved == {name for name in ours.state_dict() if not name.startswith("pooler.")}
    opened, before = (SentenceTransformer(str(one), device="cpu") for one in (folder, base))
    assert [type(part) for part in opened] == [type(part) for part in before]
    assert opened.max_seq_length == before.max_seq_length
    assert not np.allclose(opened.encode(["the cat sat"]), before.encode(["the cat sat"]), atol=1e-3)
    model = tuned.by_content(found.result.model)
    mine, its = files.describe(model), files.describe(str(base))
    assert (mine.pooling, mine.tokenizer, mine.max_tokens) == (its.pooling, its.tokenizer, its.max_tokens)
    assert describe_base(model, TRAINING).weights != describe_base(str(base), TRAINING).weights


def test_examples_show_a_masked_word_that_stood_there(base: Path) -> None:
    found = pretrained(base)
    assert 1 <= len(found.examples) <= 3
    for one in found.examples:
        assert one.text.count("[?]") == 1
        assert one.word in ("cat", "mat", "sat", "night", "dog", "ran", "far", "train", "the")
        assert one.before
        assert one.after


def test_the_texts_are_those_of_training_whatever_labels_were_drawn(base: Path) -> None:
    every, few = pretrained(base, MASKED.model_copy(update={"max_steps": 2})), prepared_from(base, 8)
    assert every.texts + every.chosen_by + every.measured + every.repeated <= 120
    some = pretrained(base, MASKED.model_copy(update={"max_steps": 2}), few=8)
    assert few.look.train + few.look.validation == 16
    assert some.texts > 60
    assert some.measured == few.look.validation
    held = objects.load_table(few.divided.test.documents, ["text"])["text"].to_pylist()
    assert not set(held) & set(objects.load_table(few.spare, ["text"])["text"].to_pylist())


def test_the_loss_is_the_cross_entropy_of_torch_and_the_same_masks_are_measured_twice(base: Path) -> None:
    model, _, _ = guessers.load_guesser(str(base), 3)
    masking = masking_for(base)
    texts = [[2, *np.random.default_rng(row).integers(6, 20, 4 + row).tolist(), 3] for row in range(7)]
    scored = masked.score(model, texts, masking, 0, 3)
    total, count, right = 0.0, 0, 0
    for row, ids in enumerate(texts):
        hidden, truth = hide(ids, masking, HELD_OUT, row)
        with torch.no_grad():
            logits = model.eval()(torch.tensor([hidden.tolist()])).logits[0]
        for place in np.flatnonzero(truth != IGNORED):
            total -= float(logits[place].log_softmax(-1)[truth[place]])
            right += int(logits[place].argmax() == truth[place])
            count += 1
    assert count > 5
    assert (scored.guessed, scored.accuracy) == (count, right / count)
    assert scored.loss == pytest.approx(total / count, abs=1e-5)
    assert masked.score(model, texts, masking, 0, 2).guesses == scored.guesses


def test_the_loss_of_a_step_counts_hidden_tokens_and_is_nothing_where_none_is_hidden() -> None:
    torch.manual_seed(0)

    class Given:
        logits = torch.randn(2, 3, 5, requires_grad=True)

    labels = torch.tensor([[-100, 2, -100], [4, -100, 0]])
    theirs = torch.nn.functional.cross_entropy(Given.logits.view(-1, 5), labels.view(-1))
    assert torch.allclose(masked.guessing_loss(Given(), labels), theirs)
    assert torch.allclose(masked.guessing_loss(Given(), labels, torch.tensor(6)), theirs / 2)
    nothing = masked.guessing_loss(Given(), torch.full((2, 3), -100), torch.tensor(0))
    nothing.backward()
    assert float(nothing.detach()) == 0.0
    assert float(Given.logits.grad.abs().sum()) == 0.0


@pytest.mark.long
def test_a_run_that_was_killed_and_resumed_equals_the_unbroken_one_bit_by_bit(base: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    texts = [[2, *random.integers(6, 20, 8).tolist(), 3] for _ in range(40)]
    recipe = masked.MaskedRecipe(
        lambda: guessers.load_guesser(str(base), 0)[0], 0, masking_for(base), texts[:32], texts[32:]
    )
    paced = training_of(MASKED, TRAINING).model_copy(update={"eval_steps": 5})

    def run(folder: Path, *more: TrainerCallback) -> Any:
        made = trainer.arguments(paced, folder, rows=32, **masked.stated(8))
        return trainer.train(
            lambda given, callbacks: masked.trainer_of(recipe, given, [*callbacks, *more]),
            made,
            watch=Watching(folder),
        )

    unbroken = run(tmp_path / "unbroken")
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "killed", Kill(11))
    found = run(tmp_path / "killed")
    assert found.resumed_from == 10
    assert found.steps == unbroken.steps == 16
    assert all(torch.equal(value, weights(found)[name]) for name, value in weights(unbroken).items())


def test_a_head_that_the_base_has_is_taken_and_a_damaged_one_refused(base: Path, tmp_path: Path) -> None:
    drawn, new, _ = guessers.load_guesser(str(base), 5)
    assert new
    assert not torch.equal(drawn.cls.predictions.transform.dense.weight,
                           guessers.load_guesser(str(base), 6)[0].cls.predictions.transform.dense.weight)  # fmt: skip
    drawn.save_pretrained(tmp_path / "whole")
    again, new, tied = guessers.load_guesser(str(tmp_path / "whole"), 6)
    assert (new, tied) == (False, True)
    assert torch.equal(again.cls.predictions.transform.dense.weight, drawn.cls.predictions.transform.dense.weight)
    state = {name: value for name, value in drawn.state_dict().items() if "transform.dense" not in name}
    drawn.save_pretrained(tmp_path / "broken", state_dict=state)
    with pytest.raises(ModelError, match=r"lacks 2 weights, the first cls\.predictions\.transform\.dense"):
        guessers.load_guesser(str(tmp_path / "broken"), 6)


def test_a_base_without_a_pooler_gets_none(base: Path, tmp_path: Path) -> None:
    whole = AutoModelForMaskedLM.from_pretrained(base)
    whole.save_pretrained(tmp_path / "bare")
    (tmp_path / "to").mkdir()
    guessers.save_encoder(whole, str(tmp_path / "bare"), tmp_path / "to")
    names = guessers.weight_names(tmp_path / "to")
    assert names
    assert not [name for name in names if "pooler" in name or name.startswith("cls.")]


def test_a_model_without_mask_and_too_long_texts_are_refused_before_any_work(tiny_bert: Path, base: Path) -> None:
    described = describe_base(str(tiny_bert), TRAINING)
    with pytest.raises(ModelError, match="has no mask token; set pretraining=null"):
        require_masked(str(tiny_bert), described, MASKED)
    with pytest.raises(ContractError, match=r"pretraining.max_seq_length is 64 but .* reads 40 tokens at most"):
        require_masked(str(base), described, MASKED.model_copy(update={"max_seq_length": 64}))
    (base / "config.json").write_text((base / "config.json").read_text().replace('"bert"', '"llama"'))
    with pytest.raises(ModelError, match="is a llama, which guesses no masked words"):
        require_masked(str(base), described, MASKED)
