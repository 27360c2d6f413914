"""A collection that has followed its source through any edits finds what one built from scratch finds."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from configs.embed import Embed
from configs.index import Bm25, Flat
from configs.ingest import Ingest, Tables
from configs.retrieve import Dense, Fused, Retrieve, Sparse
from configs.tokenize import Chunk
from tasks.data.documents import Document
from tasks.data.releases import Delta
from tasks.data.search import Generation
from tasks.embed import describe_encoder, embed_passages, embed_queries
from tasks.errors import FlowError
from tasks.index import (
    compare_documents,
    index_copies,
    index_dense,
    index_sparse,
    live_before,
    open_collection,
    publish_generation,
)
from tasks.ingest import ingest_documents, ingest_queries, list_items
from tasks.retrieve import describe_hits, retrieve
from tasks.store import objects, vector_cache
from tasks.tokenize import chunk_documents
from tests.tasks.conftest import WORDS

pytestmark = pytest.mark.usefixtures("without_prefect")
SPEAKABLE = [word for word in WORDS[6:-3] if len(word) > 1]
WAYS: list[Retrieve] = [Dense(k=5), Sparse(k=5), Fused(k=5)]
QUERIES = ["the cat sat far", "night train", "dog mat", "poison"]
Table = dict[str, str]
Found = list[tuple[str, str, float]]


def speak(chance: random.Random) -> str:
    return " ".join(chance.choices(SPEAKABLE, k=chance.randint(1, 30)))


def edits(seed: int, count: int) -> Iterator[Table]:
    """Yield a table again and again, edited at random: rows added, changed, deleted, put back, copied, reordered."""
    chance = random.Random(seed)
    table = {f"row{number}": speak(chance) for number in range(8)}
    gone: Table = {}
    yield dict(table)
    for number in range(count):
        match chance.choice(["add", "change", "delete", "back", "copy", "shuffle"]):
            case "add":
                table[f"new{number}"] = speak(chance)
            case "change":
                table[chance.choice(list(table))] = speak(chance)
            case "delete" if len(table) > 2:
                name = chance.choice(list(table))
                gone[name] = table.pop(name)
            case "back" if gone:
                name = chance.choice(list(gone))
                table[name] = gone.pop(name)
            case "copy":
                table[f"copy{number}"] = table[chance.choice(list(table))]
            case _:
                rows = list(table.items())
                chance.shuffle(rows)
                table = dict(rows)
        yield dict(table)


def build(folder: Path, table: Table, model: Path) -> tuple[Generation, Delta]:
    """Write the table and bring its collection up to date, as the flow does; return also what has changed."""
    rows = [json.dumps({"id": name, "text": text}) for name, text in table.items()]
    (folder / "rows.jsonl").write_text("\n".join(rows), "utf-8")
    source, encoder = Tables(path=str(folder / "rows.jsonl"), id="id"), describe_encoder(Embed(model=str(model)))
    snapshot = list_items(source)
    ingested = ingest_documents(snapshot, source, Ingest(), encoder.encoder)
    passages = chunk_documents(ingested.documents, encoder.encoder, Chunk(max_tokens=16))
    embedded = embed_passages(passages, encoder)
    delta = compare_documents(live_before("rows"), ingested.documents)
    live = publish_generation(
        Generation(
            collection="rows", source="tables", snapshot=snapshot, documents=ingested.documents,
            passages=embedded.passages, vectors=embedded.vectors, dense=index_dense(embedded.vectors, Flat()),
            sparse=index_sparse(embedded.passages, Bm25()), fingerprint=encoder, delta=delta.model_dump(),
            copies=index_copies(ingested.documents) if ingested.counts.get("duplicates") else None,
        ),
        keep=3,
    )  # fmt: skip
    return live, delta


def found_by(way: Retrieve) -> list[Found]:
    """Return document, text and score of the best hits of every query in the live collection."""
    live, asked = open_collection("rows"), ingest_queries(QUERIES)
    hits = retrieve(live, asked, embed_queries(asked, live.fingerprint), way)
    described = describe_hits(live, asked, hits)
    texts = {d.id: d.text for d in objects.load_rows(live.documents, Document)}
    for hit in (hit for query in described for hit in query["hits"]):  # a copy is named, and is no hit of its own
        same = {name for name, text in texts.items() if text == texts[hit["document"]]}
        assert {hit["document"], *(other["document"] for other in hit["also_in"])} == same
        assert hit["document"] == next(name for name in texts if name in same)
    return [[(hit["document"], hit["text"], hit["score"]) for hit in query["hits"]] for query in described]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that makes a workspace current, and returns the folder for its source."""

    def enter(name: str) -> Path:
        monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / name))
        (tmp_path / f"{name}-source").mkdir(exist_ok=True)
        return tmp_path / f"{name}-source"

    return enter


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 4))])
def test_any_edits_lead_to_what_is_built_from_scratch(
    seed: int, place: Callable[[str], Path], tiny_bert: Path
) -> None:
    for number, table in enumerate(edits(seed, 6)):
        followed, _ = build(place("followed"), table, tiny_bert)
        results = [found_by(way) for way in WAYS]
        scratch, _ = build(place(f"scratch-{number}"), table, tiny_bert)
        assert [found_by(way) for way in WAYS] == results
        assert followed.cache_key() == scratch.cache_key()
        assert any(found for way in results for found in way)


@pytest.mark.slow
def test_what_changed_is_counted_and_nothing_is_encoded_twice(place: Callable[[str], Path], tiny_bert: Path) -> None:
    before: Table = {}
    for table in edits(11, 12):
        made, delta = build(place("followed"), table, tiny_bert)
        both = before.keys() & table.keys()
        assert made.documents.rows == len(table)
        assert (delta.added, delta.removed) == (len(table) - len(both), len(before) - len(both))
        assert delta.changed == sum(before[name] != table[name] for name in both)
        assert delta.unchanged == len(both) - delta.changed
        before = table
    keys = [np.load(path) for path in vector_cache.Items(made.fingerprint).folder.glob("*/keys.npy")]
    assert len(keys) > 3
    assert len(np.unique(np.concatenate(keys), axis=0)) == sum(map(len, keys))


@pytest.mark.slow
def test_of_two_equal_documents_one_is_found_until_both_are_gone(
    place: Callable[[str], Path], tiny_bert: Path
) -> None:
    rows = {"a": "the cat sat far", "b": "night train", "c": "the cat sat far"}
    found = []
    for names in ("abc", "bc", "b"):
        _, delta = build(place("followed"), {name: rows[name] for name in names}, tiny_bert)
        hits = found_by(Dense(k=5))[0]
        found.append(([name for name, _, _ in hits], delta.removed, delta.unchanged))
    assert found == [(["a", "b"], 0, 0), (["c", "b"], 1, 2), (["b"], 1, 1)]


@pytest.mark.slow
def test_a_source_that_cannot_be_read_leaves_the_live_generation(
    place: Callable[[str], Path], tiny_bert: Path
) -> None:
    table = next(edits(1, 0))
    live, _ = build(place("followed"), table, tiny_bert)
    with pytest.raises(FlowError):
        build(place("followed"), {"a": "", "b": " "}, tiny_bert)
    assert open_collection("rows") == live
