"""Tokenizer report: what tokenizers make of a text, side by side, and whether each belongs to a model.

Here:          python -m flows tokenizer-report text='["English and CAPITALIZATION"]'
Of a source:   python -m flows tokenizer-report source.kind=files source.path=~/notes count.tokenizers='["gpt2"]'
On a worker:   prefect deployment run 'tokenizer-report/tokenizer-report'
"""

from prefect import flow

from configs.embed import Embed
from configs.flows import TokenizerReport
from configs.ingest import Source
from configs.samples import SAMPLES
from tasks.data.documents import DocumentsRef
from tasks.data.run import Outcome
from tasks.data.tokens import Vocabulary
from tasks.embed import describe_encoder
from tasks.errors import ContractError, ModelError
from tasks.ingest import ingest_documents, ingest_texts, list_items, name_of
from tasks.report.names import named
from tasks.report.tokenizer_report import tokenizer_page, tokenizer_summary
from tasks.runtime import steps, tracking
from tasks.tokenize import (
    check_fit,
    count_tokens,
    describe_tokenizers,
    describe_weights,
    show_tokens,
    train_tokenizer,
    trained_tokenizer,
)


def preflight(
    text: list[str] | None = None,
    source: Source | None = None,
    model: str | None = None,
    config: TokenizerReport = TokenizerReport(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: Texts and a source are both given, one cannot be read, or a tokenizer or the model is not here.
    """
    if text is not None and source is not None:
        raise ContractError("text and source are both given but one of them is read; leave one out")
    if text is not None:
        ingest_texts(text)
    if source is not None:
        list_items(source)
    describe_tokenizers(config.count.tokenizers)
    if config.count.trained is not None:
        list_items(config.count.trained.source)
    if model is not None:
        describe_weights(model)


def read_texts(
    text: list[str] | None, source: Source | None, config: TokenizerReport
) -> tuple[DocumentsRef, str | None]:
    """Return texts and the column that tells them apart; samples by language where none are given."""
    if text is not None:
        return ingest_texts(text), None
    if source is None:
        return ingest_texts(list(SAMPLES.values()), list(SAMPLES)), "group"
    counts_budget = describe_encoder(Embed()).encoder
    return ingest_documents(list_items(source), source, config.ingest, counts_budget).documents, config.count.group


def find_tokenizers(config: TokenizerReport) -> tuple[Vocabulary, ...]:
    """Return the tokenizers that are compared: those named, and the one that is trained in this run."""
    named, wanted = describe_tokenizers(config.count.tokenizers), config.count.trained
    if wanted is None:
        return named
    with steps.label("trained"):
        counts_budget = describe_encoder(Embed()).encoder
        read = ingest_documents(list_items(wanted.source), wanted.source, config.ingest, counts_budget)
    trained = train_tokenizer(read.documents, wanted.tokens)
    return (*named, trained_tokenizer(trained, f"BPE trained on {name_of(wanted.source, None)}"))


@flow(name="tokenizer-report", flow_run_name=named("text", "source"))
def tokenizer_report(
    text: list[str] | None = None,
    source: Source | None = None,
    model: str | None = None,
    config: TokenizerReport = TokenizerReport(),
) -> Outcome:
    """Show what tokenizers make of texts, side by side, and whether each belongs to a model.

    Args:
        text: Texts to cut.
        source: Where texts come from, if none are given; left out, one sentence in eleven languages and some signs.
        model: Id or folder of a model that every tokenizer is held against; left out, none.
        config: Which tokenizers, what is shown, when one fits.
    """
    with tracking.run("tokenizer-report", config, text=text, source=source, model=model) as run:
        preflight(text, source, model, config)
        documents, group = read_texts(text, source, config)
        tokenizers = find_tokenizers(config)
        counts = count_tokens(documents, tokenizers, group)
        pieces = show_tokens(documents, tokenizers, config.count.shown, config.count.shown_characters)
        weights = describe_weights(model) if model is not None else None
        fits = []
        for each in tokenizers:
            if weights is not None:
                with steps.label(each.name):
                    fits.append(check_fit(each, weights, config.fit.least_pairs, config.fit.least_score))
        run.publish(documents=documents, counts=counts, pieces=pieces)
        page = tokenizer_page(run, tokenizers, (documents, counts, pieces), fits, model, config.count)
        refused = [(each, fit) for each, fit in zip(tokenizers, fits, strict=False) if fit.verdict == "refused"]
        if refused and config.fit.refuse:
            each, fit = refused[0]
            raise ModelError(
                f"{each.name} does not fit {model}: {fit.reason}; take the model's own tokenizer. Report: {page}"
            )
        return run.outcome(tokenizer_summary(tokenizers, counts, pieces, fits, config, model), page)
