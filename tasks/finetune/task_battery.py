"""Tasks of `finetune` that measure generators on held-out rows: losses, replies, rewards."""

from configs.finetune_generator import Battery, Preference
from configs.generators import LocalModel, Sampling
from tasks.data.generator_tuning import (
    GeneratorTrial,
    PairReward,
    PairRewardsRef,
    PromptLoss,
    PromptLossesRef,
    TriedRepliesRef,
    TriedReply,
)
from tasks.data.messages import Generator, Request
from tasks.data.prompt_rows import HeldOutPrompts, PromptRow, PromptRowsRef
from tasks.errors import DataError
from tasks.finetune.task_generator import loader, pairs_of, reference_of
from tasks.finetune.task_prompts import LONGEST, PromptWriter
from tasks.models.generators import client
from tasks.models.generators import local as local_model
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects

SEED = 0  # draws the prompts that every model replies to: files may be sorted
LIBRARIES = ("torch", "transformers", "tokenizers")


@step(name="finetune-hold-out", libraries=("numpy", "tokenizers", "transformers"))
def hold_out(held: PromptRowsRef, base: Generator, system: str, config: Battery) -> HeldOutPrompts:
    """Return the held-out rows that can be measured: whole, and with room for a reply behind the prompt.

    Args:
        held: Held-out rows.
        base: Whose tokenizer and chat template write.
        system: System message; empty for that of the template.
        config: How long replies may be.

    Raises:
        DataError: None can.
    """
    rows, writer = objects.load_rows(held, PromptRow), PromptWriter(base, system)
    limit, room = min(base.context or LONGEST, LONGEST), (base.context or 10**9) - config.max_tokens
    made = writer.rows(rows, limit)
    kept = [at for at, m in enumerate(made) if not m.cut and m.prompt <= room]
    lost = [row.id for at, row in enumerate(rows) if at not in set(kept)]
    if not kept:
        raise DataError(
            f"none of {len(rows)} held-out rows fits into {limit} tokens with room for a reply of "
            f"{config.max_tokens} (battery.max_tokens; first: {lost[0]}); give shorter rows to judge by"
        )
    longest = max(kept, key=lambda at: made[at].learned)
    steps.log_metrics("", rows=len(kept), left_out=len(lost))
    return HeldOutPrompts(
        rows=objects.save_rows(PromptRowsRef, PromptRow, [rows[at] for at in kept]), left_out=len(lost),
        first=lost[0] if lost else "", limit=limit, longest=rows[longest].id,
        share=made[longest].learned / sum(made[at].learned for at in kept),
    )  # fmt: skip


@step(
    name="finetune-try-generator", run_name="finetune-try-generator {name}", libraries=LIBRARIES, device_of=("model",)
)
def try_generator(held: PromptRowsRef, name: str, model: Generator, system: str, config: Battery) -> GeneratorTrial:
    """Measure the loss of a model on held-out completions, and let it reply to some of their prompts.

    Args:
        held: Held-out rows that fit into the model.
        name: base, SFT or DPO.
        model: As described, in fp32.
        system: System message; empty for that of the template.
        config: How many prompts, and how long replies may be.
    """
    from tasks.finetune.draws import drawn
    from tasks.finetune.generator import completion_losses

    rows, writer = objects.load_rows(held, PromptRow), PromptWriter(model, system)
    asked = LocalModel(model=model.model, precision="fp32", device=where(model))
    loaded = local_model.engine(model, asked).decoder.model
    made = writer.rows(rows, min(model.context or LONGEST, LONGEST))
    with progress(steps.labelled("losses"), len(rows), "rows") as advance:
        losses = completion_losses(loaded, made, writer.pad, advance)
    found = [PromptLoss(row.id, float(loss), m.learned) for row, loss, m in zip(rows, losses, made, strict=True)]
    few = drawn(rows, config.prompts, SEED)
    requests = [Request(tuple(writer.messages(row.prompt, row.history))) for row in few]
    sampling = Sampling(temperature=0, repetition_penalty=1, max_tokens=config.max_tokens)
    replies = client.replies(model, sampling, asked).watched_by(progress)(requests)
    tried = [TriedReply(row.id, row.prompt, row.completion, r.text, r.finish == "stop", r.completion_tokens,
                        row.history) for row, r in zip(few, replies, strict=True)]  # fmt: skip
    steps.log_metrics("", rows=len(found), replies=len(tried))
    return GeneratorTrial(
        name=name, losses=objects.save_rows(PromptLossesRef, PromptLoss, found),
        replies=objects.save_rows(TriedRepliesRef, TriedReply, tried),
    )  # fmt: skip


@step(name="finetune-rewards", libraries=LIBRARIES, device_of=("model", "reference"))
def reward_pairs(
    held: PromptRowsRef, model: Generator, reference: Generator, system: str, asked: Preference
) -> PairRewardsRef:
    """Measure what held-out pairs are worth to a model, by the log-probabilities of both answers, against another.

    Args:
        held: Held-out pairs.
        model: That was trained on preferences.
        reference: That it was started from.
        system: System message; empty for that of the template.
        asked: How preferences were learned.

    Raises:
        DataError: No pair fits into what the model reads.
    """
    rows, writer = objects.load_rows(held, PromptRow), PromptWriter(model, system)
    limit = min(model.context or LONGEST, LONGEST)
    fitting = [row for row in rows if pairs_of(writer, [row], limit)[0]]
    if not fitting:
        raise DataError(f"no held-out pair fits into {limit} tokens; give shorter ones")
    pairs = pairs_of(writer, fitting, limit)
    ours, theirs = (reference_of(loader(one)(), pairs, writer.pad) for one in (model, reference))
    found = [
        PairReward(row.id, float(mine[0]), float(mine[1]), float(other[0]), float(other[1]), asked.beta)
        for row, mine, other in zip(fitting, ours, theirs, strict=True)
    ]
    steps.log_metrics("", pairs=len(found), left_out=len(rows) - len(found))
    return objects.save_rows(PairRewardsRef, PairReward, found)


def where(model: Generator) -> str:
    """Return the device that a model is described to run on, as a config names it."""
    return model.engine.removeprefix("torch-")
