"""Prompt chain: prompts over earlier outputs, votes, trees of thought, parts; compared where answers are known.

Here:          python -m flows prompt-chain @story question="a lighthouse keeper"
A table:       python -m flows prompt-chain @reasoning questions=test.jsonl asking.limit=50
On a worker:   prefect deployment run 'prompt-chain/prompt-chain' -p question="a lighthouse keeper"
"""

from typing import assert_never

from prefect import flow

from configs.chain import Approach, ChatModel, Parts, SmallModel, Steps, Tree, Vote
from configs.embed import Embed
from configs.flows import PromptChain
from configs.generators import Sampling
from configs.ingest import Ingest
from tasks.chain import (
    chain_link,
    chain_tree,
    chain_vote,
    count_questions,
    make_handle,
    make_small,
    make_small_handle,
    needed,
    take_problems,
    validate_check,
)
from tasks.data.chains import MethodRun, OutputSpec, OutputsRef, ProblemsRef, StepOutput
from tasks.data.prompts import GeneratorHandle, Template
from tasks.data.run import Outcome
from tasks.embed import describe_encoder
from tasks.errors import ContractError
from tasks.evaluate import evaluate_replies
from tasks.ingest import ingest_documents, list_items
from tasks.report.names import named
from tasks.report.prompt_chain import asked_of, chain_page, chain_summary
from tasks.runtime import steps, tracking
from tasks.text.prompts import check_places, parts_of, read_template

Handles = dict[ChatModel, GeneratorHandle]


def preflight(question: str | None = None, questions: str | None = None, config: PromptChain = PromptChain()) -> None:
    """Check what can be checked before any work: what is asked, every prompt and its places, every model.

    Raises:
        FlowError: Nothing is asked, a prompt has a place that nothing fills, or a model is not here.
    """
    take_problems(question, questions, config.asking.limit, config.asking.answer)
    methods = methods_of(config)
    names = [method.name for method in methods]
    if len(set(names)) < len(names):
        raise ContractError(f"the methods are named {', '.join(names)} but each needs a name of its own; rename one")
    for method in methods:
        check_method(method, config)
    check_places(read_template(config.asking.repair), ("wrong", "reply"), "asking.repair")
    for model, sampling in samplings_of(config):
        if isinstance(model, SmallModel):
            list_items(model.source)
        else:
            make_handle(model).generator.sampling.resolve(sampling)


def samplings_of(config: PromptChain) -> list[tuple[ChatModel, Sampling]]:
    """Return every model that is asked, and how its replies are drawn."""
    steps_of = [step for method in config.methods if isinstance(method, Steps) for step in method.steps]
    own = [(step.generator or config.generator, step.sampling or config.sampling) for step in steps_of]
    return [(config.generator, config.sampling), *own]


def chat_models_of(config: PromptChain) -> list[ChatModel]:
    """Return every model that is asked, once."""
    return list(dict.fromkeys(model for model, _ in samplings_of(config)))


def methods_of(config: PromptChain) -> list[Approach]:
    """Return the methods, and for an ablation one more for each part left out."""
    found: list[Approach] = []
    for method in config.methods:
        found.append(method)
        if isinstance(method, Parts) and method.ablate:
            left = [part for part in parts_of(method.prompt) if part not in method.without]
            found += [
                method.model_copy(update={"name": f"{method.name}-no-{p}", "without": (*method.without, p)})
                for p in left
            ]
    return found


def check_method(method: Approach, config: PromptChain) -> None:
    """Check the prompts of a method, and what their outputs must be.

    Raises:
        ContractError: A prompt has a place that nothing fills, or a check cannot be used.
    """
    where = f"method {method.name!r}"
    match method:
        case Steps():
            known = ["question"]
            for step in method.steps:
                if step.name in known:
                    raise ContractError(f"{where} has the name {step.name!r} twice; rename a step")
                check_places(read_template(step.prompt), known, f"step {step.name!r}")
                validate_check(output_spec_of(step.check, step.repair, config), f"step {step.name!r}")
                known.append(step.name)
        case Vote():
            check_places(read_template(method.prompt), ["question"], where)
        case Tree():
            for prompt in (method.think, method.score, method.answer):
                check_places(read_template(prompt), ["question", "thoughts"], where)
        case Parts():
            check_places(read_template(method.prompt, method.without), ["question"], where)
        case _:
            assert_never(method)


def output_spec_of(check: object, repair: bool, config: PromptChain) -> OutputSpec:
    """Say what an output must be."""
    again = read_template(config.asking.repair) if repair else None
    return OutputSpec.model_validate({"check": check, "repair": again, "most_invalid": config.asking.most_invalid})


def prepare_handle(model: ChatModel, *, one: bool) -> GeneratorHandle:
    """Return who speaks, to one question at a time or to many; a small model is made first."""
    if not isinstance(model, SmallModel):
        return make_handle(model, one=one)
    limits, encoder = Ingest(duplicates="drop"), describe_encoder(Embed()).encoder
    ingested = ingest_documents(list_items(model.source), model.source, limits, encoder)
    return make_small_handle(make_small(ingested.documents, model), one=one)


def note_on(model: ChatModel) -> str:
    """Say what a reader must know of the replies of a model that was made on the spot; empty of others."""
    return "made on the spot, trained for seconds: its words mean nothing" if isinstance(model, SmallModel) else ""


def run_method(method: Approach, problems: ProblemsRef, handles: Handles, config: PromptChain) -> MethodRun:
    """Run one method on all problems."""
    with steps.label(method.name):
        return run_labelled(method, problems, handles, config)


def run_labelled(method: Approach, problems: ProblemsRef, handles: Handles, config: PromptChain) -> MethodRun:
    """Run one method, its steps labelled by its name."""
    handle, reading = handles[config.generator], (config.asking.answer, config.asking.most_invalid)
    own, asked = handle.generator.sampling, config.sampling
    sampling, said = own.resolve(asked), own.stated(asked)
    match method:
        case Steps():
            return run_steps(method, problems, handles, config)
        case Vote():
            template = read_template(method.prompt)
            linked = chain_vote(template, problems, handle, sampling, method, reading)
            said = own.stated(asked.model_copy(update={"temperature": method.temperature}))
        case Tree():
            templates = (read_template(method.think), read_template(method.score), read_template(method.answer))
            linked = chain_tree(templates, problems, handle, sampling, method, reading)
            template = templates[0]
            said += f"; thoughts: {own.stated(asked.model_copy(update={'temperature': method.temperature}))}"
        case Parts():
            template = read_template(method.prompt, method.without)
            output_spec = OutputSpec(
                check=Steps().steps[0].check, repair=None, most_invalid=config.asking.most_invalid
            )
            linked = chain_link(template, problems, {}, handle, sampling, output_spec)
        case _:
            assert_never(method)
    answer = StepOutput(name="answer", template=template, linked=linked, sampling=said)
    return MethodRun(name=method.name, steps=(answer,))


def run_steps(method: Steps, problems: ProblemsRef, handles: Handles, config: PromptChain) -> MethodRun:
    """Run prompts one after the other; each is a stored task, keyed by the outputs its prompt has places for."""
    outputs: dict[str, OutputsRef] = {}
    done: list[StepOutput] = []
    for step in method.steps:
        template: Template = read_template(step.prompt)
        asked: Sampling = step.sampling or config.sampling
        output_spec = output_spec_of(step.check, step.repair, config)
        handle = handles[step.generator or config.generator]
        sampling, said = handle.generator.sampling.resolve(asked), handle.generator.sampling.stated(asked)
        with steps.label(step.name):
            linked = chain_link(template, problems, needed(template, outputs), handle, sampling, output_spec)
        outputs[step.name] = linked.outputs
        done.append(StepOutput(name=step.name, template=template, linked=linked, sampling=said))
    return MethodRun(name=method.name, steps=tuple(done))


@flow(name="prompt-chain", flow_run_name=named("question", "questions"))
def prompt_chain(
    question: str | None = None, questions: str | None = None, config: PromptChain = PromptChain()
) -> Outcome:
    """Put a question, or a table of them, to a model through chains of prompts, votes and trees, and compare them.

    Args:
        question: What the prompts are about.
        questions: Path of a jsonl file with question and answer a line, in place of one question.
        config: Methods, model, sampling.
    """
    with tracking.run("prompt-chain", config, question=question, questions=questions) as run:
        preflight(question, questions, config)
        problems = take_problems(question, questions, config.asking.limit, config.asking.answer)
        handles = {}
        for number, model in enumerate(chat_models_of(config)):
            with steps.label(f"model-{number}"):
                handles[model] = prepare_handle(model, one=questions is None)
        runs = [run_method(method, problems, handles, config) for method in methods_of(config)]
        judged = evaluate_replies(problems, runs, config.asking.answer)
        run.publish(problems=problems, judged=judged, **{done.name: done for done in runs})
        note = note_on(config.generator)
        page = chain_page(run, problems, runs, judged, list(handles.values()), (note, count_questions(questions)))
        told = asked_of(list(handles.values()), note)
        return run.outcome(told | chain_summary(problems, runs, judged, count_questions(questions)), page)
