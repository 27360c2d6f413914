"""Tasks of `word2vec`: learn or read vectors of words and items, ask them, predict with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from configs.word2vec import Recommended, Related, Senses, Word2Vec
from tasks.data import digests
from tasks.data.documents import Document, DocumentsRef
from tasks.data.evaluation import Scored, ScoresRef
from tasks.data.models import Fingerprint
from tasks.data.words import (
    FileOfVectors,
    Line,
    LinesRef,
    Neighbour,
    NeighboursRef,
    Pair,
    PairsRef,
    Predicted,
    SensePoint,
    SensesFound,
    SensesRef,
    WordVectorsRef,
)
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects
from tasks.word2vec.files import checked_file
from tasks.word2vec.train import Floats, TrainedVectors

GENSIM = ("gensim", "numpy")


def describe_vectors(name: str) -> FileOfVectors:
    """Say what vectors are read from, by name and digest.

    Raises:
        DataError: It is not there, or is of a kind that is never read.
    """
    path = checked_file(name)
    return FileOfVectors(path=str(path), digest=digests.of_path(path))


@step(name="word2vec-sentences")
def cut_sentences_into_words(documents: DocumentsRef) -> LinesRef:
    """Cut documents into sentences, and those into words in lower case.

    Args:
        documents: What is cut.
    """
    from tasks.text.scripts import compounds
    from tasks.text.sentences import sentences

    lines = [
        Line(f"{d.id}#{number}", tuple(word.lower() for word in compounds(d.text[start:end])))
        for d in objects.load_rows(documents, Document)
        for number, (start, end) in enumerate(sentences(d.text))
    ]
    kept = [line for line in lines if line.words]
    steps.log_metrics(sentences=len(kept), words=sum(len(line.words) for line in kept))
    return objects.save_rows(LinesRef, Line, kept)


@step(name="word2vec-train", run_name="word2vec-train {config.vector_size}d window={config.window}", libraries=GENSIM)
def train_vectors(lines: LinesRef, config: Word2Vec) -> WordVectorsRef:
    """Learn a vector for every word of sentences, or every item of lists.

    Args:
        lines: Sentences, or lists.
        config: Sizes, window, negatives, passes, seed.
    """
    from tasks.word2vec.train import train_word2vec

    return _saved(train_word2vec([line.words for line in objects.load_rows(lines, Line)], config))


@step(name="word2vec-read", libraries=GENSIM)
def read_trained_vectors(file: FileOfVectors) -> WordVectorsRef:
    """Read vectors that others have trained.

    Args:
        file: Where they are.
    """
    from tasks.word2vec.files import read_vectors

    return _saved(read_vectors(Path(file.path)))


@step(name="word2vec-neighbours", libraries=("numpy",))
def find_neighbours(vectors: WordVectorsRef, config: Related) -> NeighboursRef:
    """Find the nearest words of words, and of sums of words.

    Args:
        vectors: Words and vectors.
        config: Which words and sums, and how many neighbours.
    """
    from tasks.word2vec.near import neighbours_of, solve_analogies

    known = _loaded(vectors)
    words = config.words or tuple(known.words[at] for at in range(20, min(len(known.words), 120), 20))
    found = neighbours_of(known, words or known.words[:5], config.neighbours, config.said)
    found += solve_analogies(known, config.analogies, config.neighbours, config.said)
    steps.log_metrics(unknown=sum(row.rank == 0 for row in found))
    return objects.save_rows(NeighboursRef, Neighbour, found)


@step(name="word2vec-pairs", libraries=("numpy",))
def show_pairs(vectors: WordVectorsRef, line: str, config: Word2Vec) -> PairsRef:
    """Show what training sees of one sentence: words, neighbours, and words drawn at random.

    Args:
        vectors: Words that can be drawn.
        line: The sentence, or items with blanks between.
        config: Window, negatives, their exponent, seed.
    """
    from tasks.word2vec.train import training_pairs

    return objects.save_rows(PairsRef, Pair, training_pairs(line.lower().split(), _loaded(vectors), config))


@step(name="word2vec-split", run_name="word2vec-split {config.split}")
def split_lists(lines: LinesRef, config: Recommended) -> LinesRef:
    """Take away what lists are judged by, so that it is not trained on.

    Args:
        lines: Lists in the order of time.
        config: Which items are held back.
    """
    from tasks.word2vec.recommend import hold_out

    rows = objects.load_rows(lines, Line)
    train, held = hold_out(rows, split=config.split, least_items=config.least_items)
    steps.log_metrics(lists=len(rows), judged=len(held))
    return objects.save_rows(
        LinesRef, Line, [Line(r.id, words) for r, words in zip(rows, train, strict=True) if words]
    )


@step(name="word2vec-predict", libraries=("numpy",))
def predict_next(lines: LinesRef, vectors: WordVectorsRef, train: Word2Vec, config: Recommended) -> Predicted:
    """Predict the item of each list that was held back, by word2vec, popularity and chance.

    Args:
        lines: Lists in the order of time, whole.
        vectors: Trained on what was not held back.
        train: How.
        config: What is recommended, and judged.
    """
    from tasks.word2vec.recommend import hold_out, score_lists

    known = _loaded(vectors)
    _, held = hold_out(objects.load_rows(lines, Line), split=config.split, least_items=config.least_items)
    scored = list(score_lists(known, held, config, train.ns_exponent, train.seed))
    unknown = sum(one.next not in known.places for one in held)
    steps.log_metrics(lists=len(held), items=len(known.words), unknown=unknown)
    return Predicted(
        scores=objects.save_rows(ScoresRef, Scored, scored), lists=len(held), items=len(known.words), unknown=unknown
    )


@step(name="word2vec-recommend", libraries=("numpy",))
def recommend_items(
    vectors: WordVectorsRef, before: Sequence[str], train: Word2Vec, config: Recommended
) -> NeighboursRef:
    """Recommend items after some; of none that is known the popular ones, and that is said.

    Args:
        vectors: Trained on lists.
        before: Items, in order.
        train: How.
        config: How many.
    """
    from tasks.word2vec.recommend import recommend

    known = _loaded(vectors)
    asked = " ".join(before)
    rows = [Neighbour(asked, 0, f"{item!r} has no vector and is ignored", 0.0) for item in before
            if item not in known.places]  # fmt: skip
    if len(rows) == len(before):
        rows.append(Neighbour(asked, 0, "no item is known; the most popular items are shown", 0.0))
    best = recommend(known, before, config, train.ns_exponent)
    rows += [Neighbour(asked, rank, item, score) for rank, (item, score) in enumerate(best, start=1)]
    return objects.save_rows(NeighboursRef, Neighbour, rows)


@step(name="word2vec-senses", libraries=("tokenizers", "torch", "numpy"), device_of=("encoder",))
def compare_senses(encoder: Fingerprint, config: Senses) -> SensesFound:
    """Compare a word's one static vector with those it has in sentences: do they tell its senses apart?

    Args:
        encoder: Its first layer's table gives the static vector, its last layer the contextual ones.
        config: The word, its sentences and their senses.
    """
    from tasks.word2vec.senses import flat_map, told_apart

    senses = [one.sense for one in config.sentences]
    points, scored = [], []
    for way, rows in zip(("contextual", "static"), _in_sentences(encoder, config), strict=True):
        flat, chances = flat_map(rows), told_apart(rows, senses)
        for number, (one, place, chance) in enumerate(zip(config.sentences, flat, chances, strict=True)):
            points.append(SensePoint(way, one.sense, one.text, float(place[0]), float(place[1])))
            scored.append(Scored(str(number), way, "senses separated", chance))
    return SensesFound(
        points=objects.save_rows(SensesRef, SensePoint, points), scores=objects.save_rows(ScoresRef, Scored, scored)
    )


def _in_sentences(encoder: Fingerprint, config: Senses) -> tuple[Floats, Floats]:
    """Return the word's (N, D) contextual and static vectors, unit length, a row a sentence."""
    from tasks.models.encoders.tokens import TokenEngine
    from tasks.vectors.arithmetic import normalise
    from tasks.word2vec.senses import word_token

    engine = TokenEngine(encoder)
    texts = [one.text for one in config.sentences]
    states = engine.vectors(texts, "")
    own = engine.engine.tokenised(texts)
    contextual, static = [], []
    table = engine.forward.model.get_input_embeddings().weight.detach().float().cpu().numpy()
    for text, state, encoding in zip(texts, states, own, strict=True):
        known = [at for at, special in enumerate(encoding.special_tokens_mask) if not special]
        places = word_token(text, config.word, [encoding.offsets[at] for at in known])
        contextual.append(state[places].mean(axis=0))
        static.append(table[[encoding.ids[known[place]] for place in places]].mean(axis=0))
    return normalise(np.array(contextual)), normalise(np.array(static))


def _saved(made: TrainedVectors) -> WordVectorsRef:
    from tasks.word2vec.files import write_files

    steps.log_metrics(words=len(made.words), vector_size=made.vectors.shape[1])
    return objects.save_files(WordVectorsRef, lambda folder: write_files(made, folder), shape=made.vectors.shape)


def _loaded(ref: WordVectorsRef) -> TrainedVectors:
    from tasks.word2vec.files import read_files

    return read_files(objects.path(ref))
