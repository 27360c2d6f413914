"""Tasks of `tokenize`: cut documents into passages, or take them whole; count, show and check tokens."""

from collections.abc import Sequence
from pathlib import Path

from configs.tokenize import Chunk
from tasks.data import digests
from tasks.data.documents import Document, DocumentsRef, Passage, PassagesRef
from tasks.data.models import Encoder
from tasks.data.tokens import (
    Piece,
    PieceCount,
    PieceCountsRef,
    PiecesRef,
    TokenizerFit,
    TokenizerRef,
    Vocabulary,
    Weights,
)
from tasks.data.topics import Coverage
from tasks.errors import ModelError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import durable, objects
from tasks.tokenize.vocabularies import Cutter


@step(name="tokenize-chunk", run_name="tokenize-chunk max_tokens={config.max_tokens}", libraries=("tokenizers",))
def chunk_documents(documents: DocumentsRef, encoder: Encoder, config: Chunk) -> PassagesRef:
    """Cut documents into passages of whole sentences.

    Args:
        documents: What to cut.
        encoder: Whose tokens are counted.
        config: Budget, overlap, heading.
    """
    from tasks.tokenize.chunk import cut_documents

    tokenizer = encoder_base.tokenizer(encoder)
    passages = list(
        cut_documents(
            objects.load_rows(documents, Document),
            lambda texts: [e.offsets for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)],
            config,
        )
    )
    tokens = sum(p.tokens for p in passages)
    steps.log_metrics(passages=len(passages), tokens=tokens, tokens_per_passage=tokens / len(passages))
    return objects.save_rows(PassagesRef, Passage, passages)


@step(name="tokenize-whole", libraries=("tokenizers",))
def whole_documents(documents: DocumentsRef, encoder: Encoder) -> PassagesRef:
    """Make each document one passage that bears its id; the encoder reads as much of it as it can.

    Args:
        documents: What to take whole.
        encoder: Whose tokens are counted.
    """
    from tasks.tokenize.chunk import take_whole

    tokenizer = encoder_base.tokenizer(encoder)
    passages = list(
        take_whole(
            objects.load_rows(documents, Document),
            lambda texts: [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)],
        )
    )
    added = encoder_base.count_tokens(encoder, [encoder.passage_prompt])[0]  # prompt and special tokens
    truncated = sum(p.tokens + added > encoder.max_tokens for p in passages)
    steps.log_metrics(passages=len(passages), tokens=sum(p.tokens for p in passages), truncated=truncated)
    return objects.save_rows(PassagesRef, Passage, passages)


@step(name="tokenize-coverage", libraries=("tokenizers",))
def cover_documents(documents: DocumentsRef, encoder: Encoder) -> Coverage:
    """Say how well the vocabulary of an encoder knows the words of documents.

    Args:
        documents: What is read.
        encoder: Whose tokens words are cut into.
    """
    from tasks.tokenize.coverage import cover_words

    tokenizer = encoder_base.tokenizer(encoder)
    texts = objects.load_table(documents, ["text"])["text"].to_pylist()
    found = cover_words(
        texts, lambda words: [e.tokens for e in tokenizer.encode_batch(list(words), add_special_tokens=False)]
    )
    steps.log_metrics(pieces_per_word=found.pieces_per_word, unknown_share=found.unknown_share)
    return found


def describe_tokenizers(names: Sequence[str]) -> tuple[Vocabulary, ...]:
    """Say what tokenizers are read from, without loading them.

    Raises:
        ModelError: One is not there.
        DataError: What is there is no tokenizer.
    """
    return tuple(_described(name, model_files.tokenizer_place(name)) for name in names)


@step(name="tokenize-train", run_name="tokenize-train tokens={tokens}", libraries=("tokenizers",))
def train_tokenizer(documents: DocumentsRef, tokens: int) -> TokenizerRef:
    """Train a byte-level BPE on documents.

    Args:
        documents: What is learned from.
        tokens: Tokens of its vocabulary at most.
    """
    from tasks.text.bpe import train_bpe

    texts = objects.load_table(documents, ["text"])["text"].to_pylist()
    return objects.save_files(
        TokenizerRef, lambda folder: train_bpe(texts, tokens).save(str(folder / "tokenizer.json")), shape=(1,)
    )


def trained_tokenizer(trained: TokenizerRef, name: str) -> Vocabulary:
    """Say what a tokenizer that was trained here is read from.

    Args:
        trained: The tokenizer.
        name: What it is called.
    """
    return _described(name, objects.path(trained))


def describe_weights(model: str) -> Weights:
    """Say what a model's files prove about its tokenizer.

    Raises:
        ModelError: There is no such model, or its weights cannot be trusted.
    """
    from tasks.tokenize.vocabularies import IN_FOLDER

    folder = model_files.locate(model).folder
    beside = _described(model, folder) if any((folder / name).is_file() for name in IN_FOLDER) else None
    return Weights(name=model, folder=str(folder), digest=model_files.weights_digest(folder), beside=beside)


@step(name="tokenize-count", libraries=("tokenizers", "sentencepiece"))
def count_tokens(documents: DocumentsRef, tokenizers: Sequence[Vocabulary], group: str | None) -> PieceCountsRef:
    """Count what each tokenizer makes of texts, over all and by group.

    Args:
        documents: The texts.
        tokenizers: What cuts them.
        group: Column that tells them apart.
    """
    from tasks.tokenize.pieces import count_pieces

    rows = objects.load_rows(documents, Document)
    texts, groups = [d.text for d in rows], [d.meta.get(group or "", "") for d in rows]
    found = [
        row for number, wanted in enumerate(tokenizers) for row in count_pieces(number, _loaded(wanted), texts, groups)
    ]
    steps.log_metrics(texts=len(texts), tokens=sum(row.tokens for row in found if not row.group))
    return objects.save_rows(PieceCountsRef, PieceCount, found)


@step(name="tokenize-show", libraries=("tokenizers", "sentencepiece"))
def show_tokens(documents: DocumentsRef, tokenizers: Sequence[Vocabulary], texts: int, characters: int) -> PiecesRef:
    """Cut the first texts into pieces, to be looked at.

    Args:
        documents: The texts.
        tokenizers: What cuts them.
        texts: How many are shown.
        characters: How much of each.
    """
    from tasks.tokenize.pieces import show_pieces

    first = [text[:characters] for text in objects.load_table(documents, ["text"])["text"].to_pylist()[:texts]]
    pieces = [
        piece
        for number, wanted in enumerate(tokenizers)
        for piece in show_pieces(number, _loaded(wanted), first, range(len(first)))
    ]
    return objects.save_rows(PiecesRef, Piece, pieces)


@step(name="tokenize-fit", libraries=("tokenizers", "sentencepiece", "safetensors"))
def check_fit(tokenizer: Vocabulary, weights: Weights, least_pairs: int, least_score: float) -> TokenizerFit:
    """Say whether a tokenizer belongs to a model.

    Args:
        tokenizer: The tokenizer.
        weights: The model.
        least_pairs: Related tokens with fewer of which the weights prove nothing.
        least_score: Standard errors by which they must be closer than chance.
    """
    from configs.samples import SAMPLES
    from tasks.tokenize.fit import compare_vocabularies, judge_by_weights
    from tasks.tokenize.table import read_table, table_rows

    own, folder = _loaded(tokenizer), Path(weights.folder)
    if weights.beside is not None:
        return compare_vocabularies(own, _loaded(weights.beside), table_rows(folder), list(SAMPLES.values()))
    return judge_by_weights(own, read_table(folder), least_pairs=least_pairs, least_score=least_score)


def _described(name: str, place: Path) -> Vocabulary:
    from tasks.tokenize.vocabularies import find, parts

    path, form = find(place)
    return Vocabulary(name=name, path=str(path), form=form, digest=_digest(parts(path, form)))


def _loaded(wanted: Vocabulary) -> Cutter:
    """Load a tokenizer that was described.

    Raises:
        ModelError: Its files have changed since.
    """
    from tasks.tokenize.vocabularies import load, parts

    path = Path(wanted.path)
    if _digest(parts(path, wanted.form)) != wanted.digest:
        raise ModelError(f"{path} has changed since it was described; run again")
    return load(path, wanted.form)


def _digest(files: Sequence[Path]) -> str:
    return durable.digest_of([digests.of_path(file) for file in files])
