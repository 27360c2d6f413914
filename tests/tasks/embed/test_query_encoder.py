"""Queries are encoded by the encoder of the passages, run as this machine can; another encoder is refused."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from configs.embed import Embed
from tasks import hardware
from tasks.data.documents import Passage, PassagesRef
from tasks.data.models import Fingerprint, Numerics
from tasks.data.search import Generation, QueriesRef, Query
from tasks.data.vectors import VectorsRef
from tasks.embed import compare_numerics, describe_encoder, embed_queries, query_encoder
from tasks.errors import ModelError
from tasks.models import files as model_files
from tasks.models.encoders import load as encoders
from tasks.store import objects

pytestmark = pytest.mark.usefixtures("home", "without_prefect")
TEXTS = ["the cat sat", "a dog ran far", "the night train", "a mat", "the dog sat", "cat train"]
ELSEWHERE = {
    "cuda": (Numerics(precision="bf16", engine="torch-cuda"), "torch sees no GPU here"),
    "bf16": (Numerics(precision="bf16", engine="torch-cpu"), "this processor has no bfloat16 arithmetic"),
    "int8": (Numerics(precision="int8", engine="openvino-cpu"), "openvino and nncf is not installed"),
}
Make = Callable[..., Path]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a machine without GPU, bfloat16 or the packages for int8."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    monkeypatch.setattr(hardware, "processor_has_bf16", lambda: False)
    monkeypatch.setattr(hardware.importlib.util, "find_spec", lambda name: None)


def built(shelf: Generation, folder: Path, numerics: Numerics, noise: float = 0.0) -> Generation:
    """Return a generation over real vectors of an encoder, moved a little as other numerics would."""
    here = describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu"))
    rows = [Passage(f"d{n}#0", f"d{n}", n, 0, len(text), "", text, 3) for n, text in enumerate(TEXTS)]
    exact = encoders.engine(here).encode(TEXTS)
    moved = exact + noise * np.random.default_rng(0).normal(size=exact.shape) / np.sqrt(exact.shape[1])
    vectors = (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)
    return shelf.model_copy(
        update={
            "passages": objects.save_rows(PassagesRef, Passage, rows),
            "vectors": objects.save_array(VectorsRef, vectors),
            "fingerprint": Fingerprint(encoder=here.encoder, numerics=numerics),
        }
    )


def test_what_this_machine_can_run_is_taken_as_it_is(shelf: Generation, tiny_encoder: Make) -> None:
    made = built(shelf, tiny_encoder(), Numerics(precision="fp32", engine="torch-cpu", reason="by hand"))
    assert query_encoder(made) == made.fingerprint


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("numerics", "why"), ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_what_this_machine_cannot_run_is_replaced_by_what_it_can_with_the_reason(
    numerics: Numerics, why: str, shelf: Generation, tiny_encoder: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = built(shelf, tiny_encoder(), numerics, noise=0.01)
    here = query_encoder(made)
    assert (here.encoder, here.numerics.precision) == (made.fingerprint.encoder, "fp32")
    was = f"{numerics.engine} in {numerics.precision}"
    assert here.numerics.reason.startswith(f"the passages were encoded by {was}, but {why}: ")
    assert here.numerics.reason in caplog.text
    queries = objects.save_rows(QueriesRef, Query, [Query("1", TEXTS[2])])
    cosines = objects.load_array(made.vectors) @ objects.load_array(embed_queries(queries, here))[0]
    assert int(cosines.argmax()) == 2


@pytest.mark.usefixtures("bare")
def test_how_far_vectors_move_is_measured_and_too_far_is_refused_with_the_numbers(
    shelf: Generation, tiny_encoder: Make
) -> None:
    made = built(shelf, tiny_encoder(), ELSEWHERE["cuda"][0], noise=0.5)
    close = compare_numerics.fn(made.passages, made.vectors, encoders.runnable(made.fingerprint))
    assert close.passages == len(TEXTS)
    assert close.least <= close.mean < 0.95
    with pytest.raises(
        ModelError,
        match=rf"by torch-cpu in fp32 gives vectors with a mean cosine of {close.mean:.4f} to those of torch-cuda in "
        r"bf16 but 0.99 was needed; query it where",
    ):
        query_encoder(made)


def test_the_closeness_is_that_of_the_stored_vectors_and_those_encoded_here(
    shelf: Generation, tiny_encoder: Make
) -> None:
    made = built(shelf, tiny_encoder(), ELSEWHERE["cuda"][0], noise=0.1)
    here = made.fingerprint.model_copy(update={"numerics": Numerics(precision="fp32", engine="torch-cpu")})
    expected = [
        float(a @ b)
        for a, b in zip(objects.load_array(made.vectors), encoders.engine(here).encode(TEXTS), strict=True)
    ]
    close = compare_numerics.fn(made.passages, made.vectors, here)
    assert (close.least, close.mean) == pytest.approx((min(expected), np.mean(expected)), abs=1e-6)


def test_another_model_under_the_same_name_is_refused_with_both_identities(
    shelf: Generation, tiny_encoder: Make
) -> None:
    folder = tiny_encoder()
    made = built(shelf, folder, Numerics(precision="fp32", engine="torch-cpu"))
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    weights[name][5] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model_files._describe.cache_clear()
    was, now = made.fingerprint.encoder.identity, model_files.describe(str(folder)).identity
    assert was != now
    said = f"with identity {was[:12]} but the model of that name has {now[:12]} here; bring the old one back or build"
    with pytest.raises(ModelError, match=re.escape(said)):
        query_encoder(made)


def test_bf16_vectors_of_passages_are_close_to_exact_ones_of_queries(shelf: Generation, tiny_encoder: Make) -> None:
    folder = tiny_encoder()
    exact = describe_encoder(Embed(model=str(folder), precision="fp32", device="cpu"))
    bf16 = exact.model_copy(update={"numerics": Numerics(precision="bf16", engine="torch-cpu")})
    made = built(shelf, folder, bf16.numerics)
    vectors = objects.save_array(VectorsRef, encoders.engine(bf16).encode(TEXTS))
    assert not np.array_equal(objects.load_array(vectors), objects.load_array(made.vectors))
    assert compare_numerics.fn(made.passages, vectors, exact).least > 0.999
