from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.embed import Embed, Server, Shards
from tasks.data.documents import Passage, PassagesRef, Rejected
from tasks.data.models import Fingerprint
from tasks.embed.task import describe_encoder, embed_passages, embed_shard
from tasks.errors import RemoteError
from tasks.models.encoders import load as encoders
from tasks.models.encoders import server as encoder_server
from tasks.models.openai_http import Patience
from tasks.store import objects, vector_cache

pytestmark = pytest.mark.usefixtures("home", "without_prefect")
PATIENCE = Patience(first_s=0.01)
TEXTS = [f"passage number {i}" for i in range(30)]
Embeddings = Any  # the local server of conftest


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """Forget the servers that had the same port."""
    yield
    encoder_server._width.cache_clear()
    encoders._engine.cache_clear()


def mark(server: Embeddings) -> Fingerprint:
    return describe_encoder(Embed(model="small", server=Server(base_url=server.base_url, texts=8, requests=1)))


def passages(texts: list[str]) -> PassagesRef:
    made = [Passage(f"d{i}#0", f"d{i}", i, 0, len(text), "", text, 0) for i, text in enumerate(texts)]
    return objects.save_rows(PassagesRef, Passage, made)


@pytest.mark.slow
def test_a_second_run_asks_the_server_for_nothing(embeddings_server: Embeddings) -> None:
    encoder = mark(embeddings_server)
    made = embed_passages(passages(TEXTS), encoder)
    rows = np.stack([embeddings_server.vector(text) for text in TEXTS])
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(objects.load_array(made.vectors), expected, atol=1e-6)
    before = len(embeddings_server.asked)
    assert before == 1 + 4
    assert embed_passages(passages(TEXTS), mark(embeddings_server)) == made
    assert embed_passages(passages(TEXTS[::-1]), encoder).vectors.rows == 30
    assert len(embeddings_server.asked) == before


def test_a_text_that_the_server_refuses_costs_itself_alone_and_the_others_are_paid_for_once(
    embeddings_server: Embeddings,
) -> None:
    encoder = mark(embeddings_server)
    texts = [*TEXTS[:17], "a poison", *TEXTS[17:]]
    made = embed_passages(passages(texts), encoder, Shards(max_rejected_share=0.1))
    [rejected] = objects.load_rows(made.rejected, Rejected)
    assert rejected.item == "d17#0"
    assert rejected.detail.startswith("the encoder failed: 127.0.0.1:")
    assert rejected.detail.endswith("answers 400 (the input is not valid)")
    assert [p.text for p in objects.load_rows(made.passages, Passage)] == TEXTS
    answered = [text for asked in embeddings_server.asked[1:] if "a poison" not in asked for text in asked]
    assert sorted(answered) == sorted(TEXTS)


@pytest.mark.slow
def test_a_server_that_fails_ends_the_run_and_finished_shards_are_kept(
    embeddings_server: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, source = mark(embeddings_server), passages(TEXTS)
    monkeypatch.setattr(encoder_server, "Patience", lambda: PATIENCE)
    embed_shard.fn(source, list(range(10)), encoder)
    embeddings_server.canned = [(500, {}, b"out of memory")] * 5
    with pytest.raises(RemoteError, match=r"answers 500 \(out of memory\), asked 5 times; check the server and run"):
        embed_passages(source, encoder)
    before = len(embeddings_server.asked)
    embed_passages(source, encoder)
    assert [text for texts in embeddings_server.asked[before:] for text in texts] == TEXTS[10:]
    assert vector_cache.Items(encoder).missing(vector_cache.keys_of(TEXTS)).tolist() == []


def test_nothing_stored_holds_the_key(
    embeddings_server: Embeddings, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_EMBED_KEY", "sk-very-secret")
    embed_passages(passages(TEXTS), mark(embeddings_server))
    assert set(embeddings_server.keys) == {"Bearer sk-very-secret"}
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if b"very-secret" in path.read_bytes()] == []
