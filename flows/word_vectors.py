"""Word vectors: what words, or items, are near each other, and what comes next in a list.

Here:          python -m flows word-vectors source.kind=files source.path=~/notes ask.words='["roof"]'
Of lists:      python -m flows word-vectors @playlists events.path=plays.csv events.item=song
From a file:   python -m flows word-vectors vectors=glove.txt ask.analogies='["king - man + woman"]'
On a worker:   prefect deployment run 'word-vectors/word-vectors'
"""

from prefect import flow

from configs.embed import Embed
from configs.flows import WordVectors
from configs.ingest import Events, PythonDocs, Source
from configs.word2vec import Senses
from tasks.data.models import Fingerprint
from tasks.data.run import Outcome
from tasks.data.words import Learned
from tasks.embed import describe_encoder
from tasks.errors import ContractError, ModelError
from tasks.evaluate import evaluate_ways
from tasks.ingest import ingest_documents, ingest_events, list_event_files, list_items
from tasks.report.names import named
from tasks.report.word_vectors import word_page, word_summary
from tasks.runtime import steps, tracking
from tasks.word2vec import (
    compare_senses,
    cut_sentences_into_words,
    describe_vectors,
    find_neighbours,
    predict_next,
    read_trained_vectors,
    recommend_items,
    show_pairs,
    split_lists,
    train_vectors,
)


def preflight(
    source: Source | None = None,
    events: Events | None = None,
    vectors: str | None = None,
    after: list[str] | None = None,
    config: WordVectors = WordVectors(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: More than one of source, events and vectors is given, what is given is not there, items to go on
            from are given without events, or the encoder gives tokens no vectors.
    """
    given = [
        name for name, value in (("source", source), ("events", events), ("vectors", vectors)) if value is not None
    ]
    if len(given) > 1:
        raise ContractError(f"{' and '.join(given)} are given but vectors come from one of them; leave the others out")
    if after and events is None:
        raise ContractError(f"after names {len(after)} items but there are no events to learn from; give events.path")
    if events is not None:
        list_event_files(events)
    elif vectors is not None:
        describe_vectors(vectors)
    else:
        list_items(source or PythonDocs())
    if config.senses is not None:
        encoder_of(config.senses)


def encoder_of(config: Senses) -> Fingerprint:
    """Return the encoder that gives a word its vectors in sentences.

    Raises:
        ModelError: It is not here, or has no layers.
    """
    found = describe_encoder(Embed(model=config.model, precision="fp32", device="cpu"))
    if found.encoder.architecture != "transformer":
        raise ModelError(
            f"{config.model} is a {found.encoder.architecture} encoder but one whose vectors depend on the sentence "
            "was needed; set senses.model to one, or senses=null"
        )
    return found


def learn(source: Source | None, events: Events | None, vectors: str | None, config: WordVectors) -> Learned:
    """Return vectors, read or trained; of lists of events also how well they predict what was held back."""
    if vectors is not None:
        return Learned(vectors=read_trained_vectors(describe_vectors(vectors)))
    if events is None:
        wanted, counts_budget = source or PythonDocs(), describe_encoder(Embed()).encoder
        documents = ingest_documents(list_items(wanted), wanted, config.ingest, counts_budget).documents
        lines = cut_sentences_into_words(documents)
        return Learned(lines=lines, vectors=train_vectors(lines, config.train))
    lists = ingest_events(list_event_files(events), events, config.ingest)
    learned = train_vectors(split_lists(lists.lines, config.recommend), config.train)
    predicted = predict_next(lists.lines, learned, config.train, config.recommend)
    with steps.label("next_items"):
        judged = evaluate_ways(predicted.scores, config.recommend.resamples, config.train.seed)
    return Learned(lines=lists.lines, names=lists.names, vectors=learned, predicted=predicted, judged=judged)


@flow(name="word-vectors", flow_run_name=named("events", "vectors", "source"))
def word_vectors(
    source: Source | None = None,
    events: Events | None = None,
    vectors: str | None = None,
    after: list[str] | None = None,
    config: WordVectors = WordVectors(),
) -> Outcome:
    """Learn or read vectors of words or items, ask them for neighbours, sums and what comes next.

    Args:
        source: Where sentences come from, if neither events nor vectors are given; left out, Python's packages.
        events: Who chose what when; the lists of users are learned from, and their last items predicted.
        vectors: File of vectors that others have trained: word2vec or GloVe, text or binary.
        after: Items to recommend the next after; only with events.
        config: How vectors are learned, and what is asked of them.
    """
    with tracking.run("word-vectors", config, source=source, events=events, vectors=vectors, after=after) as run:
        preflight(source, events, vectors, after, config)
        learned = learn(source, events, vectors, config)
        near = find_neighbours(learned.vectors, config.ask)
        pairs = show_pairs(learned.vectors, config.ask.pairs_of, config.train)
        following = recommend_items(learned.vectors, after, config.train, config.recommend) if after else None
        senses = told = None
        if config.senses is not None:
            senses = compare_senses(encoder_of(config.senses), config.senses)
            with steps.label("senses"):
                told = evaluate_ways(senses.scores, config.recommend.resamples, config.train.seed)
        run.publish(learned=learned, neighbours=near, pairs=pairs, following=following, senses=senses, told=told)
        page = word_page(run, learned, (near, pairs, following), (senses, told), config)
        return run.outcome(word_summary(learned, near, following, told, config), page)
