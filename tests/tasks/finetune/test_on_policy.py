"""A reward model learns which answer was preferred; a generator that draws replies comes to what is rewarded."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from configs.finetune import FullWeights, Training
from configs.finetune_generator import GeneratorLora, OnPolicy, Preference
from configs.finetune_pairs import Holdout
from tasks.data.generator_tuning import GeneratorTrial, TriedRepliesRef, TriedReply
from tasks.data.messages import Generator
from tasks.data.prompt_rows import PromptRow, PromptRowsRef, SplitPrompts
from tasks.data.rewards import ReplyReward
from tasks.finetune import generator, on_policy, trainer
from tasks.finetune.task_generator import loader, pairs_of
from tasks.finetune.task_on_policy import judge_of, prompts_of, score_replies, train_on_policy, train_reward
from tasks.finetune.task_prompts import PromptWriter, describe_generator, split_prompts
from tasks.models.files import locate
from tasks.store import objects, tuned
from tests.tasks.finetune.test_generator import Watching
from tests.tasks.finetune.tiny_generator import animal_rows, make_generator

pytestmark = pytest.mark.slow
QUICK = Training(max_steps=12, per_device_train_batch_size=8, learning_rate=1e-2, device="cpu", precision="fp32")
DRAWN = OnPolicy(reward=QUICK, num_generations=4, max_completion_length=6)
ASKED = Preference(parameters=GeneratorLora(r=4, lora_dropout=0.0), training=QUICK, on_policy=DRAWN, beta=0.01)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("tiny") / "model", steps=30)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def base_of(tiny: Path) -> Generator:
    return describe_generator(str(tiny), QUICK)


def pairs() -> SplitPrompts:
    """Return pairs whose chosen answer names the animal, and whose rejected one does not know."""
    rows = objects.save_rows(PromptRowsRef, PromptRow, animal_rows(120))
    told = [PromptRow(r.id, r.prompt, r.completion) for r in animal_rows(60, seed=9)]
    found = split_prompts.fn(
        objects.save_rows(PromptRowsRef, PromptRow, told), None, rows, Holdout(near_duplicate=1.0)
    )
    assert found.pairs is not None
    return found.pairs


def test_a_score_is_that_of_the_row_alone_whoever_shares_its_batch(tiny: Path) -> None:
    writer = PromptWriter(base_of(tiny))
    model = judge_of(locate(str(tiny)).folder, writer.pad, new=True)().eval()
    rows = [row.ids for row in writer.rows(animal_rows(9), 256)]
    found = on_policy.scores_of(model, rows, writer.pad)
    with torch.no_grad():
        alone = [float(model(input_ids=torch.tensor([ids])).logits[0, 0]) for ids in rows]
    assert found == pytest.approx(alone, abs=1e-5)


def test_a_reward_model_tells_the_preferred_answer_of_held_out_pairs_and_is_read_back_as_it_was(tiny: Path) -> None:
    split = pairs()
    made = train_reward.fn(split, base_of(tiny), "", ASKED, DRAWN)
    assert made.pairs == split.test.rows
    assert made.right / made.pairs > 0.9
    assert made.result.trainable < made.result.parameters
    folder = objects.path(made.result.model)
    assert {p.suffix for p in folder.iterdir()} <= {".json", ".safetensors"}
    assert json.loads((folder / "training.json").read_text())["task"] == "reward"
    writer = PromptWriter(base_of(tiny))
    chosen, rejected = pairs_of(writer, objects.load_rows(split.test, PromptRow), 256)
    judge = judge_of(folder, writer.pad)()
    good, bad = (on_policy.scores_of(judge, [row.ids for row in side], writer.pad) for side in (chosen, rejected))
    assert int((good > bad).sum()) == made.right


def test_replies_that_are_drawn_come_to_what_is_rewarded(tiny: Path, tmp_path: Path) -> None:
    """The reward is a rule here: the share of a reply's tokens with an even number."""
    base = base_of(tiny)
    writer = PromptWriter(base)
    prompts = prompts_of(writer, animal_rows(40), 200)
    length = {tuple(ids): len(ids) for ids in prompts.values()}

    def score(rows: Any) -> Any:
        starts = [next(n for ids, n in length.items() if tuple(row[:n]) == ids) for row in rows]
        return np.array([np.mean([t % 2 == 0 for t in row[n:]]) for row, n in zip(rows, starts, strict=True)])

    rows = [{"prompt": text} for text in prompts]
    recipe = generator.GeneratorRecipe(
        load=loader(base), tokenizer=writer.tokenizer, pad=writer.pad, parameters=FullWeights(), train=rows,
        validation=rows[:16], lengths=[len(ids) for ids in prompts.values()],
    )  # fmt: skip
    more = {"max_steps": 24, "eval_steps": 8, "per_device_train_batch_size": 64}
    config = QUICK.model_copy(update=more)
    given = on_policy.rloo_arguments(config, tmp_path / "run", 40, 0.0, DRAWN)
    done = trainer.train(
        lambda *more: on_policy.rloo_trainer(recipe, prompts, score, *more), given, watch=Watching(tmp_path / "run")
    )
    rewards = [point.metric for point in done.curve if point.metric is not None]
    assert len(rewards) == 3
    assert rewards[-1] > 0.85  # an untrained one draws 0.62
    assert done.best_step == 8 * (1 + int(np.argmax(rewards)))


@pytest.mark.long
def test_a_run_that_was_killed_while_it_drew_and_goes_on_equals_the_unbroken_one(tiny: Path, tmp_path: Path) -> None:
    base = base_of(tiny)
    writer = PromptWriter(base)
    prompts = prompts_of(writer, animal_rows(24), 200)
    rows = [{"prompt": text} for text in prompts]
    recipe = generator.GeneratorRecipe(
        load=loader(base), tokenizer=writer.tokenizer, pad=writer.pad, parameters=GeneratorLora(r=4, lora_dropout=0.0),
        train=rows, validation=rows[:4], lengths=[len(ids) for ids in prompts.values()],
    )  # fmt: skip
    config = QUICK.model_copy(update={"max_steps": 10, "eval_steps": 3})

    def run(folder: Path, until: int | None = None) -> Any:
        given = on_policy.rloo_arguments(config, folder, 24, 0.01, DRAWN)
        score = lambda ids: np.array([float(len(set(row))) for row in ids])  # noqa: E731
        return trainer.train(
            lambda *more: on_policy.rloo_trainer(recipe, prompts, score, *more), given, watch=Watching(folder, until)
        )

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", until=8)
    resumed = run(tmp_path / "broken")
    assert resumed.resumed_from == 6
    ours, theirs = (dict(one.trainer.model.named_parameters()) for one in (whole, resumed))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_generator_is_trained_by_a_reward_model_merged_and_scored_beside_what_it_was(tiny: Path) -> None:
    base, split = base_of(tiny), pairs()
    judge = train_reward.fn(split, base, "", ASKED, DRAWN)
    made = train_on_policy.fn(split, base, "", judge, ASKED, DRAWN)
    assert made.parity.logits <= 1e-3
    after = describe_generator(tuned.by_content(made.result.model), QUICK)
    assert after.template == base.template
    replies = [TriedReply("0", "Which animal?", "", "It is the cat.", True, 5)]
    trial = GeneratorTrial.model_construct(name="SFT", replies=objects.save_rows(TriedRepliesRef, TriedReply, replies))
    (given,) = objects.load_rows(score_replies.fn([trial], base, "", judge).rewards, ReplyReward)
    writer = PromptWriter(base)
    ids = writer.rows([PromptRow("0", "Which animal?", "It is the cat.")], 256)[0].ids
    model = judge_of(objects.path(judge.result.model), writer.pad)()
    assert given.reward == pytest.approx(on_policy.scores_of(model, [ids], writer.pad)[0], abs=1e-6)
    assert given.model == "SFT"


def test_batches_that_cut_the_replies_to_a_prompt_apart_are_refused() -> None:
    with pytest.raises(ValueError, match="per_device_train_batch_size is 8, no multiple of num_generations 3"):
        Preference(on_policy=OnPolicy(num_generations=3))
