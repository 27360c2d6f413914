"""What the tests of tasks share: an empty workspace, and small real encoders made on the spot."""

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from configs.index import Bm25, Flat
from tasks.data.documents import Document, DocumentsRef, Item, Passage, PassagesRef, SnapshotRef
from tasks.data.models import Encoder, Fingerprint, Numerics
from tasks.data.search import Generation
from tasks.data.vectors import VectorsRef
from tasks.store import objects

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


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that copies a folder made by another, which it calls only the first time for a name."""
    root = tmp_path_factory.mktemp("made-once")

    def copy(to: Path, make: Callable[[Path], None]) -> Path:
        if not (root / to.name).exists():
            make(root / to.name)
        shutil.copytree(root / to.name, to, dirs_exist_ok=True)
        return to

    return copy


@pytest.fixture
def tiny_encoder(tiny_bert: Path, tmp_path: Path, made_once: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that makes the folder of a small encoder, as sentence-transformers saves it."""

    def make(
        *, pooling: str = "mean", normalize: bool = True, longest: int = LONGEST, prompts: dict[str, str] | None = None
    ) -> Path:
        def save(folder: Path) -> None:
            from sentence_transformers import SentenceTransformer
            from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

            modules = [Transformer(str(tiny_bert)), Pooling(32, pooling), *([Normalize()] if normalize else [])]
            model = SentenceTransformer(modules=modules, device="cpu", prompts=prompts)
            model.max_seq_length = longest
            model.save(str(folder))

        folder = tmp_path / f"encoder-{pooling}-{normalize}-{longest}"
        if prompts:
            save(folder)
            return folder
        return made_once(folder, save)

    return make


@pytest.fixture
def tiny_cross_encoder(tiny_bert: Path, tmp_path: Path, made_once: Callable[..., Path]) -> Callable[..., Path]:
    """Return a function that makes the folder of a small cross-encoder, as transformers saves it."""

    def make(*, labels: int = 1) -> Path:
        def save(folder: Path) -> None:
            import torch
            from transformers import AutoTokenizer, BertForSequenceClassification

            torch.manual_seed(3)
            model = BertForSequenceClassification.from_pretrained(tiny_bert, num_labels=labels)
            torch.nn.init.normal_(model.classifier.weight, std=1.0)
            model.save_pretrained(folder)
            tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
            tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # as BERT's own tokenizer
            tokenizer.save_pretrained(folder)

        return made_once(tmp_path / f"cross-encoder-{labels}", save)

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
    stored = objects.save_rows(PassagesRef, Passage, passages)
    vectors = objects.save_array(VectorsRef, np.eye(3, dtype=np.float32))
    made = Generation(
        collection="shelf",
        source="files",
        snapshot=objects.save_rows(SnapshotRef, Item, []),
        documents=objects.save_rows(DocumentsRef, Document, documents),
        passages=stored,
        vectors=vectors,
        dense=index_dense.fn(vectors, Flat()),
        sparse=index_sparse.fn(stored, Bm25()),
        fingerprint=Fingerprint(
            encoder=Encoder(model="m", revision="r", weights="w", tokenizer="t", pooling="mean", normalize=True,
                            max_tokens=8, width=3),
            numerics=Numerics(precision="fp32", engine="torch-cpu", reason="by hand"),
        ),
    )  # fmt: skip
    return publish_generation(made)


class EmbeddingsServer(ThreadingHTTPServer):
    """Answers as an OpenAI-compatible server does, last text first; what it was asked can be read off.

    Attributes:
        asked: Texts of each request, in the order they came.
        keys: What each request had for authorization.
        canned: Given in place of vectors, one a request until they are used up: status, headers, body.
        change: Changes the reply to a request before it is sent.
        refuses: A word; a request with a text that holds it is answered 400.
    """

    daemon_threads = True
    width = 8

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EmbeddingsHandler)
        self.asked: list[list[str]] = []
        self.keys: list[str | None] = []
        self.canned: list[tuple[int, dict[str, str], bytes]] = []
        self.change: Callable[[dict[str, Any]], Any] = lambda reply: reply
        self.refuses = "poison"
        self.base_url = f"http://127.0.0.1:{self.server_port}/v1"
        self.turn = threading.Lock()

    def vector(self, text: str) -> npt.NDArray[np.float64]:
        """Return the vector of a text, not at unit length."""
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self.width) * 3

    def answer(self, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body for a request."""
        texts = request["input"]
        with self.turn:
            self.asked.append(texts)
            if self.canned:
                return self.canned.pop(0)
        if any(self.refuses in text for text in texts):
            return 400, {}, b'{"error": {"message": "the input is not valid"}}'
        rows = [{"index": i, "embedding": self.vector(text).tolist()} for i, text in enumerate(texts)]
        reply = {"object": "list", "data": rows[::-1], "usage": {"prompt_tokens": 100 * len(texts)}}
        return 200, {}, json.dumps(self.change(reply)).encode()


class EmbeddingsHandler(BaseHTTPRequestHandler):
    server: EmbeddingsServer

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert request["encoding_format"] == "float"
        self.server.keys.append(self.headers["Authorization"])
        found = self.path == "/v1/embeddings"
        status, headers, body = self.server.answer(request) if found else (404, {}, b"no such page")
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep standard error clean."""


@pytest.fixture
def embeddings_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddingsServer]:
    """Return a server of embeddings that runs in a thread; no key is set."""
    monkeypatch.delenv("LLM_FLOWS_EMBED_KEY", raising=False)
    with EmbeddingsServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()
