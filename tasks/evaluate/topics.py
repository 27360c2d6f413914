"""Judge topics: their words, their clusters, and whether they come out again.

Shapes: N documents, C dimensions, T topics, R runs.
Source: coherence NPMI and C_V, Röder, Both & Hinneburg 2015, doi:10.1145/2684822.2685324, by gensim; diversity, Dieng,
Ruiz & Blei 2020, doi:10.1162/tacl_a_00325; silhouette, Rousseeuw 1987, NMI and ARI by scikit-learn; DBCV, Moulavi et
al. 2014, doi:10.1137/1.9781611973440.96, by hdbscan.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tasks.data.evaluation import Measure
from tasks.errors import ContractError
from tasks.metrics.intervals import bootstrap_mean, drawn_rows, percentile_interval, wilson
from tasks.text.scripts import letter_words

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]
COHERENCES = {"NPMI": "c_npmi", "C_V": "c_v"}
MOST_POINTS = 5_000  # silhouette and DBCV compare all pairs
MOST_RESAMPLES = 200  # of NMI and ARI: one of 25,000 documents takes some 20 ms
DENSE = 3  # points a cluster of such a sample needs, so that there is a density inside


def judge_words(
    words: Sequence[Sequence[str]], tokens: Sequence[Sequence[str]], *, what: str, resamples: int, seed: int
) -> list[Measure]:
    """Measure how well the words of topics go together in documents, and how few are shared.

    Args:
        words: The words of each topic, two or more.
        tokens: The documents as words, in order.
        what: Name of what is judged.
        resamples: Bootstrap samples over topics.
        seed: Same seed, same intervals.

    Returns:
        NPMI, C_V, diversity: the mean over topics with its interval. Nothing of no topics.
    """
    kept = [list(dict.fromkeys(w)) for w in words if len(set(w)) > 1]
    if not kept:
        return []
    found = []
    for name, per_topic in coherence(kept, tokens).items():
        mean, (low, high) = bootstrap_mean(per_topic, resamples=resamples, seed=seed)
        found.append(Measure(name, what, mean, low, high, len(kept)))
    mean, (low, high) = bootstrap_mean(distinctness(kept), resamples=resamples, seed=seed)
    return [*found, Measure("distinct words", what, mean, low, high, len(kept)),
            Measure("diversity", what, diversity(kept), *wilson(*_shares(kept)), sum(map(len, kept)))]  # fmt: skip


def tokens_of(text: str) -> list[str]:
    """Return the words of a document, as topics have them: letters only, lower case, three or more."""
    return letter_words(text.lower(), 3)


def coherence(words: Sequence[Sequence[str]], tokens: Sequence[Sequence[str]]) -> dict[str, list[float]]:
    """Return the coherence of every topic, by each measure."""
    from gensim.corpora import Dictionary
    from gensim.models.coherencemodel import CoherenceModel

    dictionary = Dictionary(tokens)
    known = [[word for word in topic if word in dictionary.token2id] for topic in words]
    found = {}
    for name, measure in COHERENCES.items():
        model = CoherenceModel(topics=known, texts=tokens, dictionary=dictionary, coherence=measure, processes=1)
        found[name] = [float(np.nan_to_num(value)) for value in model.get_coherence_per_topic()]
    return found


def diversity(words: Sequence[Sequence[str]]) -> float:
    """Return the share of different words among all words of topics."""
    different, total = _shares(words)
    return different / total


def distinctness(words: Sequence[Sequence[str]]) -> list[float]:
    """Return for every topic the share of its words that no other topic has."""
    sets = [set(topic) for topic in words]
    times: dict[str, int] = {}
    for topic in sets:
        for word in topic:
            times[word] = times.get(word, 0) + 1
    return [sum(times[word] == 1 for word in topic) / len(topic) for topic in sets]


def judge_clusters(
    points: Floats, labels: Ints, *, what: str, resamples: int, seed: int, classes: Sequence[str] = ()
) -> list[Measure]:
    """Measure how much is noise, how well clusters are apart, and how well they agree with known classes.

    Args:
        points: (N, C) in which clusters were sought.
        labels: (N,) cluster of each, -1 for noise.
        what: Name of what is judged.
        resamples: Bootstrap samples over documents.
        seed: Same seed, same sample and intervals.
        classes: (N,) known class of each, empty where it is not known; none for no classes.

    Returns:
        noise, silhouette, DBCV, NMI, ARI with intervals, those that can be measured. DBCV has no interval: it is
        a sum over clusters, those with three points or more.
    """
    noise = int((labels < 0).sum())
    found = [Measure("noise", what, noise / len(labels), *wilson(noise, len(labels)), len(labels))]
    inside = np.flatnonzero(labels >= 0)
    if len(inside) > MOST_POINTS:
        inside = np.sort(np.random.default_rng(seed).choice(inside, MOST_POINTS, replace=False))
    rows, mine = np.asarray(points[inside], dtype=np.float64), labels[inside]
    if 1 < len(np.unique(mine)) < len(mine):
        from sklearn.metrics import silhouette_samples

        mean, (low, high) = bootstrap_mean(silhouette_samples(rows, mine), resamples=resamples, seed=seed)
        found.append(Measure("silhouette", what, mean, low, high, len(mine)))
        found += _density(rows, mine, what)
    return found + (judge_classes(labels, classes, what=what, resamples=resamples, seed=seed) if classes else [])


def judge_classes(labels: Ints, classes: Sequence[str], *, what: str, resamples: int, seed: int) -> list[Measure]:
    """Measure how well clusters, noise being one, agree with known classes.

    Returns:
        NMI and ARI, each with the percentile interval of resampled documents; nothing where no class is known.
    """
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    rows = np.array([row for row, name in enumerate(classes) if name], dtype=np.int64)
    if not len(rows):
        return []
    known = np.unique([classes[row] for row in rows], return_inverse=True)[1]
    found = []
    draws = list(drawn_rows(len(rows), resamples=min(resamples, MOST_RESAMPLES), seed=seed))
    measures: dict[str, Callable[..., float]] = {"NMI": normalized_mutual_info_score, "ARI": adjusted_rand_score}
    for name, measure in measures.items():
        values = [float(measure(known[draw], labels[rows[draw]])) for draw in draws]
        low, high = percentile_interval(values)
        value = float(measure(known, labels[rows]))
        found.append(Measure(name, what, value, min(low, value), max(high, value), len(rows)))
    return found


def stability(runs: Sequence[Ints], *, what: str, resamples: int, seed: int) -> Measure:
    """Measure how much runs over the same documents agree: the mean ARI of every two.

    Args:
        runs: R label arrays (N,), all in the same order of documents.
        what: Name of what is judged.
        resamples: Bootstrap samples over pairs of runs.
        seed: Same seed, same interval.

    Raises:
        ContractError: There are fewer than two runs.
    """
    from sklearn.metrics import adjusted_rand_score

    if len(runs) < 2:
        raise ContractError(f"there is {len(runs)} run but stability compares two at least; ask for more")
    values = [float(adjusted_rand_score(a, b)) for a, b in combinations(runs, 2)]
    mean, (low, high) = bootstrap_mean(values, resamples=resamples, seed=seed)
    return Measure("stability (ARI)", what, mean, low, high, len(runs))


def _density(rows: npt.NDArray[np.float64], labels: Ints, what: str) -> list[Measure]:
    """Return DBCV of the clusters with enough points for a density; nothing where fewer than two have."""
    from hdbscan.validity import validity_index

    numbers, sizes = np.unique(labels, return_counts=True)
    kept = np.isin(labels, numbers[sizes >= DENSE])
    rows, labels = rows[kept], labels[kept]
    if len(np.unique(labels)) < 2:
        return []
    with np.errstate(all="ignore"):
        value = float(validity_index(rows, labels))
    return [Measure("DBCV", what, value, value, value, len(labels))] if np.isfinite(value) else []


def _shares(words: Sequence[Sequence[str]]) -> tuple[int, int]:
    return len({word for topic in words for word in topic}), sum(len(topic) for topic in words)
