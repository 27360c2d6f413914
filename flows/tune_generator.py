"""Tune generator: train a causal model on instructions, then on preferences; release it if it is better for sure.

Try it:        python -m flows tune-generator @quick
Instructions:  python -m flows tune-generator source.kind=tables source.path=instructions.jsonl
Preferences:   python -m flows tune-generator source.kind=tables source.path=a.csv pairs.kind=tables pairs.path=b.csv
On a worker:   prefect deployment run 'tune-generator/tune-generator'
"""

from prefect import flow

from configs.embed import Embed
from configs.finetune_generator import InstructionColumns, PreferenceColumns
from configs.flows_generator import TuneGenerator
from configs.ingest import Files, Hub, PythonDocs, Source, Tables
from tasks.chain import make_small
from tasks.data.documents import RejectedRef, SnapshotRef
from tasks.data.generator_tuning import GeneratorTrial, PackingProbe, PairRewardsRef, TunedGenerator
from tasks.data.generator_verdict import GeneratorVerdict
from tasks.data.messages import Generator
from tasks.data.prompt_rows import HeldOutPrompts, PromptLook, PromptSplits, PromptTable
from tasks.data.rewards import JudgedReplies, RewardModel
from tasks.data.run import Outcome
from tasks.data.training import TunedModel
from tasks.data.win_rates import WinRates
from tasks.embed import describe_encoder
from tasks.errors import BudgetError, ContractError, RemoteError
from tasks.evaluate import compare_replies, judge_generator, judging_by
from tasks.finetune import (
    columns_of_prompts,
    describe_generator,
    hold_out,
    look_at_prompts,
    probe_packing,
    prompts_of_documents,
    read_prompts,
    require_training,
    require_trl,
    reward_pairs,
    score_replies,
    split_prompts,
    train_completions,
    train_on_policy,
    train_preferences,
    train_reward,
    try_generator,
)
from tasks.ingest import ingest_documents, ingest_rows, list_items, name_of
from tasks.launch import events
from tasks.report.names import named
from tasks.report.tune_generator import ShownGenerator, generator_page, generator_summary
from tasks.runtime import steps, tracking
from tasks.store import objects, tuned

SIGNATURE = {"messages": "string"}, {"reply": "string"}
BASE, SFT, DPO, RLOO = "base", "SFT", "DPO", "RLOO"
MADE = "a small model made on the spot"
Columns = InstructionColumns | PreferenceColumns


def preflight(
    source: Source = PythonDocs(),
    test: Source | None = None,
    pairs: Source | None = None,
    name: str | None = None,
    config: TuneGenerator = TuneGenerator(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: A source is not there or has no columns, a model is not here or cannot be trained, a package is not
            installed.
    """
    require_training(config.training)
    require_trl(config.parameters)
    if config.small is None:
        describe_generator(config.model, config.training)
    else:
        list_items(config.small.source)
    if config.judge is not None:
        judging_by(config.judge)
    tuned.require_task(generator_name(source, name), "generator")
    for given in (source, test):
        if given is not None:
            list_prompts(given, config.columns)
    if pairs is not None:
        check_preferences(pairs, config)


def check_preferences(pairs: Source, config: TuneGenerator) -> None:
    """Check what can be checked of preferences before any work.

    Raises:
        FlowError: As for `preflight`.
    """
    if config.preference is None:
        raise ContractError("pairs are given but preference is null, so nothing is learned of them; set preference={}")
    require_training(config.preference.training)
    require_trl(config.preference.parameters)
    if config.preference.on_policy is not None:
        require_training(config.preference.on_policy.reward)
    if config.small is None:
        describe_generator(config.model, config.preference.training)
    list_prompts(pairs, config.preference.columns)


def table_of(source: Tables | Hub, columns: Columns) -> Tables | Hub:
    """Return a source of which these columns are read."""
    return source.model_copy(update={"text": columns_of_prompts(columns)[0], "keep": (), "id": None, "title": None})


def list_prompts(source: Source, columns: Columns) -> SnapshotRef:
    """Describe what a source holds now; a table that has not the columns that every row needs is refused.

    Raises:
        ContractError: It has neither columns nor functions.
    """
    if isinstance(source, Files):
        raise ContractError("a generator learns from columns, which files have not; give tables, hub or python-docs")
    if isinstance(source, PythonDocs):
        return list_items(source)
    wanted = columns_of_prompts(columns)
    return list_items(table_of(source, columns), [name for name in wanted if name != columns.input])


def generator_name(source: Source, name: str | None) -> str:
    """Return what a generator is called: the name given, else the source's with what it is."""
    return name_of(source, f"{name_of(source, None)}-generator" if name is None else name)


def base_of(config: TuneGenerator) -> tuple[Generator, list[RejectedRef]]:
    """Return the model that training starts from, described, and what was rejected; a small one is made first."""
    if config.small is None:
        return describe_generator(config.model, config.training), []
    with steps.label("small"):
        text = config.small.source
        read = ingest_documents(list_items(text), text, config.ingest, describe_encoder(Embed()).encoder)
        made = make_small(read.documents, config.small)
    return describe_generator(str(objects.path(made)), config.training), [read.rejected]


def read_rows(source: Source, columns: Columns, label: str, config: TuneGenerator) -> tuple[PromptTable, RejectedRef]:
    """Return the prompts and completions of a source, and what was rejected when it was read."""
    with steps.label(label):
        snapshot = list_prompts(source, columns)
        if isinstance(source, Files | PythonDocs):
            documents = ingest_documents(snapshot, source, config.ingest, describe_encoder(Embed()).encoder)
            preferred = isinstance(columns, PreferenceColumns)
            return prompts_of_documents(documents.documents, preferred, config.holdout.seed), documents.rejected
        rows = table_of(source, columns)
        read = ingest_rows(snapshot, rows, columns_of_prompts(columns), config.ingest)
        return read_prompts(read.cells, columns, config.ingest.max_rejected_share), read.rejected


def read_parts(
    source: Source, test: Source | None, pairs: Source | None, config: TuneGenerator
) -> tuple[PromptSplits, list[RejectedRef]]:
    """Return instructions and preferences in their parts, kept apart from each other, and what was rejected."""
    told, rejected = read_rows(source, config.columns, "source", config)
    refs = [rejected, told.rejected]
    held = None
    if test is not None:
        given, more = read_rows(test, config.columns, "test", config)
        held, refs = given.rows, [*refs, more, given.rejected]
    preferred = None
    if pairs is not None and config.preference is not None:
        table, more = read_rows(pairs, config.preference.columns, "pairs", config)
        preferred, refs = table.rows, [*refs, more, table.rejected]
    made = split_prompts(told.rows, held, preferred, config.holdout)
    return made, [*refs, made.instructions.removed, *([made.pairs.removed] if made.pairs else [])]


def look_at_parts(parts: PromptSplits, base: Generator, config: TuneGenerator) -> dict[str, PromptLook]:
    """Return what instructions and preferences look like, before anything is trained."""
    found = {}
    with steps.label("instructions"):
        found["instructions"] = look_at_prompts(parts.instructions, base, config.system, config.training)
    if parts.pairs is not None and config.preference is not None:
        drawn = config.preference.on_policy  # then the reward model is what reads pairs
        with steps.label("preferences"):
            found["preferences"] = look_at_prompts(
                parts.pairs, base, config.system, drawn.reward if drawn else config.preference.training
            )
    return found


def probe(parts: PromptSplits, base: Generator, config: TuneGenerator) -> PackingProbe | None:
    """Return whether instructions may stand behind each other; None where they are not to."""
    return probe_packing(parts.instructions, base, config.system, config.training) if config.packing else None


def train_all(
    parts: PromptSplits, base: Generator, packing: PackingProbe | None, config: TuneGenerator
) -> tuple[dict[str, TunedGenerator], dict[str, Generator], RewardModel | None]:
    """Train on instructions, then on preferences where there are some; return what came of it, and every model."""
    made, models, judge, asked = {}, {BASE: base}, None, config.preference
    with steps.label(SFT):
        made[SFT] = train_completions(
            parts.instructions, base, config.system, config.parameters, config.training, packing
        )
    models[SFT] = described(made[SFT], config)
    if parts.pairs is None or asked is None:
        return made, models, None
    if asked.on_policy is None:
        with steps.label(DPO):
            made[DPO] = train_preferences(parts.pairs, models[SFT], config.system, asked)
    else:
        with steps.label("reward model"):
            judge = train_reward(parts.pairs, models[SFT], config.system, asked, asked.on_policy)
        with steps.label(RLOO):
            made[RLOO] = train_on_policy(parts.pairs, models[SFT], config.system, judge, asked, asked.on_policy)
    last = list(made)[-1]
    models[last] = described(made[last], config)
    return made, models, judge


def described(made: TunedGenerator, config: TuneGenerator) -> Generator:
    """Describe a generator that was just trained."""
    return describe_generator(tuned.by_content(made.result.model), config.training)


def try_all(
    parts: PromptSplits,
    held: HeldOutPrompts,
    models: dict[str, Generator],
    judge: RewardModel | None,
    config: TuneGenerator,
) -> tuple[tuple[GeneratorTrial, ...], PairRewardsRef | None, JudgedReplies | None]:
    """Measure every model on the same held-out rows, the last one on held-out pairs, and replies by a reward model."""
    trials = []
    for name, model in models.items():
        with steps.label(name):
            trials.append(try_generator(held.rows, name, model, config.system, config.battery))
    rewards = None
    if parts.pairs is not None and config.preference is not None:
        last = list(models)[-1]
        rewards = reward_pairs(parts.pairs.test, models[last], models[SFT], config.system, config.preference)
    judged = None if judge is None else score_replies(tuple(trials), models[SFT], config.system, judge)
    return tuple(trials), rewards, judged


def win_rates_of(trials: tuple[GeneratorTrial, ...], config: TuneGenerator) -> tuple[WinRates | None, str]:
    """Return what a judge makes of the replies of every two models, and why there is nothing where it failed.

    It decides nothing, so a judge that fails must not cost what was trained.
    """
    if config.judge is None:
        return None, ""
    try:
        return compare_replies(trials, judging_by(config.judge), config.judge, config.gate), ""
    except (BudgetError, ContractError, RemoteError) as error:  # a request that a server refuses, of whatever reason
        return None, f"judge: {error}. There are no win rates; the same run again asks the judge alone"


def keep_generator(
    run: tracking.Run,
    name: str,
    last: TunedGenerator,
    base: Generator,
    parts: PromptSplits,
    found: GeneratorVerdict,
) -> TunedModel:
    """Keep the model that was trained last, live if the gate released it, and register it; a plan keeps nothing."""
    data = {"train": parts.instructions.train.digest, "test": parts.instructions.test.digest}
    data |= {"pairs": parts.pairs.train.digest, "held-out pairs": parts.pairs.test.digest} if parts.pairs else {}
    made = TunedModel(
        name=name, task="generator", model=last.result.model, base=base.model, base_weights=base.weights, data=data,
        why=found.why,
    )  # fmt: skip
    if steps.planning() is None:
        made = tuned.keep(made, release=found.released)
        if not found.released:
            events.gate_refused(f"tuned.{name}", found.why)
    alias = "champion" if found.released else ""
    run.register(f"tuned-{name}", objects.path(made.model), made.model.digest, SIGNATURE, alias)
    return made


@flow(name="tune-generator", flow_run_name=named("name", "source"))
def tune_generator(
    source: Source = PythonDocs(),
    test: Source | None = None,
    pairs: Source | None = None,
    name: str | None = None,
    config: TuneGenerator = TuneGenerator(),
) -> Outcome:
    """Train a causal model on instructions, then on preferences; release it if it is better on held-out rows for sure.

    Args:
        source: Instructions and what answers them; of python-docs what functions do.
        test: Instructions to judge by; left out, some are held out.
        pairs: Prompts with a chosen and a rejected answer; left out, none are learned.
        name: Of `tuned:NAME`; left out, `SOURCE-generator`.
        config: What is learned, which weights move, and what must be gained.
    """
    with tracking.run("tune-generator", config, source=source, test=test, pairs=pairs, name=name) as run:
        preflight(source, test, pairs, name, config)
        base, unread = base_of(config)
        parts, rejected = read_parts(source, test, pairs, config)
        looks = look_at_parts(parts, base, config)
        held = hold_out(parts.instructions.test, base, config.system, config.battery)
        packing = probe(parts, base, config)
        made, models, judge = train_all(parts, base, packing, config)
        trials, rewards, judged = try_all(parts, held, models, judge, config)
        found = judge_generator(trials, rewards, judged, config.battery, config.gate)
        win_rates, why_none = win_rates_of(trials, config)
        last = made[list(made)[-1]]
        start = base.model_copy(update={"model": MADE}) if config.small else base
        kept = keep_generator(run, generator_name(source, name), last, start, parts, found)
        run.publish(model=kept.model, curve=last.result.curve, checks=found.checks, measures=found.measures,
                    rewards=rewards, removed=parts.instructions.removed)  # fmt: skip
        shown = ShownGenerator(
            kept,
            found,
            made,
            looks,
            trials,
            rewards,
            judge,
            parts,
            held,
            packing,
            config.battery.samples,
            config.preference,
            win_rates,
            why_none,
        )
        told = generator_summary(shown, rejected, unread)
        return run.outcome(told, generator_page(run, shown, rejected, unread))
