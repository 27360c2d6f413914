"""What the tests of tasks share: an empty workspace, and small real encoders made on the spot."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.index import Bm25, Flat
from tasks.data import DocumentsRef, Encoder, Fingerprint, Generation, Numerics, PassagesRef, SnapshotRef, VectorsRef
from tasks.rows import Document, Item, Passage
from tasks.runtime import store

os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")  # steps are called outside flows here

SPECIAL = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[",
    "]",
    "a",
    "the",
    "cat",
    "dog",
    "sat",
    "ran",
    "far",
    "poison",
    "sep",
    "cls",
    "mat",
    "night",
    "train",
    "q",
    "d",
    ":",
]
LONGEST = 40  # positions of the small encoders; no rung of the ladder, on purpose


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty workspace."""
    path = tmp_path / "workspace"
    monkeypatch.setenv("LLM_FLOWS_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a BERT of two layers with its WordPiece tokenizer, as transformers saves them."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-bert")
    pieces = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token=WORDS[1]))
    pieces.normalizer = normalizers.BertNormalizer()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=pieces, model_max_length=LONGEST, **SPECIAL).save_pretrained(folder)
    torch.manual_seed(7)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=LONGEST, initializer_range=0.5, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_encoder(tiny_bert: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes the folder of a small encoder, as sentence-transformers saves it."""

    def make(
        *, pooling: str = "mean", normalize: bool = True, longest: int = LONGEST, prompts: dict[str, str] | None = None
    ) -> Path:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

        modules = [Transformer(str(tiny_bert)), Pooling(32, pooling), *([Normalize()] if normalize else [])]
        model = SentenceTransformer(modules=modules, device="cpu", prompts=prompts)
        model.max_seq_length = longest
        folder = tmp_path / f"encoder-{pooling}-{normalize}-{longest}"
        model.save(str(folder))
        return folder

    return make


@pytest.fixture
def poisoned_encoder(tiny_encoder: Callable[..., Path]) -> Path:
    """Return the folder of a small encoder that gives NaN for every text with the word `poison`."""
    from safetensors.torch import load_file, save_file

    folder = tiny_encoder()
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][WORDS.index("poison")] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture
def shelf(home: Path) -> Generation:
    """Return a live collection of three documents, each one passage of two sentences and one axis of space."""
    from tasks.index import index_dense, index_sparse, publish_generation

    texts = {
        "cats": "Cats purr when they are warm. Cats sleep all day long.",
        "dogs": "Dogs bark at the postman.\nDogs chase the red ball.",
        "ships": "Ships sail over the wide sea. The keeper lights the lamp.",
    }
    documents = [Document(name, text, name.title(), "shelf", f"{name}.txt", 3) for name, text in texts.items()]
    passages = [
        Passage(f"{d.id}#0", d.id, row, 0, len(d.text), d.title, d.text, 12) for row, d in enumerate(documents)
    ]
    stored = store.save_rows(PassagesRef, Passage, passages)
    vectors = store.save_array(VectorsRef, np.eye(3, dtype=np.float32))
    made = Generation(
        collection="shelf",
        source="files",
        snapshot=store.save_rows(SnapshotRef, Item, []),
        documents=store.save_rows(DocumentsRef, Document, documents),
        passages=stored,
        vectors=vectors,
        dense=index_dense.fn(vectors, Flat()),
        sparse=index_sparse.fn(stored, Bm25()),
        fingerprint=Fingerprint(
            encoder=Encoder(model="m", revision="r", weights="w", tokenizer="t", pooling="mean", normalize=True,
                            max_tokens=8, width=3),
            numerics=Numerics(precision="exact", engine="torch-cpu", reason="by hand"),
        ),
    )  # fmt: skip
    return publish_generation(made)
