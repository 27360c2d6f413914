"""Qdrant in its local mode, and over HTTP: the server here is the local mode behind Qdrant's own paths."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from configs.index import DenseIndex, Flat, Qdrant
from tasks.errors import ContractError, MissingExtra, RemoteError
from tasks.index.dense import build_dense
from tasks.retrieve.dense import search_dense
from tasks.vectors import nearest, qdrant
from tasks.vectors.arithmetic import normalise


class QdrantServer(ThreadingHTTPServer):
    """Answers Qdrant's paths from a client in local mode; what it was sent can be read off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), QdrantHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.engine = QdrantClient(":memory:")
        self.asked: list[tuple[str, str]] = []
        self.keys: set[str | None] = set()
        self.refuses = False
        self.turn = threading.Lock()

    def answer(self, verb: str, path: str, body: Any) -> Any:
        """Return the result for a request."""
        _, _, name, *rest = path.partition("?")[0].split("/")
        match verb, rest:
            case "GET", ["exists"]:
                return {"exists": self.engine.collection_exists(name)}
            case "PUT", []:
                sizes = models.VectorParams.model_validate(body["vectors"])
                return self.engine.create_collection(name, vectors_config=sizes)
            case "PUT", ["points"]:
                self.engine.upsert(name, models.Batch.model_validate(body["batch"]))
                return {"operation_id": 0, "status": "completed"}
            case "POST", ["points", "count"]:
                return {"count": self.engine.count(name).count}
            case "POST", ["points", "query", "batch"]:
                asked = [models.QueryRequest.model_validate(search) for search in body["searches"]]
                return [reply.model_dump(mode="json") for reply in self.engine.query_batch_points(name, asked)]
        raise AssertionError((verb, path))


class QdrantHandler(BaseHTTPRequestHandler):
    server: QdrantServer

    def reply(self) -> None:
        size = int(self.headers["Content-Length"] or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        if self.path == "/":
            return self.send(200, {"title": "qdrant", "version": qdrant_version()})
        with self.server.turn:
            self.server.keys.add(self.headers["api-key"])
            self.server.asked.append((self.command, self.path))
            if self.server.refuses:
                return self.send(403, {"status": {"error": "Invalid API key or JWT"}})
            result = self.server.answer(self.command, self.path, body)
        return self.send(200, {"result": result, "status": "ok", "time": 0.0})

    def do_GET(self) -> None:
        self.reply()

    def do_PUT(self) -> None:
        self.reply()

    def do_POST(self) -> None:
        self.reply()

    def send(self, status: int, content: Any) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), "Content-Type": "application/json"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error clean."""


def qdrant_version() -> str:
    import importlib.metadata

    return importlib.metadata.version("qdrant-client")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[QdrantServer]:
    """Return a server that runs in a thread; no key is set."""
    monkeypatch.delenv(qdrant.KEY, raising=False)
    with QdrantServer() as made:
        threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    """Return a few hundred vectors, the last twenty equal to the first."""
    made = normalise(np.random.default_rng(0).normal(size=(300, 12)))
    made[-20:] = made[:20]
    return made


QUERIES = normalise(np.random.default_rng(1).normal(size=(70, 12)))
SOME = np.random.default_rng(2).random(300) < 0.4


def build(rows: np.ndarray, folder: Path, config: DenseIndex) -> Path:
    folder.mkdir()
    build_dense(rows, folder, config, digest="0123456789abcdef" * 4)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("allowed", [None, SOME, np.arange(300) < 3], ids=["all", "some", "fewer than the hits"])
@pytest.mark.parametrize("few", [0, 20_000], ids=["filtered by qdrant", "filtered here"])
def test_it_finds_what_the_flat_index_finds(
    allowed: np.ndarray | None, few: int, rows: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "FEW", few)
    ours, flat = build(rows, tmp_path / "qdrant", Qdrant()), build(rows, tmp_path / "flat", Flat())
    queries = np.concatenate([QUERIES, rows[:20]])  # the last of which have equal rows
    expected = search_dense(flat, rows, queries, 7, allowed=allowed)
    found = search_dense(ours, rows, queries, 7, allowed=allowed)
    assert found[0].tolist() == expected[0].tolist()
    assert found[1].tobytes() == expected[1].tobytes()


@pytest.mark.slow
def test_a_server_finds_the_same_and_is_filled_once(rows: np.ndarray, server: QdrantServer, tmp_path: Path) -> None:
    folder = build(rows, tmp_path / "qdrant", Qdrant(url=server.url))
    filled = server.asked.count(("PUT", "/collections/llm-flows-" + "0123456789abcdef" * 2 + "/points?wait=true"))
    assert filled == 1
    server.asked.clear()
    found = search_dense(folder, rows, QUERIES, 5)
    assert found[0].tolist() == search_dense(build(rows, tmp_path / "flat", Flat()), rows, QUERIES, 5)[0].tolist()
    assert not [path for verb, path in server.asked if verb == "PUT"]
    assert server.keys == {None}


@pytest.mark.slow
def test_a_filter_is_sent_along_where_many_rows_are_allowed(
    rows: np.ndarray, server: QdrantServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest, "FEW", 0)
    folder = build(rows, tmp_path / "qdrant", Qdrant(url=server.url))
    found, _ = search_dense(folder, rows, QUERIES, 5, allowed=SOME)
    expected, _ = nearest.exact(rows, QUERIES, 5, np.flatnonzero(SOME))
    assert found.tolist() == expected.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("state", ["deleted", "half full"])
def test_a_collection_that_is_gone_or_half_full_is_filled_again_when_it_is_searched(
    state: str, rows: np.ndarray, server: QdrantServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = build(rows, tmp_path / "qdrant", Qdrant(url=server.url))
    (name,) = (c.name for c in server.engine.get_collections().collections)
    if state == "deleted":
        server.engine.delete_collection(name)
    else:
        server.engine.delete(name, models.PointIdsList(points=list(range(100, 300))))
    found, _ = search_dense(folder, rows, QUERIES, 5)
    assert found.tolist() == nearest.exact(rows, QUERIES, 5)[0].tolist()
    assert server.engine.count(name).count == 300
    assert ("holds 100 of 300 vectors and is filled again" in caplog.text) == (state == "half full")


@pytest.mark.slow
def test_what_is_stored_of_a_server_is_its_address_and_the_name_of_the_collection(
    rows: np.ndarray, server: QdrantServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(qdrant.KEY, "secret-key")
    monkeypatch.setattr("warnings.warn", lambda *args, **kwargs: None)  # the client's, of a key without TLS
    folder = build(rows, tmp_path / "qdrant", Qdrant(url=server.url))
    assert [path.name for path in folder.iterdir()] == ["index.json"]
    stated = json.loads((folder / "index.json").read_text("utf-8"))
    assert stated["parameters"] == {"url": server.url, "collection": "llm-flows-" + "0123456789abcdef" * 2}
    assert (stated["recall_at_10"], stated["sample"]) == (1.0, 300)
    assert stated["reason"] == f"as configured: the server {server.url}"
    assert "secret-key" not in (folder / "index.json").read_text("utf-8")
    assert server.keys == {"secret-key"}


@pytest.mark.slow
def test_the_local_mode_stores_its_description_alone(rows: np.ndarray, tmp_path: Path) -> None:
    folder = build(rows, tmp_path / "qdrant", Qdrant())
    assert [path.name for path in folder.iterdir()] == ["index.json"]
    assert json.loads((folder / "index.json").read_text("utf-8"))["recall_at_10"] == 1.0


def test_a_server_that_refuses_is_named_with_what_it_said(
    rows: np.ndarray, server: QdrantServer, tmp_path: Path
) -> None:
    server.refuses = True
    with pytest.raises(RemoteError, match=rf"index\.dense\.url is {server.url} but its server answered: .*403"):
        build(rows, tmp_path / "qdrant", Qdrant(url=server.url))


@pytest.mark.filterwarnings("ignore:Failed to obtain server version")
def test_a_server_that_is_not_there_is_named(rows: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(RemoteError, match=r"index\.dense\.url is http://127\.0\.0\.1:9 but .*; start it"):
        build(rows, tmp_path / "qdrant", Qdrant(url="http://127.0.0.1:9"))


def test_more_vectors_than_the_local_mode_is_made_for_are_refused_with_both_numbers(tmp_path: Path) -> None:
    rows = normalise(np.random.default_rng(0).normal(size=(20_001, 2)))
    with pytest.raises(ContractError, match=r"url is left out but there are 20,001 vectors and .* made for 20,000;"):
        build(rows, tmp_path / "qdrant", Qdrant())


def test_without_its_client_the_extra_is_named(
    rows: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(MissingExtra, match=r"qdrant-client is not installed; run: pip install 'llm-flows\[qdrant\]'"):
        build(rows, tmp_path / "qdrant", Qdrant())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("localhost:6333", "an address such as"),
        ("http://me:secret@host:6333", "no user, key or question mark"),
        ("http://host:6333?api-key=x", "no user, key or question mark"),
    ],
)
def test_an_address_that_holds_a_secret_or_leads_nowhere_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Qdrant(url=url)
