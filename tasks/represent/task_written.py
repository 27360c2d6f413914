"""Tasks of `represent` in which a language model names topics."""

from configs.represent import Labels, Written
from tasks.data.documents import DocumentsRef
from tasks.data.prompts import Prompting
from tasks.data.sampling import ResolvedSampling
from tasks.data.topic_names import WrittenNames
from tasks.data.topics import LabelsRef, NamedTopics, Topic, TopicsRef
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.represent.task import LANGUAGES, texts_of
from tasks.runtime import steps
from tasks.runtime.progress import progress
from tasks.runtime.steps import step
from tasks.store import objects


def naming_by(config: Written) -> Prompting:
    """Say what names topics, without loading it.

    Raises:
        FlowError: The model is not here, or the prompt lacks what it needs.
    """
    from tasks.represent.written import read_naming_prompt

    return Prompting(generator=generators.describe(config.generator), prompt=read_naming_prompt(config.prompt))


@step(
    name="represent-written",
    libraries=("PyStemmer", "scikit-learn", "torch", "transformers", "llguidance", *LANGUAGES),
    device_of=("naming",),
)
def write_topic_labels(
    documents: DocumentsRef, labels: LabelsRef, topics: TopicsRef, naming: tuple[Prompting, Written], config: Labels,
    language: str = "auto",
) -> NamedTopics:  # fmt: skip
    """Let a language model name topics; where its name does not stand the test, the name they have stays.

    Args:
        documents: N documents.
        labels: (N,) topic of each.
        topics: The topics, named by their own words.
        naming: What writes, and what it is shown.
        config: Who judges.
        language: Whose stop words and stems: auto, none or a code.
    """
    from tasks.represent.labels import label_measures
    from tasks.represent.written import Writer, write_labels

    prompting, written = naming
    sampling = ResolvedSampling(max_tokens=written.max_tokens)  # greedy, whatever the model states
    ask = client.replies(prompting.generator, sampling, written.generator).watched_by(progress)
    prompt_budget = client.prompt_budget(prompting.generator, sampling, written.prompt_tokens)
    writer = Writer(ask, client.text_counter(written.generator), prompt_budget, prompting.prompt, written)
    rows, given = objects.load_rows(topics, Topic), objects.load_array(labels)
    named, counted = write_labels(texts_of(documents), given, rows, writer, config, language)
    spent = ask.spent.prompt_tokens + ask.spent.completion_tokens
    names = WrittenNames(**counted, spent_tokens=spent, saved_tokens=ask.spent.saved_tokens)
    told = label_measures(named, config.min_support).model_copy(update={"written": names})
    steps.log_metrics(**told.stated())
    return NamedTopics(topics=objects.save_rows(TopicsRef, Topic, named), naming=told)
