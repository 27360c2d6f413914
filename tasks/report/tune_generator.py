"""The page of `tune-generator`: from references to what `report` shows. Rows and replies are shown as text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.finetune_generator import Preference
from tasks.data.documents import Rejected, RejectedRef
from tasks.data.evaluation import Measure
from tasks.data.generator_tuning import (
    GeneratorTrial,
    PackingProbe,
    PairReward,
    PairRewardsRef,
    PromptLoss,
    RewardPoint,
    TriedReply,
    TunedGenerator,
)
from tasks.data.generator_verdict import ACCURACY, LOSS, GeneratorVerdict
from tasks.data.pairs import TuneCheck
from tasks.data.prompt_rows import HeldOutPrompts, PromptLook, PromptSplits, asked_text
from tasks.data.rewards import RewardModel
from tasks.data.training import StepLoss, TrainingResult, TunedModel
from tasks.data.win_rates import JudgedPair, WinRates
from tasks.report import charts, training, win_rates
from tasks.report import page as pages
from tasks.report.page import Figure, Page, Table
from tasks.report.tune_embedder import checks_table, differences, removed_table, stated
from tasks.runtime import tracking
from tasks.store import objects, rejections

MOST_OF_ALL = 0.25  # share of the tokens of a loss from which one row is named
SHOWN_TEXT = 1_500  # characters of an example or a reply


@dataclass(frozen=True)
class ShownGenerator:
    """What a run has made.

    Attributes:
        kept: The model as it is kept.
        found: What the gate says.
        made: What was trained: SFT, and DPO or RLOO.
        looks: What instructions and preferences look like.
        trials: What every model does on held-out rows.
        rewards: Of held-out pairs; None where no preferences were learned.
        judge: The reward model, where one was trained.
        parts: The rows.
        held: What every model is measured on.
        packing: Whether rows may stand behind each other; None where they were not to.
        samples: Replies that the page shows.
        preference: How preferences were learned; None where there were none.
        win_rates: What a judge makes of replies; None where nobody compared them.
        no_win_rates: Why a judge that was asked for made nothing of them; empty where it did not fail.
    """

    kept: TunedModel
    found: GeneratorVerdict
    made: Mapping[str, TunedGenerator]
    looks: Mapping[str, PromptLook]
    trials: Sequence[GeneratorTrial]
    rewards: PairRewardsRef | None
    judge: RewardModel | None
    parts: PromptSplits
    held: HeldOutPrompts
    packing: PackingProbe | None
    samples: int
    preference: Preference | None
    win_rates: WinRates | None = None
    no_win_rates: str = ""

    def learned_by(self) -> dict[str, float]:
        """Return what decided how preferences were learned; nothing where none were."""
        if self.preference is None or len(self.made) == 1:
            return {}
        return {"beta": self.preference.beta, "sft_weight": self.preference.sft_weight}


def generator_page(
    run: tracking.Run, shown: ShownGenerator, rejected: Sequence[RejectedRef], of_small: Sequence[RejectedRef] = ()
) -> Path:
    """Write the page of a run that has trained a generator, and its tables as files beside it.

    Args:
        run: The run.
        shown: What it has made.
        rejected: Rows that were rejected or removed.
        of_small: Documents that were, of the text that a small base learned from.

    Returns:
        Path of `index.html`; an empty path while a plan is made.
    """
    kept, checks = shown.kept, objects.load_rows(shown.found.checks, TuneCheck)
    measures = objects.load_rows(shown.found.measures, Measure)
    results = results_of(shown)
    curves = {name: objects.load_rows(result.curve, StepLoss) for name, result in results.items()}
    losses = [m for m in measures if m.name == LOSS]
    page = Page(
        title=f"Training a generator for {kept.name}",
        subtitle=f"{kept.id}, from {kept.base}: {'released' if kept.released else 'not released'}",
        facts=[(f"{m.what}: {LOSS}", f"{m.value:.3f}") for m in losses]
        + [(f"{m.what}: {m.name}", f"{m.value:.3f}") for m in measures if m.name == ACCURACY]
        + [("held-out rows", f"{losses[0].n:,}")],
        tables=[
            battery_table(measures), checks_table(checks), *win_rates.tables(shown.win_rates),
            training.cost_table(results), merge_table(shown.made),
            *(looked_table(name, look) for name, look in shown.looks.items()), parts_table(shown),
            *packing_table(shown.packing), *removed_table(rejected),
            *removed_table(of_small, "Removed from the text of the small base"),
        ],
        missing=[] if len(shown.made) > 1 else ["preferences: give `pairs` a source of chosen and rejected"],
        run={
            "facts": {"base": kept.base, **{name: f"{value:g}" for name, value in shown.learned_by().items()}},
            "links": run.links(), "versions": run.versions(),
        },
        template="tuned_generator.html.j2",
        figures=[
            charts.whiskers("losses", LOSS, losses, shown.trials[-1].name),
            charts.whiskers("checks", "difference, after less before", differences(checks), checks[0].name),
            *training.loss_curves("training", curves),
            *reward_figures(shown.made),
        ],
        more={
            "gate": kept.why,
            "released": kept.released,
            "warnings": warnings_of(shown),
            "examples": [example for name, look in shown.looks.items() for example in _examples(name, look)],
            "samples": samples_of(shown),
        },
    )  # fmt: skip
    path = pages.write_page(run, page)
    if path.name:
        _write_tables(path.parent, shown, [*rejected, *of_small])
    return path


def generator_summary(
    shown: ShownGenerator, rejected: Sequence[RejectedRef], of_small: Sequence[RejectedRef] = ()
) -> dict[str, Any]:
    """Return what `tune-generator` answers."""
    of_text = {"rejected_of_small": rejections.by_reason(of_small)} if of_small else {}
    kept, parts = shown.kept, {"instructions": shown.parts.instructions}
    parts |= {"preferences": shown.parts.pairs} if shown.parts.pairs else {}
    return {
        "model": kept.id,
        **({"replaced": kept.replaced} if kept.replaced else {}),
        "released": kept.released,
        "why": kept.why,
        "base": kept.base,
        "rows": {
            name: {"train": look.train, "validation": look.validation, "test": look.test,
                   "left_out": look.left_out.model_dump(), "repeated": p.repeated, "leaked": p.leaked,
                   "truncated_share": round(look.truncated, 4)}
            for (name, p), look in ((item, shown.looks[item[0]]) for item in parts.items())
        },
        "checks": {check.name: stated(check) for check in objects.load_rows(shown.found.checks, TuneCheck)},
        "measures": {f"{m.name} {m.what}": m.stated() for m in objects.load_rows(shown.found.measures, Measure)},
        **({"judge": win_rates.stated(shown.win_rates)} if shown.win_rates else {}),
        "merge": {name: {"largest_logit_difference": made.parity.logits, "tokens": made.parity.tokens,
                         "equal_replies": made.parity.replies} for name, made in shown.made.items()},
        "training": {name: {"learning_rate": made.learning_rate, "weights": made.moved,
                            **training.stated(made.result)} for name, made in shown.made.items()},
        **({"reward_model": training.stated(shown.judge.result)} if shown.judge else {}),
        **({"packing": packing_stated(shown.packing)} if shown.packing else {}),
        **({"preference": learned} if (learned := shown.learned_by()) else {}),
        "template": shown.looks["instructions"].template[:12],
        "warnings": warnings_of(shown), "rejected": rejections.by_reason(rejected), **of_text,
    }  # fmt: skip


def warnings_of(shown: ShownGenerator) -> list[str]:
    """Return what is odd about rows and training, in words."""
    told = [f"{name}: {text}" for name, look in shown.looks.items() for text in look.warnings]
    if (found := shown.packing) is not None and not found.used:
        told.append(
            f"instructions are not packed, for the model lets one read another: a logit differs by {found.logits:.2g} "
            "between rows alone and behind each other; rows of like length were trained on side by side instead"
        )
    told += [shown.no_win_rates] if shown.no_win_rates else []
    return [
        *told,
        *held_out_remarks(shown.held),
        *win_rates.remarks(shown.win_rates),
        *training.remarks(results_of(shown)),
    ]


def held_out_remarks(held: HeldOutPrompts) -> list[str]:
    """Return what is odd about the rows that models are measured on, in words."""
    told = []
    if held.left_out:
        told.append(
            f"{held.left_out:,} of {held.left_out + held.rows.rows:,} held-out rows are not measured, for they do not "
            f"fit into {held.limit:,} tokens with room for a reply (first: {held.first})"
        )
    if held.share > MOST_OF_ALL:
        told.append(
            f"{held.longest} has {held.share:.0%} of the tokens that the loss is measured by, so it decides more than "
            "the other held-out rows; give answers of like length to judge by"
        )
    return told


def packing_stated(found: PackingProbe) -> dict[str, Any]:
    """Return what the probe of packing found, as the caller of a flow gets it."""
    return {
        "used": found.used, "largest_logit_difference": found.logits, "compared": found.compared, "rows": found.rows,
        "packed_rows": found.packed, "filled_share": round(found.filled, 4),
    }  # fmt: skip


def packing_table(found: PackingProbe | None) -> list[Table]:
    """Return what the probe of packing found; nothing where packing was not asked for."""
    if found is None:
        return []
    rows = [
        ("instructions stand behind each other", "yes" if found.used else "no: one reads another"),
        ("largest difference of a logit, alone and behind each other", f"{found.logits:.2g}"),
        ("rows compared", f"{found.compared:,}"),
        ("rows, and packed rows that hold them", f"{found.rows:,} and {found.packed:,}"),
        ("places of packed rows that hold a token", f"{found.filled:.1%}"),
    ]
    note = "Tried with a forward pass before training."
    if found.used:
        note += (
            f" A packed row holds {found.rows / found.packed:.1f} instructions, and a batch as many times more, so "
            "there are fewer steps than guessed above; lower per_device_train_batch_size for more."
        )
    return [Table("Packing", ("what", "found"), rows, note)]


def results_of(shown: ShownGenerator) -> dict[str, TrainingResult]:
    """Return what every training came to, that of the reward model too."""
    found = {name: made.result for name, made in shown.made.items()}
    return found | ({"reward model": shown.judge.result} if shown.judge else {})


def battery_table(measures: Sequence[Measure]) -> Table:
    """Return every measure of every model on the same held-out rows."""
    names = list(dict.fromkeys(m.what for m in measures))
    by_name = {(m.name, m.what): m for m in measures}
    rows = []
    for name in dict.fromkeys(m.name for m in measures):
        there = [by_name.get((name, what)) for what in names]
        cells = [f"{m.value:.3f}{f' ({m.interval})' if m.interval else ''}" if m else "" for m in there]
        rows.append((name, *cells, ", ".join(dict.fromkeys(f"{m.n:,}" for m in there if m))))
    note = (
        "Held-out rows, 95 % intervals. Replies are greedy. token F1: words that reply and completion share; exact "
        "match: replies with the words of the completion and no others; distinct-2: share of different pairs of words "
        "in all replies together; repeated 4-grams: share of runs of four words that stand in the reply before, of "
        "replies that have four words."
    )
    return Table("Base and trained models", ("measure", *names, "items"), rows, note)


def merge_table(made: Mapping[str, TunedGenerator]) -> Table:
    """Return how the saved models differ from the trained ones."""
    rows = [
        (name, one.moved, f"{one.parity.logits:.2g}", f"{one.parity.tokens:,}", f"{one.parity.replies} of "
         f"{one.parity.replies}", f"{one.learning_rate:g}")
        for name, one in made.items()
    ]  # fmt: skip
    columns = ("model", "weights", "largest difference of a logit", "tokens", "equal greedy replies", "learning rate")
    note = "Merged into the base in fp32, saved, read again, and compared with base and updates as they were trained."
    return Table("Merged and reloaded", columns, rows, note)


def looked_table(name: str, look: PromptLook) -> Table:
    """Return what rows look like before training."""
    rows = [
        ("rows are", look.kind),
        ("chat template", look.template[:12] or "none"),
        ("tokens of a row, median and longest", f"{look.median_tokens:,} and {look.longest_tokens:,}"),
        ("longer than", f"{look.limit:,} tokens: {look.truncated:.1%} of the rows"),
        ("tokens learned of a row, median and least", f"{look.learned_median:,} and {look.learned_least:,}"),
        ("steps", f"{look.steps:,}, of {look.tokens:,} tokens together"),
        ("guess of what training takes here", f"{look.seconds:.0f} s, {look.memory / 1e9:.1f} GB"),
    ]
    return Table(f"Before training: {name}", ("what", "rows trained on"), rows)


def parts_table(shown: ShownGenerator) -> Table:
    """Return how many rows each part has."""
    parts = shown.parts
    named = {"instructions": parts.instructions, **({"preferences": parts.pairs} if parts.pairs else {})}
    rows = []
    for name, p in named.items():
        look = shown.looks[name]
        long = sum(look.left_out.model_dump().values())
        counts = (look.train, look.validation, look.test, p.repeated, p.leaked, long)
        rows.append((name, *(f"{n:,}" for n in counts)))
    columns = ("rows", "trained on", "to stop by", "to judge by", "repeat another", "repeat what is judged by",
               "pairs left out as too long")  # fmt: skip
    return Table("Parts", columns, rows, "What repeats is removed. Neither learns from what the other is judged by.")


def reward_figures(made: Mapping[str, TunedGenerator]) -> list[Figure]:
    """Return rewards of chosen and rejected validation answers over steps; none where there are none."""
    refs = [one.rewards for one in made.values() if one.rewards is not None]
    points = [point for ref in refs for point in objects.load_rows(ref, RewardPoint)]
    if not points:
        return []
    at = [p.step for p in points]
    data = [
        {"type": "scatter", "mode": "lines+markers", "name": name, "x": at, "y": [getattr(p, name) for p in points]}
        for name in ("chosen", "rejected")
    ]
    layout = {"xaxis": {"title": {"text": "steps"}, "rangemode": "tozero"}, "yaxis": {"title": {"text": "reward"}},
              "showlegend": True, "legend": {"orientation": "h", "y": -0.25}}  # fmt: skip
    rows = [(f"{p.step:,}", f"{p.chosen:.3f}", f"{p.rejected:.3f}", f"{p.accuracy:.3f}") for p in points]
    columns = ("step", "reward of chosen", "reward of rejected", "accuracy")
    return [Figure("rewards", "rewards of the validation pairs", data, layout, 340, columns, rows)]


def _examples(name: str, look: PromptLook) -> list[tuple[str, list[tuple[str, bool]]]]:
    """Return rows as the model reads them, each with what it is; of preferences both answers."""
    answers = ("chosen", "rejected") if name == "preferences" else ("",)
    found = []
    for at, row in enumerate(look.examples):
        number, which = divmod(at, len(answers))
        said = f"{name}, row {number + 1}" + (f", {answers[which]}" if answers[which] else "")
        found.append((said, [(_cut(piece.text), piece.learned) for piece in row]))
    return found


def samples_of(shown: ShownGenerator) -> list[dict[str, Any]]:
    """Return some held-out prompts with what every model replies."""
    said = {trial.name: objects.load_rows(trial.replies, TriedReply) for trial in shown.trials}
    first = next(iter(said.values()))[: shown.samples]
    return [
        {"prompt": _cut(asked_text(row.history, row.prompt)), "wanted": _cut(row.wanted),
         "replies": [(name, _cut(replies[at].reply), replies[at].stopped) for name, replies in said.items()]}
        for at, row in enumerate(first)
    ]  # fmt: skip


def _write_tables(folder: Path, shown: ShownGenerator, rejected: Sequence[RejectedRef]) -> None:
    """Write every table as Parquet and CSV beside the page."""
    removed = [row for ref in rejected for row in objects.load_rows(ref, Rejected)]
    tables = {"removed": objects.table_of(Rejected, removed)}
    tables |= {"checks": objects.load_table(shown.found.checks), "measures": objects.load_table(shown.found.measures)}
    for trial in shown.trials:
        tables[f"replies-{trial.name}"] = objects.table_of(TriedReply, objects.load_rows(trial.replies, TriedReply))
        tables[f"losses-{trial.name}"] = objects.table_of(PromptLoss, objects.load_rows(trial.losses, PromptLoss))
    for name, made in shown.made.items():
        tables[f"curve-{name}"] = objects.load_table(made.result.curve)
    if shown.rewards is not None:
        tables["rewards"] = objects.table_of(PairReward, objects.load_rows(shown.rewards, PairReward))
    if shown.win_rates is not None:
        tables["judged-pairs"] = objects.table_of(JudgedPair, objects.load_rows(shown.win_rates.pairs, JudgedPair))
    pages.write_tables(folder, tables)


def _cut(text: str) -> str:
    return pages.shortened(text, SHOWN_TEXT)
