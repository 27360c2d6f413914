"""Tasks of `tokenize`: cut documents into passages, or take them whole."""

from configs.tokenize import Chunk
from tasks.data import DocumentsRef, Encoder, PassagesRef
from tasks.rows import Document, Passage
from tasks.runtime import encoder as encoders
from tasks.runtime import steps, store
from tasks.runtime.steps import step
from tasks.topic_data import Coverage


@step(name="tokenize-chunk", run_name="tokenize-chunk max_tokens={config.max_tokens}", libraries=("tokenizers",))
def chunk_documents(documents: DocumentsRef, encoder: Encoder, config: Chunk) -> PassagesRef:
    """Cut documents into passages of whole sentences.

    Args:
        documents: What to cut.
        encoder: Whose tokens are counted.
        config: Budget, overlap, heading.
    """
    from tasks.tokenize.chunk import cut_documents

    tokenizer = encoders.tokenizer(encoder)
    passages = list(
        cut_documents(
            store.load_rows(documents, Document),
            lambda texts: [e.offsets for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)],
            config,
        )
    )
    tokens = sum(p.tokens for p in passages)
    steps.record(passages=len(passages), tokens=tokens, tokens_per_passage=tokens / len(passages))
    return store.save_rows(PassagesRef, Passage, passages)


@step(name="tokenize-whole", libraries=("tokenizers",))
def whole_documents(documents: DocumentsRef, encoder: Encoder) -> PassagesRef:
    """Make each document one passage that bears its id; the encoder reads as much of it as it can.

    Args:
        documents: What to take whole.
        encoder: Whose tokens are counted.
    """
    from tasks.tokenize.chunk import take_whole

    tokenizer = encoders.tokenizer(encoder)
    passages = list(
        take_whole(
            store.load_rows(documents, Document),
            lambda texts: [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)],
        )
    )
    steps.record(passages=len(passages), tokens=sum(p.tokens for p in passages))
    return store.save_rows(PassagesRef, Passage, passages)


@step(name="tokenize-coverage", libraries=("tokenizers",))
def cover_documents(documents: DocumentsRef, encoder: Encoder) -> Coverage:
    """Say how well the vocabulary of an encoder knows the words of documents.

    Args:
        documents: What is read.
        encoder: Whose tokens words are cut into.
    """
    from tasks.tokenize.coverage import cover_words

    tokenizer = encoders.tokenizer(encoder)
    texts = store.load_table(documents, ["text"])["text"].to_pylist()
    found = cover_words(
        texts, lambda words: [e.tokens for e in tokenizer.encode_batch(list(words), add_special_tokens=False)]
    )
    steps.record(pieces_per_word=found.pieces_per_word, unknown_share=found.unknown_share)
    return found
