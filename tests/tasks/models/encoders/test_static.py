"""Static encoders, against the two libraries that write them."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer
from tokenizers import models as kinds
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from tasks.data.models import Fingerprint
from tasks.errors import ContractError, ModelError
from tasks.models import files as model_files
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders import static as static_forward

pytestmark = pytest.mark.usefixtures("home")
WORDS = ["[PAD]", "[UNK]", "the", "cat", "dog", "sat", "ran", "##s", "far", "naive", "."]
TEXTS = ["the cat sat.", "The DOGS ran far", "naïve zebra cats", "far", "the cat sat. " * 300]
Vectors = npt.NDArray[np.float32]


def tokenizer() -> Tokenizer:
    made = Tokenizer(kinds.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token=WORDS[1]))
    made.normalizer = BertNormalizer()
    made.pre_tokenizer = BertPreTokenizer()
    return made


def table(rows: int = len(WORDS)) -> Vectors:
    return np.random.default_rng(5).normal(size=(rows, 6)).astype(np.float32)


@pytest.fixture
def by_sentence_transformers(tmp_path: Path) -> Path:
    """Return a folder as sentence-transformers saves it."""
    folder = tmp_path / "st"
    SentenceTransformer(modules=[StaticEmbedding(tokenizer(), table()), Normalize()], device="cpu").save(str(folder))
    return folder


@pytest.fixture
def by_model2vec(tmp_path: Path) -> Path:
    """Return a folder as model2vec saves it."""
    folder = tmp_path / "m2v"
    folder.mkdir()
    save_file({"embeddings": table()}, folder / "model.safetensors")
    tokenizer().save(str(folder / "tokenizer.json"))
    config = {"model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True, "max_length": 512}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def mark(folder: Path) -> Fingerprint:
    return encoders.fingerprint(str(folder), "auto", "auto")


def encode(folder: Path, texts: list[str]) -> Vectors:
    return encoders.engine(mark(folder)).encode(texts)


def at_unit_length(vectors: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def brute(ids: list[int], rows: Vectors) -> npt.NDArray[np.floating]:
    mean = np.mean([rows[i] for i in ids], axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def test_a_folder_of_sentence_transformers_gives_its_vectors(by_sentence_transformers: Path) -> None:
    expected = SentenceTransformer(str(by_sentence_transformers), device="cpu").encode(TEXTS)
    np.testing.assert_allclose(encode(by_sentence_transformers, TEXTS), expected, atol=1e-5)  # torch sums in 32 bits


def test_a_folder_of_model2vec_gives_the_vectors_of_model2vec(by_model2vec: Path) -> None:
    model2vec = pytest.importorskip("model2vec")
    expected = model2vec.StaticModel.from_pretrained(by_model2vec).encode(TEXTS)
    np.testing.assert_allclose(encode(by_model2vec, TEXTS), expected, atol=1e-6)


def test_an_unknown_token_counts_in_sentence_transformers_and_not_in_model2vec(
    by_sentence_transformers: Path, by_model2vec: Path
) -> None:
    np.testing.assert_allclose(encode(by_sentence_transformers, ["cat zebra"])[0], brute([3, 1], table()), atol=1e-6)
    np.testing.assert_allclose(encode(by_model2vec, ["cat zebra"])[0], brute([3], table()), atol=1e-6)


def test_tokens_that_share_rows_and_have_weights_are_worked_in(by_model2vec: Path) -> None:
    shared = table(4)
    mapping = np.arange(len(WORDS), dtype=np.int64) % 4
    weights = np.linspace(0.5, 2, len(WORDS)).astype(np.float32)
    tensors = {"embeddings": shared, "mapping": mapping, "weights": weights}
    save_file({name: np.asarray(tensor) for name, tensor in tensors.items()}, by_model2vec / "model.safetensors")
    expected = brute([2, 3], shared[mapping] * weights[:, None])
    np.testing.assert_allclose(encode(by_model2vec, ["the cat"])[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["float16", "int8"])
def test_a_table_in_fewer_bits_is_read(kind: str, by_model2vec: Path) -> None:
    rows = (table() * 20).astype(kind)
    save_file({"embeddings": rows}, by_model2vec / "model.safetensors")
    made = encode(by_model2vec, TEXTS)
    np.testing.assert_allclose(made[3], at_unit_length(rows[[8]].astype(np.float32))[0], atol=1e-6)


def test_a_text_of_which_nothing_is_known_has_no_direction(by_model2vec: Path, by_sentence_transformers: Path) -> None:
    made = encode(by_model2vec, ["zebra", "", "cat"])
    assert np.isnan(made).all(axis=1).tolist() == [True, True, False]
    assert np.isnan(encode(by_sentence_transformers, ["", "cat"])).all(axis=1).tolist() == [True, False]


def test_no_vector_depends_on_its_neighbours(by_model2vec: Path) -> None:
    alone = np.concatenate([encode(by_model2vec, [text]) for text in TEXTS])
    assert np.array_equal(encode(by_model2vec, TEXTS[::-1])[::-1], alone)


def test_what_is_cut_off_is_counted_without_special_tokens(by_model2vec: Path) -> None:
    meter = encoder_base.Meter()
    encoders.engine(mark(by_model2vec)).encode(["cat " * 512, "cat " * 513], meter)
    assert (meter.tokens, meter.truncated) == (1_024, 1)
    assert encoder_base.count_tokens(mark(by_model2vec).encoder, ["the cat sat."]) == [4]


def test_a_static_encoder_is_described_from_its_files(by_sentence_transformers: Path, by_model2vec: Path) -> None:
    st, m2v = model_files.describe(str(by_sentence_transformers)), model_files.describe(str(by_model2vec))
    assert (st.architecture, st.pooling, st.normalize, st.width, st.max_tokens) == ("static", "mean", True, 6, 32_768)
    assert (m2v.architecture, m2v.pooling, m2v.normalize, m2v.width) == ("static", "mean_known", True, 6)
    assert m2v.max_tokens == 512
    assert st.identity != m2v.identity


def test_a_static_encoder_runs_exactly_on_the_processor_and_says_why(by_model2vec: Path) -> None:
    made = mark(by_model2vec).numerics
    assert (made.precision, made.engine) == ("fp32", "static-cpu")
    assert made.reason == "a static encoder looks its vectors up"
    with pytest.raises(ContractError, match="precision is bf16 but a static encoder has fp32 alone; use auto or fp"):
        encoders.fingerprint(str(by_model2vec), "bf16", "auto")
    with pytest.raises(ContractError, match="device is cuda but a static encoder runs on the processor; use auto"):
        encoders.fingerprint(str(by_model2vec), "auto", "cuda")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"other": table()}, r"has none of the tensors \['embedding.weight', 'embeddings'\]; a static encoder was"),
        ({"embeddings": table(3)}, r"has 3 token vectors but the tokenizer 11 tokens; download it again"),
    ],
    ids=["another tensor", "too few rows"],
)
def test_weights_that_do_not_fit_are_refused(tensors: dict[str, Vectors], message: str, by_model2vec: Path) -> None:
    save_file(tensors, by_model2vec / "model.safetensors")
    with pytest.raises(ModelError, match=message):
        encode(by_model2vec, TEXTS)


def test_weights_that_are_no_safetensors_are_refused(by_model2vec: Path) -> None:
    (by_model2vec / "model.safetensors").write_bytes(b"pickled")
    with pytest.raises(ModelError, match=r"cannot be read .* download the model again"):
        model_files.describe(str(by_model2vec))


def test_a_module_after_the_table_that_is_not_known_is_refused(by_sentence_transformers: Path) -> None:
    path = by_sentence_transformers / "modules.json"
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    path.write_text(json.dumps([*json.loads(path.read_text()), dense]))
    with pytest.raises(ModelError, match=r"has modules \['Dense'\], which this version does not run"):
        model_files.describe(str(by_sentence_transformers))


def test_the_unknown_token_of_a_unigram_model_is_its_number(tmp_path: Path) -> None:
    Tokenizer(kinds.Unigram([("a", -1.0), ("<unk>", -2.0)], unk_id=1)).save(str(tmp_path / "tokenizer.json"))
    assert static_forward.unknown_token(tmp_path) == 1
    Tokenizer(kinds.BPE()).save(str(tmp_path / "tokenizer.json"))
    assert static_forward.unknown_token(tmp_path) is None


def test_the_table_on_disk_is_the_table_in_memory(by_sentence_transformers: Path) -> None:
    folder = model_files.tokenizer_file(str(by_sentence_transformers)).parent
    saved = load_file(folder / "model.safetensors")["embedding.weight"]
    assert np.array_equal(static_forward.load(folder), saved)
