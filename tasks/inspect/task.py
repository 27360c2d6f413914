"""Tasks of `inspect`: look inside a causal model, and train small ones to compare masks."""

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configs.inspect import Reading, Replying, Small
from tasks.data import digests
from tasks.data.anatomy import (
    AttentionRef,
    CacheTest,
    Causal,
    CutReply,
    LengthCost,
    MaskRow,
    MaskRowsRef,
    MaskRun,
    MasksTrained,
    MasksTried,
    Positions,
    RunsRef,
    SmallModelRef,
    Stage,
    StageList,
    StagesRef,
    StepsRef,
    StepToken,
    Timing,
    TimingsRef,
)
from tasks.data.documents import DocumentsRef
from tasks.errors import ModelError
from tasks.metrics.spreads import ratio_of, spreads_by_name
from tasks.models import files as model_files
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import durable, objects

LIBRARIES = ("torch", "transformers", "tokenizers")
PART = ("config.json", "tokenizer.json", "generation_config.json")


def describe_causal(model: str) -> Causal:
    """Say which causal model is looked at, without loading it.

    Raises:
        ModelError: There is no such model, or it cannot be trusted.
    """
    folder = model_files.locate(model).folder
    model_files.read_config(folder)
    return _described(model, folder)


def made_causal(made: SmallModelRef, name: str) -> Causal:
    """Say that a small model that was just trained is looked at."""
    return _described(name, objects.path(made))


@step(name="inspect-make", libraries=LIBRARIES)
def make_small(documents: DocumentsRef, config: Small) -> SmallModelRef:
    """Train a small model on the bytes of texts, under the full mask.

    Args:
        documents: The texts.
        config: Sizes and training.
    """
    from tasks.inspect.masks import train_small
    from tasks.models.tiny import SmallTraining, write_small

    train = SmallTraining.under_masks(config).train
    model, run = train_small(_text(documents), "full", config, config.seed, train)
    steps.log_metrics(perplexity=run.perplexity, first=run.first)
    return objects.save_files(SmallModelRef, lambda folder: write_small(model, folder), shape=(1,))


@step(name="inspect-stages", libraries=LIBRARIES)
def list_stages(causal: Causal, prompt: str, config: Reading) -> StageList:
    """List the parts a text passes, with what each gives and how many parameters it has.

    Args:
        causal: The model.
        prompt: The text.
        config: How it is read.
    """
    from tasks.inspect.passes import walk_stages

    model, _, ids = _read(causal, prompt, config)
    stages = walk_stages(model, ids)
    parameters = sum(p.numel() for p in model.parameters())
    steps.log_metrics(parameters=parameters, tokens=len(ids))
    return StageList(table=objects.save_rows(StagesRef, Stage, stages), parameters=parameters, tokens=len(ids))


@step(name="inspect-steps", libraries=LIBRARIES)
def follow_steps(causal: Causal, prompt: str, config: Reading) -> StepsRef:
    """Generate step by step, and keep the likeliest tokens of each.

    Args:
        causal: The model.
        prompt: What it goes on from.
        config: Steps and tokens.
    """
    from tasks.inspect.passes import longest_of, next_tokens

    model, tokenizer, ids = _read(causal, prompt, config, room=1)
    count = min(config.steps, longest_of(model) - len(ids))
    rows = []
    with progress("generate", count, "tokens") as advance:
        for row in next_tokens(model, tokenizer, ids, steps=count, top=config.top):
            rows.append(row)
            advance(int(row.rank == 1))
    return objects.save_rows(StepsRef, StepToken, rows)


@step(name="inspect-reply", libraries=LIBRARIES)
def reply_and_continue(causal: Causal, prompt: str, reading: Reading, config: Replying) -> CutReply:
    """Reply up to a limit, say whether it cut the reply, continue from the cut, and compare with a reply never cut.

    Args:
        causal: The model.
        prompt: What it replies to.
        reading: How the prompt is read.
        config: The limit, and how far it is continued.
    """
    from tasks.inspect.generation import greedy
    from tasks.inspect.passes import longest_of

    model, tokenizer, ids = _read(causal, prompt, reading, room=2)
    room = longest_of(model) - len(ids)
    limit = min(config.max_new_tokens, room - 1)
    more = min(config.continue_tokens, room - limit)
    with progress("reply, reply without a cut, continue", 2 * (limit + more), "tokens") as done:
        first, _ = greedy(model, ids, limit, cache=True, done=done)
        whole, _ = greedy(model, ids, limit + more, cache=True, done=done)
        cut = len(first) == limit and len(whole) >= limit
        rest = greedy(model, [*ids, *first], more, cache=True, done=done)[0] if cut else []
    return CutReply(
        text=tokenizer.decode(first), tokens=len(first), finish="length" if cut else "stop",
        continued=tokenizer.decode(rest) if rest else "", same=[*first, *rest] == whole,
    )  # fmt: skip


@step(name="inspect-cache", libraries=LIBRARIES)
def check_cache(causal: Causal, prompt: str, reading: Reading, config: Replying) -> CacheTest:
    """Generate with and without cache, and time both.

    Args:
        causal: The model.
        prompt: What it goes on from.
        reading: How the prompt is read.
        config: Tokens and repeats.
    """
    from tasks.inspect.generation import time_cache
    from tasks.inspect.passes import longest_of

    model, _, ids = _read(causal, prompt, reading, room=1)
    count = min(config.timed_tokens, longest_of(model) - len(ids))
    with progress("generate with and without cache", 2 * count * (config.repeats + 1), "tokens") as done:
        timings, same, size = time_cache(model, ids, count, config.repeats, done)
    slow, fast = ([t.seconds for t in timings if t.way == way] for way in ("without cache", "with cache"))
    return CacheTest(
        timings=objects.save_rows(TimingsRef, Timing, timings),
        ways=spreads_by_name((t.way, t.seconds) for t in timings),
        times_faster=ratio_of("with cache", slow, fast),
        tokens=timings[0].length,
        same=same,
        cache_bytes=size,
    )


@step(name="inspect-cost", libraries=LIBRARIES)
def cost_by_length(causal: Causal, prompt: str, reading: Reading, config: Replying) -> LengthCost:
    """Measure time and memory of one pass against the length of the text.

    Args:
        causal: The model.
        prompt: Said over and over to make texts.
        reading: How the prompt is read.
        config: Lengths and repeats.
    """
    from tasks.inspect.generation import cost_of_length
    from tasks.inspect.passes import longest_of

    model, _, ids = _read(causal, prompt, reading)
    lengths = [length for length in config.lengths if length <= longest_of(model)]
    timings = []
    with progress("read texts", sum(lengths) * config.repeats, "tokens") as advance:
        for timing in cost_of_length(model, ids, lengths, config.repeats):
            timings.append(timing)
            advance(timing.length)
    seconds = spreads_by_name((str(t.length), t.seconds) for t in timings)
    return LengthCost(timings=objects.save_rows(TimingsRef, Timing, timings), seconds=seconds)


@step(name="inspect-attention", libraries=LIBRARIES)
def map_attention(causal: Causal, prompt: str, config: Reading) -> AttentionRef:
    """Keep how much each token of the prompt looks at each, by layer: in the mean of its heads, then head by head.

    Args:
        causal: The model.
        prompt: The text.
        config: How much of it.
    """
    from tasks.inspect.passes import attention_maps

    model, _, ids = _read(causal, prompt, config)
    heads = attention_maps(model, ids[: config.shown_tokens])
    return objects.save_array(AttentionRef, np.concatenate([heads.mean(axis=1, keepdims=True), heads], axis=1))


@step(name="inspect-positions", libraries=LIBRARIES)
def check_positions(causal: Causal, prompt: str, config: Reading) -> Positions:
    """Move all positions, set them to zero, and say how far the logits move.

    Args:
        causal: The model.
        prompt: The text.
        config: How far they are moved.
    """
    from tasks.inspect.passes import move_positions

    model, _, ids = _read(causal, prompt, config, room=config.position_offset)
    return move_positions(model, ids, config.position_offset)


@step(name="inspect-masks", libraries=LIBRARIES)
def try_masks(causal: Causal, prompt: str, config: Reading) -> MasksTried:
    """Put masks before the model as it is, and say what becomes of the next token.

    Args:
        causal: The model.
        prompt: The text.
        config: The window.
    """
    from tasks.inspect.masks import compare_masks, patterns_of

    model, tokenizer, ids = _read(causal, prompt, config)
    rows = compare_masks(model, tokenizer, ids, config.window)
    return MasksTried(table=objects.save_rows(MaskRowsRef, MaskRow, rows), patterns=patterns_of(config.window))


@step(name="inspect-train", run_name="inspect-train steps={config.steps}", libraries=LIBRARIES)
def train_under_masks(documents: DocumentsRef, config: Small) -> MasksTrained:
    """Train the same small model under each mask from several seeds, and measure its perplexity on held-out text.

    Args:
        documents: The text, whose end is held out.
        config: Sizes, masks, seeds.
    """
    from tasks.inspect.masks import train_small
    from tasks.models.tiny import SmallTraining

    text, train = _text(documents), SmallTraining.under_masks(config).train
    seeds = range(config.seed, config.seed + config.seeds)
    runs = []
    with progress("train under masks", len(config.masks) * config.seeds * config.steps, "steps") as advance:
        for kind, seed in itertools.product(config.masks, seeds):
            runs.append(train_small(text, kind, config, seed, train)[1])
            advance(config.steps)
    perplexity = spreads_by_name((run.mask, run.perplexity) for run in runs)
    return MasksTrained(table=objects.save_rows(RunsRef, MaskRun, runs), perplexity=perplexity)


def prompt_tokens(causal: Causal, prompt: str, config: Reading) -> list[str]:
    """Return the tokens of a prompt that maps are drawn of, as they read."""
    from tasks.inspect.passes import load_tokenizer, read

    tokenizer = load_tokenizer(Path(causal.folder), control=config.control)
    return [read(tokenizer, token) for token in tokenizer.encode(prompt).ids[: config.shown_tokens]]


def _described(name: str, folder: Path) -> Causal:
    files = [digests.of_path(folder / part) for part in PART if (folder / part).is_file()]
    return Causal(
        name=name, folder=str(folder), digest=durable.digest_of([model_files.weights_digest(folder), *files])
    )


def _read(causal: Causal, prompt: str, config: Reading, room: int = 0) -> tuple[Any, Any, Sequence[int]]:
    """Return model, tokenizer and the tokens of the prompt, which leaves room for `room` more."""
    from tasks.inspect.passes import check_prompt, load_tokenizer

    model = _loaded(causal)
    tokenizer = load_tokenizer(Path(causal.folder), control=config.control)
    ids = list(tokenizer.encode(prompt).ids)
    check_prompt(ids, model, room)
    return model, tokenizer, ids


@functools.lru_cache(maxsize=1)
def _loaded(causal: Causal) -> Any:
    """Load the model that was described; a process keeps the last one.

    Raises:
        ModelError: Its files have changed since.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from tasks.models.whole import load_whole

    if _described(causal.name, Path(causal.folder)).digest != causal.digest:
        raise ModelError(f"{causal.folder} has changed since it was described; run again")
    folder = Path(causal.folder)
    return load_whole(AutoModelForCausalLM, folder, dtype=torch.float32, attn_implementation="eager").eval()


def _text(documents: DocumentsRef) -> str:
    return "\n\n".join(objects.load_table(documents, ["text"])["text"].to_pylist())
