"""Tasks of `chain`: the steps of a chain of prompts, votes, searches of thoughts."""

import os
from collections.abc import Sequence
from pathlib import Path

from configs.chain import AnswerKind, SmallModel, Tree, Vote
from configs.generators import LanguageModel, LocalModel, Sampling, for_one_question
from tasks.data.chains import (
    ModelCall,
    ModelCallsRef,
    Output,
    OutputSpec,
    OutputsRef,
    Problem,
    ProblemsRef,
    SmallModelFilesRef,
    StepResult,
    Thought,
    ThoughtsRef,
    counted,
)
from tasks.data.documents import Document, DocumentsRef
from tasks.data.prompts import GeneratorHandle, Template
from tasks.errors import ContractError, DataError
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.text.prompts import places_of

LIBRARIES = ("torch", "transformers", "tokenizers")


def take_problems(
    question: str | None, questions: str | None, limit: int | None, answer: AnswerKind = "text"
) -> ProblemsRef:
    """Store what is asked: one question, or those of a file. Never looked up, always read.

    Raises:
        ContractError: Neither is given, or both.
        DataError: The file cannot be read.
    """
    from tasks.chain.problems import read_problems

    if (question is None) == (questions is None):
        given = "neither question nor questions is" if question is None else "both question and questions are"
        raise ContractError(f"{given} given; give one of them")
    if questions is not None:
        return objects.save_rows(
            ProblemsRef, Problem, read_problems(Path(os.path.expanduser(questions)), limit, answer)
        )
    if not str(question).strip():
        raise ContractError("the question is empty; give a question")
    return objects.save_rows(ProblemsRef, Problem, [Problem(str(question), "")])


def count_questions(questions: str | None) -> int:
    """Return how many questions a table has, those beyond a limit too; 1 where one is asked."""
    if questions is None:
        return 1
    return sum(bool(line.strip()) for line in Path(os.path.expanduser(questions)).read_text("utf-8").splitlines())


def validate_check(output_spec: OutputSpec, where: str) -> None:
    """Check that what an output must be can be checked.

    Raises:
        ContractError: It cannot.
    """
    from tasks.chain.checks import usable

    usable(output_spec.check, where)


def make_handle(config: LanguageModel, *, one: bool = False) -> GeneratorHandle:
    """Say who speaks, without loading a model.

    Args:
        config: The model.
        one: Whether the run puts one question at a time.

    Raises:
        FlowError: The model is not here, or cannot be run here.
    """
    config = for_one_question(config) if one else config
    return GeneratorHandle(generator=generators.describe(config), config=config)


def make_small_handle(made: SmallModelFilesRef, *, one: bool = False) -> GeneratorHandle:
    """Say that a small model that was just made speaks."""
    return make_handle(LocalModel(model=str(objects.path(made)), precision="fp32", device="cpu"), one=one)


@step(name="chain-make", libraries=LIBRARIES)
def make_small(documents: DocumentsRef, config: SmallModel) -> SmallModelFilesRef:
    """Train a small causal model with a chat template on texts.

    Args:
        documents: The texts.
        config: Sizes and training.
    """
    from tasks.models.tiny import make_small_model

    text = " ".join(" ".join(document.text.split()) for document in objects.load_rows(documents, Document))
    losses = []
    made = objects.save_files(
        SmallModelFilesRef, lambda folder: losses.append(make_small_model(text, config, folder)), shape=(1,)
    )
    steps.log_metrics(loss=losses[0])
    return made


@step(name="chain-link", run_name="chain-link {template.name}", device_of=("handle",))
def chain_link(
    template: Template,
    problems: ProblemsRef,
    given: dict[str, OutputsRef],
    handle: GeneratorHandle,
    sampling: Sampling,
    output_spec: OutputSpec,
) -> StepResult:
    """Put one prompt of a chain for every problem; check what comes, and repair it once.

    Args:
        template: The prompt.
        problems: N problems.
        given: Outputs of earlier steps, by name; only those the prompt has a place for count.
        handle: Who is asked.
        sampling: How replies are drawn.
        output_spec: What an output must be.
    """
    from tasks.chain.link import run_link

    values = _values(problems, given)
    # fix=False: the check below asks again
    ask = client.replies(handle.generator, sampling, handle.config, fix=False).watched_by(progress)
    outputs, calls = run_link(template, values, replies=ask, check=output_spec.check, repair=output_spec.repair)
    return _linked(outputs, calls, output_spec.most_invalid, template.name)


@step(name="chain-vote", run_name="chain-vote samples={config.samples}", device_of=("handle",))
def chain_vote(
    template: Template,
    problems: ProblemsRef,
    handle: GeneratorHandle,
    sampling: Sampling,
    config: Vote,
    reading: tuple[AnswerKind, float],
) -> StepResult:
    """Ask every problem several times, and let the answers vote.

    Args:
        template: The prompt.
        problems: N problems.
        handle: Who is asked.
        sampling: How replies are drawn, temperature apart.
        config: How many, how different.
        reading: How an answer is read, and the share of problems that may go without.
    """
    from tasks.chain.vote import run_vote

    warm = sampling.model_copy(update={"temperature": config.temperature})
    ask = client.replies(handle.generator, warm, handle.config).watched_by(progress)
    values = [{"question": p.question} for p in objects.load_rows(problems, Problem)]
    outputs, calls = run_vote(template, values, replies=ask, samples=config.samples, kind=reading[0])
    return _linked(outputs, calls, reading[1], template.name)


@step(name="chain-tree", run_name="chain-tree breadth={config.breadth} depth={config.depth}", device_of=("handle",))
def chain_tree(
    templates: tuple[Template, Template, Template],
    problems: ProblemsRef,
    handle: GeneratorHandle,
    sampling: Sampling,
    config: Tree,
    reading: tuple[AnswerKind, float],
) -> StepResult:
    """Search thoughts about every problem, and answer from the best.

    Args:
        templates: Prompts for a thought, for its score, and for the answer.
        problems: N problems.
        handle: Who is asked.
        sampling: How replies are drawn, temperature of thoughts apart.
        config: Size of the tree.
        reading: How an answer is read, and the share of problems that may go without.
    """
    from tasks.chain.tree import Ways, run_tree

    warm = sampling.model_copy(update={"temperature": config.temperature})
    drawn = client.replies(handle.generator, warm, handle.config).watched_by(progress)
    greedy = client.replies(handle.generator, sampling, handle.config).watched_by(progress)
    ways = Ways(*templates, breadth=config.breadth, depth=config.depth, proposals=config.proposals)
    questions = [p.question for p in objects.load_rows(problems, Problem)]
    outputs, calls, thoughts = run_tree(questions, ways, drawn=drawn, greedy=greedy, kind=reading[0])
    steps.log_metrics(unscored=sum(t.score < 0 for t in thoughts), thoughts=len(thoughts))
    return _linked(outputs, calls, reading[1], templates[2].name, thoughts)


def needed(template: Template, given: dict[str, OutputsRef]) -> dict[str, OutputsRef]:
    """Return the earlier outputs a prompt has a place for."""
    places = places_of(template)
    return {name: outputs for name, outputs in given.items() if name in places}


def _values(problems: ProblemsRef, given: dict[str, OutputsRef]) -> list[dict[str, str] | None]:
    """Return what fills the places of each problem; None where an earlier step has no valid output."""
    earlier = {name: objects.load_rows(outputs, Output) for name, outputs in given.items()}
    values: list[dict[str, str] | None] = []
    for row, problem in enumerate(objects.load_rows(problems, Problem)):
        lost = any(outputs[row].wrong for outputs in earlier.values())
        mine = {name: outputs[row].text for name, outputs in earlier.items()}
        values.append(None if lost else {"question": problem.question, **mine})
    return values


def _linked(
    outputs: Sequence[Output],
    calls: Sequence[ModelCall],
    most_invalid: float,
    name: str,
    thoughts: Sequence[Thought] = (),
) -> StepResult:
    """Keep what a step gave.

    Raises:
        DataError: More problems than allowed have no valid output.
    """
    wrong = [output.wrong for output in outputs if output.wrong]
    steps.log_metrics(**counted(calls), invalid=len(wrong))
    if len(wrong) > most_invalid * len(outputs):
        raise DataError(
            f"prompt {name!r} has no valid output for {len(wrong)} of {len(outputs)} questions, first: {wrong[0]}; "
            "change prompt, check or model, or raise asking.most_invalid"
        )
    return StepResult(
        outputs=objects.save_rows(OutputsRef, Output, outputs),
        calls=objects.save_rows(ModelCallsRef, ModelCall, calls),
        thoughts=objects.save_rows(ThoughtsRef, Thought, thoughts) if thoughts else None,
    )
