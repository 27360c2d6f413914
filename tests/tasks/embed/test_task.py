from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from configs.embed import Embed, Shards
from tasks.data.documents import Document, DocumentsRef, Passage, PassagesRef, Rejected, RejectedRef
from tasks.data.models import Fingerprint
from tasks.data.search import QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.embed.task import (
    describe_encoder,
    embed_passages,
    embed_queries,
    embed_shard,
    join_passages,
    join_queries,
    pool_documents,
    texts_of,
)
from tasks.errors import ContractError, DataError, StoreError
from tasks.models import files as model_files
from tasks.models.encoders import load as encoders
from tasks.runtime import steps
from tasks.store import durable, objects, vector_cache

pytestmark = pytest.mark.usefixtures("home")
TEXTS = ["the cat sat", "a poison", "a dog ran far", "the night train", "the cat sat"]
Make = Callable[..., Path]


def passages(texts: list[str], rows: list[int] | None = None, heading: str = "") -> PassagesRef:
    made = [
        Passage(f"d{row}#{i}", f"d{row}", row, 0, len(text), heading, text, 0)
        for i, (text, row) in enumerate(zip(texts, rows or range(len(texts)), strict=True))
    ]
    return objects.save_rows(PassagesRef, Passage, made)


def queries(texts: list[str]) -> QueriesRef:
    return objects.save_rows(QueriesRef, Query, [Query(f"q{i}", text) for i, text in enumerate(texts)])


def mark(folder: Path) -> Fingerprint:
    return describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu"))


def test_an_encoder_is_described_without_being_loaded(tiny_bert: Path) -> None:
    made = mark(tiny_bert)
    assert made.encoder == model_files.describe(str(tiny_bert))
    assert (made.numerics.precision, made.numerics.engine) == ("fp32", "torch-cpu")


def test_what_is_read_has_its_prompt_and_heading_in_front(tiny_encoder: Make) -> None:
    encoder = mark(tiny_encoder(prompts={"query": "q: ", "document": "d: "}))
    assert texts_of(queries(["the cat"]), encoder, 0, 1) == ["q: the cat"]
    assert texts_of(passages([" the cat\n"]), encoder, 0, 1) == ["d: the cat"]
    assert texts_of(passages(["the cat"], heading="night"), encoder, 0, 1) == ["d: night\nthe cat"]


def test_a_shard_puts_the_vectors_of_its_rows_in_the_cache(tiny_encoder: Make) -> None:
    folder = tiny_encoder()
    source, encoder = passages(TEXTS), mark(folder)
    made = embed_shard.fn(source, [0, 2], encoder)
    assert (made.texts, made.tokens, made.truncated, made.poison) == (2, 5 + 6, 0, ())
    vectors, found = vector_cache.Items(encoder).read(vector_cache.keys_of(TEXTS))
    assert found.tolist() == [True, False, True, False, True]
    expected = SentenceTransformer(str(folder), device="cpu").encode([TEXTS[0], TEXTS[2]])
    np.testing.assert_allclose(vectors[[0, 2]], expected, atol=1e-5)


def test_a_text_that_gives_nan_costs_itself_alone(poisoned_encoder: Path) -> None:
    source, encoder = passages(TEXTS), mark(poisoned_encoder)
    made = embed_shard.fn(source, [3, 1, 0, 2], encoder)
    assert made.poison == ((1, "the encoder gave a vector that is not finite"),)
    assert made.texts == 3
    vectors, found = vector_cache.Items(encoder).read(vector_cache.keys_of(TEXTS))
    assert found.tolist() == [True, False, True, True, True]
    assert np.isfinite(vectors).all()


def test_a_shard_in_which_everything_is_poison_adds_nothing(poisoned_encoder: Path) -> None:
    encoder = mark(poisoned_encoder)
    made = embed_shard.fn(passages(["poison", "a poison"]), [0, 1], encoder)
    assert (made.texts, len(made.poison)) == (0, 2)
    assert list(vector_cache.Items(encoder).folder.iterdir()) == []


def test_a_shard_of_texts_without_a_token_adds_nothing(tiny_encoder: Make) -> None:
    from tokenizers import Tokenizer, processors

    folder = tiny_encoder()
    pieces = Tokenizer.from_file(str(folder / "tokenizer.json"))
    pieces.post_processor = processors.TemplateProcessing(single="$A", pair="$A $B", special_tokens=[])
    pieces.save(str(folder / "tokenizer.json"))  # without special tokens an empty text has no token at all
    made = embed_shard.fn(passages(["", " "]), [0, 1], mark(folder))
    refused = "the encoder gave a vector that is not finite"
    assert made.poison == ((0, refused), (1, refused))


def test_joining_puts_vectors_in_the_order_of_the_passages(tiny_encoder: Make) -> None:
    source, encoder = passages(TEXTS), mark(tiny_encoder())
    embed_shard.fn(source, [2, 1, 3, 0], encoder)
    made = join_passages.fn(source, encoder, [])
    assert made.passages == source
    assert made.rejected.rows == 0
    expected = vector_cache.Items(encoder).read(vector_cache.keys_of(TEXTS))[0]
    np.testing.assert_array_equal(objects.load_array(made.vectors), expected)


def test_joining_puts_poison_aside_with_its_reason(poisoned_encoder: Path) -> None:
    source, encoder = passages(TEXTS), mark(poisoned_encoder)
    shard = embed_shard.fn(source, [0, 1, 2, 3], encoder)
    made = join_passages.fn(source, encoder, shard.poison)
    assert [p.text for p in objects.load_rows(made.passages, Passage)] == [t for t in TEXTS if "poison" not in t]
    assert made.vectors.shape == (4, 32)
    rejected = Rejected("d1#1", "not-a-number", "the encoder gave a vector that is not finite")
    assert objects.load_rows(made.rejected, Rejected) == [rejected]
    assert isinstance(made.rejected, RejectedRef)


def test_joining_no_passages_gives_no_vectors(tiny_bert: Path) -> None:
    made = join_passages.fn(passages([]), mark(tiny_bert), [])
    assert (made.vectors.shape, made.vectors.dtype) == ((0, 32), "float32")
    assert objects.load_array(made.vectors).shape == (0, 32)


def test_joining_what_is_gone_from_the_cache_is_refused_with_the_number(tiny_encoder: Make) -> None:
    encoder = mark(tiny_encoder())
    embed_shard.fn(passages(TEXTS), [0], encoder)
    with pytest.raises(StoreError, match="3 vectors are missing from the item cache; run again to encode them"):
        join_passages.fn(passages(TEXTS), encoder, [])
    with pytest.raises(StoreError, match="1 vectors are missing from the item cache; run again to encode them"):
        join_queries.fn(queries(TEXTS[:2]), encoder)


def test_queries_and_passages_share_the_vectors_of_equal_texts(tiny_encoder: Make) -> None:
    encoder = mark(tiny_encoder())
    embed_shard.fn(passages(TEXTS), [0, 2], encoder)
    joined = join_queries.fn(queries([TEXTS[2], TEXTS[0]]), encoder)
    expected = vector_cache.Items(encoder).read(vector_cache.keys_of([TEXTS[2], TEXTS[0]]))[0]
    np.testing.assert_array_equal(objects.load_array(joined), expected)


def test_a_prompt_keeps_queries_and_passages_apart(tiny_encoder: Make) -> None:
    encoder = mark(tiny_encoder(prompts={"query": "q: "}))
    embed_shard.fn(passages(TEXTS), [0], encoder)
    with pytest.raises(StoreError, match="1 vectors are missing from the item cache"):
        join_queries.fn(queries(TEXTS[:1]), encoder)


@pytest.mark.slow
@pytest.mark.usefixtures("without_prefect")
def test_queries_and_passages_get_the_vectors_of_the_prompts_that_the_models_files_state(tiny_encoder: Make) -> None:
    folder = tiny_encoder(prompts={"query": "q: ", "document": "d: "})
    theirs = SentenceTransformer(str(folder), device="cpu")
    asked = objects.load_array(embed_queries(queries(TEXTS), mark(folder)))
    read = objects.load_array(embed_passages(passages(TEXTS), mark(folder)).vectors)
    np.testing.assert_allclose(asked, theirs.encode_query(TEXTS), atol=1e-5)
    np.testing.assert_allclose(read, theirs.encode_document(TEXTS), atol=1e-5)
    apart = np.abs(asked - read).max(axis=1), np.abs(asked - theirs.encode(TEXTS)).max(axis=1)
    assert np.min(apart) > 0.01


def test_a_plan_foresees_the_shards_that_would_run(tiny_encoder: Make) -> None:
    source, encoder = passages([f"{text} {i}" for i, text in enumerate(["cat " * 30] * 60)]), mark(tiny_encoder())
    with steps.plan() as lines, pytest.raises(steps.PlanEnds):
        embed_passages(source, encoder, Shards(tokens=1_000))
    assert lines == [steps.PlanLine("embed-shard", "will run 2 times", "60 of 60 texts, 1,980 tokens")]


def test_a_plan_of_what_is_cached_goes_on_to_the_join(tiny_encoder: Make) -> None:
    asked, encoder = queries(TEXTS[:1]), mark(tiny_encoder())
    embed_shard.fn(asked, [0], encoder)
    with steps.plan() as lines, pytest.raises(steps.PlanEnds):
        embed_queries(asked, encoder)
    assert lines == [steps.PlanLine("embed-join-queries", "will run", "never run here")]


@pytest.mark.slow
@pytest.mark.usefixtures("without_prefect")
def test_passages_are_encoded_shard_by_shard_and_poison_is_rejected_wherever_it_stands(
    poisoned_encoder: Path,
) -> None:
    texts = [*TEXTS, "a poison", *(f"the cat {'sat ' * (n % 30)}{'ran ' * (n // 30)}" for n in range(90))]
    source, encoder = passages(texts), mark(poisoned_encoder)
    made = embed_passages(source, encoder, Shards(tokens=1_000, max_rejected_share=0.1))
    kept = [text for text in texts if "poison" not in text]
    assert [p.text for p in objects.load_rows(made.passages, Passage)] == kept
    assert [r.item for r in objects.load_rows(made.rejected, Rejected)] == ["d1#1", "d5#5"]
    expected = encoders.engine(encoder).encode([text.strip() for text in kept])
    np.testing.assert_array_equal(objects.load_array(made.vectors), expected)


@pytest.mark.slow
@pytest.mark.usefixtures("without_prefect")
def test_too_much_poison_is_refused_with_the_share_and_the_first_reason(poisoned_encoder: Path) -> None:
    source, encoder = passages(TEXTS), mark(poisoned_encoder)
    with pytest.raises(
        DataError, match="1 of 5 passages cannot be encoded; the first: the encoder gave a vector that"
    ):
        embed_passages(source, encoder, Shards(max_rejected_share=0.19))
    assert embed_passages(source, encoder, Shards(max_rejected_share=0.2)).vectors.rows == 4


@pytest.mark.slow
@pytest.mark.usefixtures("without_prefect")
def test_passages_that_are_joined_already_are_not_looked_at_again(tiny_encoder: Make) -> None:
    source, encoder = passages(TEXTS), mark(tiny_encoder())
    made = embed_passages(source, encoder)
    for segment in vector_cache.Items(encoder).folder.iterdir():
        durable.discard(segment)
    assert embed_passages(source, encoder) == made
    assert list(vector_cache.Items(encoder).folder.iterdir()) == []


@pytest.mark.usefixtures("without_prefect")
def test_a_query_that_cannot_be_encoded_is_refused_with_its_number(poisoned_encoder: Path) -> None:
    with pytest.raises(ContractError, match=r"query 2 cannot be encoded \(the encoder gave .*\); ask it differently"):
        embed_queries(queries(TEXTS), mark(poisoned_encoder))


@pytest.mark.usefixtures("without_prefect")
def test_queries_are_encoded_in_their_order_once(tiny_encoder: Make) -> None:
    asked, encoder = queries(TEXTS), mark(tiny_encoder())
    made = embed_queries(asked, encoder)
    assert embed_queries(asked, encoder) == made
    np.testing.assert_array_equal(objects.load_array(made), encoders.engine(encoder).encode(TEXTS))


def unit(angles: list[float]) -> VectorsRef:
    made = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return objects.save_array(VectorsRef, made.astype(np.float32))


def test_a_document_gets_the_mean_direction_of_its_passages() -> None:
    documents = objects.save_rows(DocumentsRef, Document, [Document(n, n, n, "s", n) for n in "ab"])
    pooled = pool_documents.fn(passages(["x", "y", "z"], [0, 0, 1]), unit([0.2, 0.6, 2.0]), documents)
    expected = objects.load_array(unit([0.4, 2.0]))
    np.testing.assert_allclose(objects.load_array(pooled.vectors), expected, atol=1e-6)
    assert pooled.documents == documents


def test_a_document_without_passages_is_left_out() -> None:
    documents = objects.save_rows(DocumentsRef, Document, [Document(n, n, n, "s", n) for n in "abc"])
    pooled = pool_documents.fn(passages(["x", "y"], [0, 2]), unit([0.2, 2.0]), documents)
    assert [d.id for d in objects.load_rows(pooled.documents, Document)] == ["a", "c"]
    assert pooled.vectors.rows == 2


class Killed(BaseException):
    """What ends a process in the middle of a shard."""


def test_a_shard_that_is_killed_keeps_what_it_has_encoded(tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, texts = mark(tiny_bert), [" ".join(["the cat sat"] * (1 + n)) for n in range(40)]
    whole = encoders.engine(encoder).encode(texts)
    engine: Any = encoders.engine(encoder)
    monkeypatch.setattr(engine.forward, "batch_tokens", 256)
    parts = engine._parts

    def dies(*given: Any) -> Iterator[Any]:
        for number, part in enumerate(parts(*given)):
            if number == 2:
                raise Killed
            yield part

    monkeypatch.setattr(engine, "_parts", dies)
    monkeypatch.setattr("tasks.embed.task.KEPT_EVERY_S", 0.0)
    with pytest.raises(Killed):
        embed_shard.fn(passages(texts), list(range(40)), encoder)
    keys = vector_cache.keys_of(texts)
    vectors, found = vector_cache.Items(encoder).read(keys)
    assert 0 < found.sum() < 40
    assert np.array_equal(vectors[found], whole[found])
