"""Tasks of `generate` in which a language model writes."""

from collections.abc import Sequence

from configs.generate import Generated
from tasks.data.answers import Answer, AnswersRef
from tasks.data.documents import Document, Passage
from tasks.data.messages import Generator
from tasks.data.prompts import Template
from tasks.data.search import Generation, Hit, HitsRef, QueriesRef, Query
from tasks.generate.task import load_answers, with_copies
from tasks.models.generators.base import Spent
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects


def describe_generator(config: Generated) -> Generator:
    """Describe what writes answers, without loading it.

    Raises:
        FlowError: It is not here.
    """
    from tasks.models.generators import load as generators

    return generators.describe(config.generator)


@step(
    name="generate-grounded",
    run_name="generate-grounded passages={config.quote.passages}",
    libraries=("torch", "transformers", "llguidance"),
    device_of=("generator",),
)
def answer_grounded(
    collection: Generation,
    hits: HitsRef,
    answers: AnswersRef,
    generator: Generator,
    prompt: Template,
    config: Generated,
) -> AnswersRef:
    """Let a model answer what was not withheld, from the same passages; check what it says against what it cites.

    Args:
        collection: Where the passages come from.
        hits: Passages found for each question.
        answers: Quoted for each question, and withheld where nothing answers it.
        generator: What writes.
        prompt: What it is told; its words count, not its name.
        config: How it is asked.
    """
    from tasks.generate.answering import AnswerSettings, ground_answers
    from tasks.models.generators import client

    found = [hit for hit in objects.load_rows(hits, Hit) if hit.rank <= config.quote.passages]
    passages = objects.rows_at(collection.passages, Passage, (hit.passage for hit in found))
    documents = objects.rows_at(collection.documents, Document, (p.row for p in passages.values()))
    ask = client.replies(generator, config.sampling, config.generator).watched_by(progress)
    asking = AnswerSettings(
        ask,
        client.text_counter(config.generator),
        prompt,
        client.prompt_budget(generator, config.sampling, config.prompt_tokens),
        config.citations == "constrained",
        config.unsupported == "show",
    )
    made = ground_answers(load_answers(answers), found, passages, documents, asking)
    made = with_copies(made, collection, documents)
    steps.log_metrics(unsupported=sum(a.unsupported for a in made), quoted=sum(bool(a.quoted) for a in made))
    return _saved(made, ask.spent)


@step(name="generate-closed-book", libraries=("torch", "transformers", "llguidance"), device_of=("generator",))
def answer_closed_book(queries: QueriesRef, generator: Generator, prompt: Template, config: Generated) -> AnswersRef:
    """Let a model answer questions without any passage.

    Args:
        queries: Q questions.
        generator: What writes.
        prompt: What it is told; its words count, not its name.
        config: How it is asked.
    """
    from tasks.generate import answering
    from tasks.models.generators import client

    ask = client.replies(generator, config.sampling, config.generator).watched_by(progress)
    made = answering.answer_closed_book([query.text for query in objects.load_rows(queries, Query)], ask, prompt)
    return _saved(made, ask.spent)


def _saved(made: Sequence[Answer], spent: Spent) -> AnswersRef:
    """Save answers that a model wrote, and keep what they took."""
    steps.log_metrics(
        questions=len(made), abstained=sum(bool(a.abstained) for a in made),
        truncated=spent.truncated, repeated=spent.repeated, completion_tokens=spent.completion_tokens,
        prompt_tokens=spent.prompt_tokens, saved_tokens=spent.saved_tokens, reasoned=spent.reasoned,
        refused=spent.refused, estimated=spent.estimated,
    )  # fmt: skip
    return objects.save_json(AnswersRef, [a.model_dump(mode="json") for a in made], rows=len(made))
