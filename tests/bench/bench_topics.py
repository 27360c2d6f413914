"""Topics against `BERTopic().fit_transform` as it comes, on the same vectors: speed, quality, memory, in one run.

Needs the folder named by `LLM_FLOWS_DATA`: abstracts of arXiv, title before each, drawn at random. `SIZES` in the
environment names other numbers of documents (6000 by default; 25000 encodes for half an hour), `VECTORS` a file of
vectors of the drawn abstracts, so that they are encoded once. Time and memory are followed over all of `GROWTH` that
there are vectors for. A refresh has a twentieth of new documents: abstracts, a planted theme, and what is no language.
Last, banking77: what a label for one text a topic is worth, against labels of random texts.
"""

import gzip
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.flows import TopicModel, Topics
from configs.models import EMBEDDED
from configs.reduce import Umap
from tasks.cluster.core import hdbscan_clusters, least_size
from tasks.cluster.identity import State, match_topics, stay
from tasks.data.evaluation import Measure
from tasks.data.topics import Topic
from tasks.evaluate.topics import judge_clusters, judge_words, stability, tokens_of
from tasks.models.encoders import load as encoders
from tasks.reduce.core import neighbour_graph, umap_layout
from tasks.reduce.linear import principal_axes
from tasks.represent.counts import count_words, stop_words, without_wordless
from tasks.represent.finding import places_of
from tasks.represent.labels import label_measures, label_topics
from tasks.represent.words import put_into_words
from tasks.vectors.arithmetic import centres_of
from tests.bench.labelled import Labels, banking77
from tests.bench.pairs import at_least, forget_peak, peak, plain, python

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
ROUNDS, MANY = 3, 10_000  # of so many documents one round, and no other seeds
JUDGED = 3_000  # documents coherence is counted in
SEEDS = 5
GROWTH = (3_000, 6_000, 12_000, 25_000)
DRAWS, REFRESHED = 20, 6_000
THEME, PLANTED, RUBBISH = "passcode_forgotten", 40, 20
WORDS = 10
ASKED = "topic modeling"


def measure() -> list[dict[str, Any]]:
    """Return speed, quality and memory at every size."""
    if (folder := os.environ.get("LLM_FLOWS_DATA")) is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with arxiv")
        return []
    sizes = [int(size) for size in os.environ.get("SIZES", "6000").split(",")]
    texts = abstracts(Path(folder), max(sizes))
    vectors = encoded(texts)
    rows = [row for size in sizes for row in _at(texts[:size], vectors[:size])]
    requests = banking77(Path(folder))
    theme = [text for text, label in requests.train if label == THEME][:PLANTED]
    rows += refreshed(texts[:REFRESHED], vectors[:REFRESHED], theme)
    return rows + _growth(texts, vectors) + labels_of_one_each(requests)


def abstracts(data: Path, count: int) -> list[str]:
    """Return titles and abstracts, the same ones whenever so many are drawn."""
    with gzip.open(next((data / "arxiv").glob("*.jsonl.gz")), "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    order = np.random.default_rng(0).permutation(len(rows))[:count]
    return [f"{rows[i]['title']}\n{rows[i]['summary']}" for i in order]


def encoded(texts: Sequence[str]) -> Floats:
    """Return the vectors of texts, those of the file `VECTORS` where it is given."""
    if (path := os.environ.get("VECTORS")) is not None and Path(path).exists():
        known: Floats = np.load(path, allow_pickle=False)
        if len(known) >= len(texts):
            return known[: len(texts)]
    vectors = encoders.engine(encoders.fingerprint(EMBEDDED, "auto", "cpu")).encode(texts)
    if path is not None:
        np.save(path, vectors, allow_pickle=False)
    return vectors


def ours(texts: Sequence[str], vectors: Floats, config: Topics) -> tuple[Floats, Ints, list[Topic]]:
    """Return points, topics of the documents, and the topics in words, as `topic-model` makes them."""
    assert isinstance(config.reduce, Umap)
    near = principal_axes(vectors, config.reduce.pca or vectors.shape[1])
    points = umap_layout(vectors, neighbour_graph(near, config.reduce.n_neighbors), config=config.reduce)
    size = least_size(len(texts), config.scale)
    found = hdbscan_clusters(points, min_cluster_size=size, min_samples=5).labels
    counts = count_words(texts, config.represent.min_documents)
    labels = without_wordless(counts, found, config.min_word_share)
    return points, labels, put_into_words(counts, labels, vectors, config.represent)


def theirs(texts: Sequence[str], vectors: Floats) -> tuple[Any, Ints]:
    """Return the model, and topics of the documents."""
    from bertopic import BERTopic

    model = BERTopic()
    topics, _ = model.fit_transform(list(texts), np.asarray(vectors))
    return model, np.array(topics)


def _at(texts: Sequence[str], vectors: Floats) -> list[dict[str, Any]]:
    size, config = f"{len(texts):,}", Topics()
    rows = _first_call(texts, vectors, size)
    seconds: tuple[list[float], list[float]] = ([], [])
    ways = (lambda: ours(texts, vectors, config), lambda: theirs(texts, vectors))
    made, model = ways[0](), ways[1]()  # compiles
    for _ in range(ROUNDS if len(texts) < MANY else 1):
        for times, work in zip(seconds, ways, strict=True):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
    warm = float(np.median(seconds[1]) / np.median(seconds[0]))
    rows += [
        plain(f"{size} abstracts: ours, warm", float(np.median(seconds[0])), "s"),
        plain(f"{size} abstracts: BERTopic, warm", float(np.median(seconds[1])), "s"),
        at_least(f"{size} abstracts: times as fast as BERTopic, warm", warm, "times", 1.5),
        plain(f"{size} abstracts: most memory", peak() / 1_000, "GB"),
    ]
    return rows + _quality(texts, vectors, made, model)


def _quality(texts: Sequence[str], vectors: Floats, made: Any, model: Any) -> list[dict[str, Any]]:
    size, (points, labels, topics), (bertopic, their_labels) = f"{len(texts):,}", made, model
    drawn = np.random.default_rng(0).choice(len(texts), min(JUDGED, len(texts)), replace=False)
    tokens = [tokens_of(texts[row]) for row in sorted(drawn.tolist())]
    ours_words = [t.words[:WORDS] for t in topics if t.topic >= 0]
    their_words = [[w for w, _ in pairs if w][:WORDS] for t, pairs in bertopic.get_topics().items() if t >= 0]
    rows, values = [], {}
    judged = {"ours": (ours_words, labels, points)}
    judged["BERTopic"] = (their_words, their_labels, bertopic.umap_model.embedding_)
    for who, (words, found, at) in judged.items():
        measured = judge_words(words, tokens, what=who, resamples=1_000, seed=0)
        measured += judge_clusters(at, found, what=who, resamples=1_000, seed=0)
        rows.append(plain(f"{size} abstracts: {who}, topics", float(len(words)), ""))
        stops = sum(word in stop_words() for topic in words for word in topic)
        rows.append(plain(f"{size} abstracts: {who}, stop words in top tens", float(stops), ""))
        rows += [_row(m, size) for m in measured]
        values |= {(who, m.name): m for m in measured}
    for name in ("NPMI", "C_V", "diversity"):
        gain = values["ours", name].value - values["BERTopic", name].value
        rows.append(at_least(f"{size} abstracts: {name}, ours minus BERTopic's", gain, "", 0.0))
    named = label_topics(texts, labels, topics, Topics().label)
    rows += [plain(f"{size} abstracts: labels, {k}", v, "") for k, v in label_measures(named, 0.7).stated().items()]
    stable = [_row(_stability(vectors), size)] if len(texts) < MANY else []
    return rows + _found(texts, vectors, labels, size) + stable


def _row(m: Measure, size: str) -> dict[str, Any]:
    interval = f" ({m.interval})" if m.interval else ""
    return plain(f"{size} abstracts: {m.what}, {m.name}{interval}", m.value, "")


def _found(texts: Sequence[str], vectors: Floats, labels: Ints, size: str) -> list[dict[str, Any]]:
    """Say how many of the abstracts with the words asked for in their title lie in the topic that is found."""
    query = encoders.engine(encoders.fingerprint(EMBEDDED, "fp32", "cpu")).encode([ASKED])
    place = places_of(query, vectors, labels, 1)[0]
    titles = [text.partition("\n")[0].lower().replace("modelling", "modeling") for text in texts]
    titled = [row for row, title in enumerate(titles) if ASKED in title]
    held = [int(labels[row]) for row in titled if labels[row] >= 0]
    most = max(set(held), key=held.count) if held else -1
    return [
        at_least(f"{size} abstracts: {ASKED!r} finds where its titles lie", float(place.topic == most), "", 1),
        plain(f"{size} abstracts: titles with {ASKED!r}, and those in the topic found", float(len(titled)), ""),
        plain(f"{size} abstracts: of these in the topic found", float(held.count(place.topic)), ""),
    ]  # fmt: skip


def _stability(vectors: Floats) -> Measure:
    """Return how much runs with other seeds over other orders agree."""
    runs = []
    for seed in range(SEEDS):
        order = np.random.default_rng(seed).permutation(len(vectors))
        config = Topics().reduce.model_copy(update={"seed": seed})
        assert isinstance(config, Umap)
        near = principal_axes(vectors[order], config.pca or vectors.shape[1])
        points = umap_layout(vectors[order], neighbour_graph(near, config.n_neighbors), config=config)
        found = hdbscan_clusters(points, min_cluster_size=least_size(len(vectors), 1.0), min_samples=5).labels
        runs.append(found[np.argsort(order)])
    return stability(runs, what="ours", resamples=1_000, seed=0)


def _first_call(texts: Sequence[str], vectors: Floats, size: str) -> list[dict[str, Any]]:
    """Compare the first call in a fresh process, imports and compilation included."""
    (ours_s, _), (theirs_s, _) = (_fresh(who, texts, vectors) for who in ("ours", "theirs"))
    return [
        plain(f"{size} abstracts: ours, first call in a process", ours_s, "s"),
        plain(f"{size} abstracts: BERTopic, first call in a process", theirs_s, "s"),
        at_least(f"{size} abstracts: times as fast, first call", theirs_s / ours_s, "times", 2.0),
    ]


def refreshed(texts: Sequence[str], vectors: Floats, theme: Sequence[str]) -> list[dict[str, Any]]:
    """Add a twentieth of new documents; say which keep their topic, and where a new theme and rubbish come to lie."""
    from tests.flows.test_topic_model import rubbish  # here, since a first call is timed with what is imported above

    new, before = [*theme, *rubbish(RUBBISH)], len(texts) - len(texts) // 20 + len(theme) + RUBBISH
    planted = encoders.engine(encoders.fingerprint(EMBEDDED, "auto", "cpu")).encode(new)
    every, where = [*texts, *new], np.concatenate([vectors, planted])
    ids, states = [str(row) for row in range(len(every))], []
    for count in (before, len(every)):
        _, labels, _ = ours(every[:count], where[:count], Topics())
        numbers, centres = centres_of(where[:count], labels)
        states.append(State(ids[:count], labels, numbers, centres, int(numbers.max())))
    old, new = states
    names, _ = match_topics(old, new, TopicModel().last_run.least_match)
    now = stay(old, ids, np.array([names.get(int(label), -1) for label in new.labels]), where)
    surviving = np.isin(old.labels, [number for number in names.values() if number in old.numbers])
    born = now[len(texts) : len(texts) + len(theme)]
    most = max(set(born[born >= 0].tolist()), key=born.tolist().count, default=-1)
    what = f"{before:,} abstracts and {len(every) - before} new texts"
    kept = float((now[:before] == old.labels)[surviving].mean())
    return [
        at_least(f"{what}: documents of surviving topics that keep them", kept, "", 0.95),
        at_least(f"{what}: of {RUBBISH} that are no language, noise", float((now[-RUBBISH:] < 0).sum()), "", RUBBISH),
        at_least(f"{what}: of {len(theme)} on a new theme, in one topic never seen before",
                 float((born == most).sum() if most > old.highest else 0), "", len(theme) / 2),
    ]  # fmt: skip


def _growth(texts: Sequence[str], vectors: Floats) -> list[dict[str, Any]]:
    """Follow time and memory of a process of its own over numbers of documents, and say with what power they grow."""
    sizes = [size for size in GROWTH if size <= len(texts)]
    took = [_fresh("ours", texts[:size], vectors[:size]) for size in sizes]
    rows = [
        plain(f"{n:,} abstracts: a process of its own, seconds", s, "s") for n, (s, _) in zip(sizes, took, strict=True)
    ]
    rows += [
        plain(f"{n:,} abstracts: above texts and vectors", m, "MB") for n, (_, m) in zip(sizes, took, strict=True)
    ]
    for name, column in (("time", 0), ("memory", 1)):
        if len(sizes) > 2:
            power = np.polyfit(np.log(sizes), np.log([found[column] for found in took]), 1)[0]
            rows.append(
                plain(f"{sizes[0]:,} to {sizes[-1]:,} abstracts: {name} grows with the power", float(power), "")
            )
    return rows


def _fresh(who: str, texts: Sequence[str], vectors: Floats) -> tuple[float, float]:
    """Return seconds and MB that one way takes in a fresh process, imports and compilation included."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "vectors.npy", vectors, allow_pickle=False)
        (Path(folder) / "texts.json").write_text(json.dumps(list(texts)), "utf-8")
        started = time.perf_counter()
        python("-m", "tests.bench.bench_topics", who, folder, environment=os.environ)
        seconds = time.perf_counter() - started
        return seconds, float((Path(folder) / "memory").read_text("utf-8"))


def _once(who: str, folder: str) -> None:
    texts = json.loads((Path(folder) / "texts.json").read_text("utf-8"))
    vectors = np.load(Path(folder) / "vectors.npy", allow_pickle=False)
    before = forget_peak()
    _ = ours(texts, vectors, Topics()) if who == "ours" else theirs(texts, vectors)
    (Path(folder) / "memory").write_text(str(peak() - before), "utf-8")


def labels_of_one_each(given: Labels) -> list[dict[str, Any]]:
    """Compare one label for the text in the middle of each topic with as many labels of texts drawn at random.

    Every text of the test split gets the label of the labelled text it is closest to.
    """
    texts, known = zip(*given.train, strict=True)
    vectors = encoders.engine(encoders.fingerprint(EMBEDDED, "auto", "cpu")).encode(
        [*texts, *(t for t, _ in given.test)]
    )
    learnt, asked = vectors[: len(texts)], vectors[len(texts) :]
    right = np.array([label for _, label in given.test])

    def accuracy(rows: Ints) -> float:
        nearest = (asked @ learnt[rows].T).argmax(axis=1)
        return float((np.array(known)[rows][nearest] == right).mean())

    _, labels, _ = ours(texts, learnt, Topics())
    numbers, centres = centres_of(learnt, labels)
    middle = [
        np.flatnonzero(labels == n)[(learnt[labels == n] @ c).argmax()] for n, c in zip(numbers, centres, strict=True)
    ]
    chance = np.random.default_rng(0)
    drawn = [accuracy(chance.choice(len(texts), len(middle), replace=False)) for _ in range(DRAWS)]
    what = f"banking77 test, {len(middle)} labels: accuracy"
    low, high = np.percentile(drawn, [2.5, 97.5])
    one_each = accuracy(np.array(middle))
    return [
        plain(f"{what}, one a topic", one_each, ""),
        plain(
            f"{what}, as many at random, mean of {DRAWS} draws ({low:.3f} to {high:.3f})", float(np.mean(drawn)), ""
        ),
        at_least(f"{what}, one a topic less the best of the draws", one_each - max(drawn), "", 0.0),
    ]


if __name__ == "__main__":
    _once(sys.argv[1], sys.argv[2])
