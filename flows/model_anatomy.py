"""Model anatomy: what happens inside a causal model when it reads and writes, and what that costs.

Here:          python -m flows model-anatomy model=~/models/small prompt="Once upon a time"
Masks trained:  python -m flows model-anatomy model=~/models/small source.kind=files source.path=~/plays
On a worker:   prefect deployment run 'model-anatomy/model-anatomy' -p model=HuggingFaceTB/SmolLM2-135M
"""

from prefect import flow

from configs.embed import Embed
from configs.flows import ModelAnatomy
from configs.ingest import PythonDocs, Source
from tasks.data.anatomy import Anatomy, Causal
from tasks.data.documents import DocumentsRef
from tasks.data.run import Outcome
from tasks.data.tokens import TokenizerFit
from tasks.embed import describe_encoder
from tasks.errors import ContractError, ModelError
from tasks.ingest import ingest_documents, ingest_texts, list_items, name_of
from tasks.inspect import (
    check_cache,
    check_positions,
    cost_by_length,
    describe_causal,
    follow_steps,
    list_stages,
    made_causal,
    make_small,
    map_attention,
    prompt_tokens,
    reply_and_continue,
    train_under_masks,
    try_masks,
)
from tasks.report.model_anatomy import anatomy_page, anatomy_summary
from tasks.report.names import named
from tasks.runtime import tracking
from tasks.tokenize import check_fit, describe_tokenizers, describe_weights


def preflight(
    model: str | None = None,
    prompt: str = "The capital of France is",
    source: Source | None = None,
    config: ModelAnatomy = ModelAnatomy(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The prompt cannot be read, the model is not here, or the source is not there.
    """
    ingest_texts([prompt])
    if config.small.width % (2 * config.small.heads):
        raise ContractError(
            f"small.width is {config.small.width} and small.heads {config.small.heads} but each head needs an even "
            "share; change one"
        )
    if model is not None:
        describe_causal(model)
    if model is None or source is not None:
        list_items(source or PythonDocs())


def read_source(source: Source | None, model: str | None, config: ModelAnatomy) -> DocumentsRef | None:
    """Return the text that small models are trained on; None where a model is named and no source."""
    if source is None and model is not None:
        return None
    wanted, counts_budget = source or PythonDocs(), describe_encoder(Embed()).encoder
    return ingest_documents(list_items(wanted), wanted, config.ingest, counts_budget).documents


def choose_model(
    model: str | None, documents: DocumentsRef | None, source: Source | None, config: ModelAnatomy
) -> tuple[Causal, TokenizerFit | None]:
    """Return the model that is named, and whether its tokenizer is its own; else a small one trained on the text.

    Raises:
        ModelError: The tokenizer has numbers that the model's table does not.
    """
    if model is None and documents is not None:
        made = make_small(documents, config.small)
        return made_causal(made, f"a small model of {name_of(source or PythonDocs(), None)}"), None
    named = str(model)
    (tokenizer,) = describe_tokenizers([named])
    weights = describe_weights(named).model_copy(update={"beside": None})
    fit = check_fit(tokenizer, weights, config.fit.least_pairs, config.fit.least_score)
    if fit.verdict == "refused" and (fit.evidence == "table" or config.fit.refuse):
        raise ModelError(
            f"the tokenizer in {named} is another model's: {fit.reason}; restore its own, or set fit.refuse=false "
            "for a model that is not trained"
        )
    return describe_causal(named), fit


@flow(name="model-anatomy", flow_run_name=named("model", "source"))
def model_anatomy(
    model: str | None = None,
    prompt: str = "The capital of France is",
    source: Source | None = None,
    config: ModelAnatomy = ModelAnatomy(),
) -> Outcome:
    """Look inside a causal model while it reads and writes, and measure what that costs.

    Args:
        model: Id or folder of a causal model; left out, a small one is trained on the source.
        prompt: What it reads and continues.
        source: Text that small models are trained on, one for each mask; left out beside a model, none are.
        config: What is looked at.
    """
    with tracking.run("model-anatomy", config, model=model, prompt=prompt, source=source) as run:
        preflight(model, prompt, source, config)
        documents = read_source(source, model, config)
        causal, fit = choose_model(model, documents, source, config)
        reading, replying = config.reading, config.replying
        seen = Anatomy(
            causal=causal,
            fit=fit,
            stages=list_stages(causal, prompt, reading),
            steps=follow_steps(causal, prompt, reading),
            attention=map_attention(causal, prompt, reading),
            masks=try_masks(causal, prompt, reading),
            reply=reply_and_continue(causal, prompt, reading, replying),
            cache=check_cache(causal, prompt, reading, replying),
            cost=cost_by_length(causal, prompt, reading, replying),
            positions=check_positions(causal, prompt, reading),
            runs=train_under_masks(documents, config.small) if documents is not None and config.small.masks else None,
        )
        run.publish(documents=documents, seen=seen)
        page = anatomy_page(run, seen, prompt, prompt_tokens(causal, prompt, reading), config)
        return run.outcome(anatomy_summary(seen, config), page)
