"""Many texts are read, encoded and joined a window at a time; what comes out is what comes of all at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.embed import Embed, Shards
from tasks.data.documents import Passage, PassagesRef, Rejected
from tasks.data.models import Fingerprint
from tasks.data.vectors import Embedded
from tasks.embed import export
from tasks.embed.task import describe_encoder, embed_passages, export_vectors
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.store import objects, vector_cache
from tasks.vectors import shards

pytestmark = pytest.mark.usefixtures("home", "without_prefect")
KINDS = ("the cat sat", "a dog", "the night train " * 20, "ran far " * 6, "a poison", "the mat " * 11, "")
TEXTS = [f"{KINDS[n % len(KINDS)]} {'cat ' * (n % 5)}{'dog' * (n % 2)}" for n in range(63)] + ["the cat sat"] * 4


def passages(texts: Sequence[str], tokens: int = 0) -> PassagesRef:
    """Store a passage a text, without a row object each."""
    count = len(texts)
    same = {"row": 0, "start": 0, "end": 0, "heading": "", "tokens": tokens}
    types = objects.table_of(Passage, []).schema
    names = pa.array([f"p{n}" for n in range(count)])
    columns = {"id": names, "document": names, "text": pa.array(texts)}
    columns |= {name: pa.array([value] * count, types.field(name).type) for name, value in same.items()}
    return objects.save_table(PassagesRef, pa.table({name: columns[name] for name in types.names}))


def mark(folder: Path) -> Fingerprint:
    return describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu"))


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that every text is added to when an engine really encodes it."""
    seen: list[str] = []
    encode = encoder_base.EncodingEngine.encode

    def watched(self: encoder_base.EncodingEngine, texts: Sequence[str], *others: Any) -> encoder_base.Floats:
        seen.extend(texts)
        return encode(self, texts, *others)

    monkeypatch.setattr(encoder_base.EncodingEngine, "encode", watched)
    return seen


def run(encoder: Fingerprint) -> tuple[Embedded, np.ndarray, pa.Table]:
    """Return what is made of the texts, the vectors, and the table written of them."""
    made = embed_passages(passages(TEXTS), encoder, Shards(tokens=1_000, max_rejected_share=0.5))
    table = export_vectors(made.passages, made.vectors, encoder).table
    return made, np.array(objects.load_array(made.vectors)), pq.read_table(objects.path(table) / "vectors.parquet")


@pytest.mark.slow
@pytest.mark.parametrize("window", [7, 64])
def test_the_size_of_the_window_changes_no_vector_no_order_and_no_rejection(
    window: int, poisoned_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoded: list[str]
) -> None:
    encoder = mark(poisoned_encoder)
    whole, vectors, table = run(encoder)
    rejected, once = objects.load_rows(whole.rejected, Rejected), sorted(encoded)
    encoded.clear()
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "another"))
    monkeypatch.setattr(shards, "WINDOW", window)
    monkeypatch.setattr(objects, "GROUP", 5)
    monkeypatch.setattr(vector_cache, "BLOCK", 3)
    monkeypatch.setattr(export, "ROWS", 4)
    made, windowed, written = run(encoder)
    assert windowed.tobytes() == vectors.tobytes()
    assert (made.vectors.digest, made.vectors.rows) == (whole.vectors.digest, sum("poison" not in t for t in TEXTS))
    assert objects.load_rows(made.rejected, Rejected) == rejected
    assert written.equals(table)
    assert sorted(encoded) == once == sorted({text.strip() for text in TEXTS})
    np.testing.assert_array_equal(
        vectors, encoders.engine(encoder).encode([t.strip() for t in TEXTS if "poison" not in t])
    )


@pytest.mark.slow
def test_many_equal_texts_are_encoded_once(tiny_bert: Path, encoded: list[str]) -> None:
    source, encoder = passages(["the cat sat"] * 200_000, tokens=3), mark(tiny_bert)
    made = embed_passages(source, encoder)
    assert encoded == ["the cat sat"]
    vectors = objects.load_array(made.vectors)
    assert isinstance(vectors, np.memmap)
    assert vectors.shape == (200_000, 32)
    alone = encoders.engine(encoder).encode(["the cat sat"])[0]
    assert (vectors == alone).all()
