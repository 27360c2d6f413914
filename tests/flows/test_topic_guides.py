"""What is known of topics beforehand, and very many documents: what a plain run of `topic-model` leaves out."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score, homogeneity_score

from configs.cluster import ByNeighbours, ByVectors, ByWords, Kmeans
from configs.embed import Embed
from configs.flows import Topics
from configs.reduce import NoReduction, Pca, Reduce, Umap
from configs.topics import Guided, Supervised, ZeroShotTopics
from flows.topic_model import clusters_of, group_documents, lay_out
from tasks.data.documents import Document, DocumentsRef
from tasks.data.models import Fingerprint
from tasks.data.vectors import Pooled, VectorsRef
from tasks.embed import describe_encoder
from tasks.models.encoders import load as encoders
from tasks.reduce import graph_neighbours
from tasks.store import objects
from tasks.vectors.arithmetic import normalise

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]

SHIPS = "The {} sails out of the harbour with the tide, past the lighthouse and the {}."
BREAD = "The baker kneads the {} and bakes a loaf of rye bread with {}."
THINGS = ["crew", "captain", "salt", "morning", "old", "buoy", "dough", "oven", "yeast", "rope"]


@pytest.fixture
def pooled(workspace: Path) -> tuple[Pooled, Fingerprint]:
    """Return 80 documents of two themes, half of which say what their theme is, with their vectors."""
    texts = [form.format(a, b) for form in (SHIPS, BREAD) for a in THINGS for b in THINGS[:4]]
    documents = [
        Document(f"{n}", text, "", "s", "p", meta={"theme": "ships" if n < 40 else "bread"} if n % 2 else {})
        for n, text in enumerate(texts)
    ]
    ran = describe_encoder(Embed(precision="fp32"))
    vectors = objects.save_array(VectorsRef, encoders.engine(ran).encode(texts))
    return Pooled(documents=objects.save_rows(DocumentsRef, Document, documents), vectors=vectors), ran


TRUTH = np.repeat([0, 1], 40)


def labels_of(pooled: tuple[Pooled, Fingerprint], topics: Topics) -> np.ndarray:
    return np.asarray(objects.load_array(group_documents(pooled[0], topics, pooled[1]).clustered.labels))


def test_documents_near_a_known_name_go_there_and_the_names_come_first(pooled: tuple[Pooled, Fingerprint]) -> None:
    guide = ZeroShotTopics(topics=("baking bread", "ships in a harbour"), threshold=0.2)
    labels = labels_of(pooled, Topics(guide=guide))
    assert np.bincount(labels[labels >= 0][:40]).argmax() == 1
    assert (labels[40:][labels[40:] >= 0] == 0).mean() > 0.9


def test_seeds_draw_their_documents_together(pooled: tuple[Pooled, Fingerprint]) -> None:
    """Of five layouts, for one may cut a theme in two by the last bits of a processor; no topic ever mixes both."""
    guide = Guided(seeds=("ship harbour sea", "bread baker oven"), weight=0.5)
    found = [labels_of(pooled, Topics(guide=guide, reduce=Umap(seed=seed))) for seed in range(5)]
    assert np.median([adjusted_rand_score(TRUTH, labels) for labels in found]) > 0.9
    assert min(homogeneity_score(TRUTH[labels >= 0], labels[labels >= 0]) for labels in found) > 0.9


def test_known_classes_of_some_documents_pull_the_others_along(pooled: tuple[Pooled, Fingerprint]) -> None:
    labels = labels_of(pooled, Topics(guide=Supervised(column="theme")))
    assert adjusted_rand_score(TRUTH, labels) > 0.9


@pytest.mark.parametrize("way", [ByWords(threshold=0.01), ByVectors(threshold=0.0), ByNeighbours(threshold=0.0)])
def test_every_strategy_leaves_fewer_outliers(way: ByWords, pooled: tuple[Pooled, Fingerprint]) -> None:
    strict = Topics(scale=2.0)
    before, after = labels_of(pooled, strict), labels_of(pooled, strict.model_copy(update={"outliers": way}))
    assert (after < 0).sum() <= (before < 0).sum()
    assert (after[before >= 0] == before[before >= 0]).all()


@pytest.mark.parametrize("reduce", [Umap(), Pca(n_components=5), NoReduction()], ids=["umap", "pca", "none"])
def test_clusters_are_found_in_any_space(reduce: Reduce, pooled: tuple[Pooled, Fingerprint]) -> None:
    labels = labels_of(pooled, Topics(reduce=reduce, cluster=Kmeans(clusters=2)))
    assert adjusted_rand_score(TRUTH, labels) == 1


def test_of_very_many_documents_a_sample_is_clustered_and_neighbours_decide_on_the_rest(workspace: Path) -> None:
    rows, truth = make_blobs([900, 400, 200], centers=6 * np.eye(3, 8), cluster_std=0.5, random_state=0)
    vectors = objects.save_array(VectorsRef, normalise(rows))
    few = Topics(sample_above=1_000)
    points, clustered = clusters_of(vectors, few)
    layout = lay_out(vectors, graph_neighbours(vectors, 15), few)
    labels = objects.load_array(clustered.labels)
    assert (points.rows, layout.shape) == (1_500, (1_500, 2))
    assert adjusted_rand_score(truth, labels) > 0.95
    whole = objects.load_array(clusters_of(vectors, Topics())[1].labels)
    assert adjusted_rand_score(whole, labels) > 0.9
