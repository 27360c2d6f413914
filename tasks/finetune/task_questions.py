"""The task of `finetune` in which a language model asks a question of each document."""

from configs.finetune_pairs import WrittenQuestions
from tasks.data.documents import Document, DocumentsRef, Rejected, RejectedRef
from tasks.data.pairs import PairTable, TextPair, TextPairsRef
from tasks.data.prompts import Prompting
from tasks.data.sampling import ResolvedSampling
from tasks.errors import DataError
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.text.prompts import Asker

PROMPT_TOKENS = 2_048  # a prompt has at most, whatever the model reads


def asking_by(form: WrittenQuestions) -> Prompting:
    """Say what asks questions, without loading it.

    Raises:
        FlowError: The model is not here, or the prompt lacks what it needs.
    """
    from tasks.finetune.questions import read_question_prompt

    return Prompting(generator=generators.describe(form.generator), prompt=read_question_prompt(form.prompt))


@step(name="finetune-ask", libraries=("torch", "transformers", "llguidance"), device_of=("asking",))
def ask_questions(documents: DocumentsRef, asking: Prompting, form: WrittenQuestions, seed: int) -> PairTable:
    """Let a language model ask a question of each document; those that cannot be used are rejected.

    Args:
        documents: What is asked about.
        asking: What asks, and what it is told.
        form: How many, and how long.
        seed: Draws documents where there are too many.

    Raises:
        DataError: No question can be used.
    """
    from tasks.finetune.questions import question_pairs

    sampling = ResolvedSampling(max_tokens=form.max_tokens)  # greedy, whatever the model states
    ask = client.replies(asking.generator, sampling, form.generator).watched_by(progress)
    budget = client.prompt_budget(asking.generator, sampling, PROMPT_TOKENS)
    asker = Asker(ask, client.text_counter(form.generator), budget, asking.prompt)
    pairs, rejected = question_pairs(objects.load_rows(documents, Document), asker, form, seed)
    spent = ask.spent
    steps.log_metrics(
        rows=len(pairs), rejected=len(rejected), prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens, saved_tokens=spent.saved_tokens,
    )  # fmt: skip
    if not pairs:
        raise DataError(f"none of {len(rejected)} questions can be used, the first {rejected[0].detail!r}; "
                        "name a larger model in examples.generator, or use sections")  # fmt: skip
    return PairTable(
        pairs=objects.save_rows(TextPairsRef, TextPair, pairs),
        rejected=objects.save_rows(RejectedRef, Rejected, rejected),
    )
