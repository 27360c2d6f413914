"""Tasks of `tokenize`: cut documents into passages."""

from configs.tokenize import Chunk
from tasks.data import DocumentsRef, Encoder, PassagesRef
from tasks.rows import Document, Passage
from tasks.runtime import encoder as encoders
from tasks.runtime import steps, store
from tasks.runtime.steps import step


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
