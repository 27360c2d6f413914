import asyncio.locks
import importlib.util
import inspect
import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from configs.models import EMBEDDED
from tasks import hardware
from tasks.data.models import Fingerprint
from tasks.errors import ContractError, MissingExtra, ModelError
from tasks.models import device
from tasks.models import files as model_files
from tasks.models.encoders import int8 as int8_forward
from tasks.models.encoders import load as encoders
from tasks.models.encoders.base import EncodingEngine, count_tokens
from tasks.models.encoders.int8 import (
    agreement,
    calibration_texts,
    compare,
    quantised,
    refuse_if_far,
    texts_of_lengths,
)
from tasks.store import durable, workspace

SENTENCE = "The night train to the coast leaves at ten. "
TEXTS = ["the cat sat", "", "a dog ran far far far", "the night train " * 9, "the cat sat on a mat " * 30]


@pytest.fixture(scope="module", autouse=True)
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the quantised models of these tests in one workspace."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("int8")
        patch.setenv("LLM_FLOWS_HOME", str(home))
        yield home


def mark(model: str | Path) -> Fingerprint:
    return encoders.fingerprint(str(model), "int8", "auto")


@pytest.fixture(scope="module")
def embedded() -> EncodingEngine:
    return encoders.engine(mark(EMBEDDED))


@pytest.fixture(scope="module")
def calibrating() -> list[str]:
    return calibration_texts()


@pytest.fixture
def loose(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a model of random weights through the gate, which the embedded one passes as it is."""
    monkeypatch.setattr(int8_forward, "MIN_LEAST_COSINE", -1.0)
    monkeypatch.setattr(int8_forward, "MIN_COSINE", 0.5)
    monkeypatch.setattr(int8_forward, "MIN_RANK_AGREEMENT", 0.5)


@pytest.mark.long  # a minute of calibration
def test_vectors_of_the_embedded_model_stay_close_to_those_of_sentence_transformers(embedded: EncodingEngine) -> None:
    texts = [SENTENCE * n + ending for n in (1, 2, 5, 12) for ending in ("Bread is baked at four.", "Why?", "A ship.")]
    reference = SentenceTransformer(str(model_files.locate(EMBEDDED).folder), device="cpu")
    expected = reference.encode(texts, normalize_embeddings=True)
    ours = embedded.encode(texts)
    assert (ours * expected).sum(axis=1).mean() >= 0.99
    np.testing.assert_allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-3)
    assert ours.dtype == np.float32


@pytest.mark.long  # a minute of calibration
def test_short_texts_alone_and_among_long_ones_stay_close_to_32_bits(embedded: EncodingEngine) -> None:
    exact = encoders.engine(encoders.fingerprint(EMBEDDED, "fp32", "cpu"))
    words = (SENTENCE + "Bread is baked at four; why does a ship wait outside of the harbour? ").split()
    counted = {count: [" ".join((words * 2)[n:][:count]) for n in range(len(words))] for count in (1, 2, 5, 20)}
    mixed = [text for texts in counted.values() for text in texts[::4]] + [SENTENCE * n for n in (1, 4, 16, 80)]
    for texts in (*counted.values(), mixed):
        assert (embedded.encode(texts) * exact.encode(texts)).sum(axis=1).min() >= 0.98


@pytest.mark.long  # a minute of calibration
def test_what_was_measured_is_kept_with_the_model_that_was_accepted(embedded: EncodingEngine) -> None:
    info = durable.read_manifest(quantised(embedded.encoder))
    assert 0.98 <= info["least cosine"] <= info["mean cosine"]
    assert info["mean cosine"] >= 0.99
    assert info["ranks"] >= 0.99


@pytest.mark.long  # a minute of calibration
def test_the_order_and_the_company_of_a_text_do_not_change_a_bit(embedded: EncodingEngine) -> None:
    texts = [*TEXTS, *(SENTENCE * n for n in range(1, 40, 3))]
    whole = embedded.encode(texts)
    order = np.random.default_rng(0).permutation(len(texts))
    parts = [order[:1], order[1:5], order[5:]]
    again = np.concatenate([embedded.encode([texts[row] for row in part]) for part in parts])
    np.testing.assert_array_equal(again, whole[order])


@pytest.mark.long  # a minute of calibration
def test_the_next_process_loads_the_kept_model_without_torch(embedded: EncodingEngine, shared_home: Path) -> None:
    code = (
        "import sys, json; from tasks.models.encoders import load as encoders;"
        f"made = encoders.engine(encoders.fingerprint({EMBEDDED!r}, 'int8', 'auto'));"
        "vector = made.encode(['the cat sat'])[0].tolist();"
        "loaded = sorted({'torch', 'nncf', 'openvino_telemetry.main'} & set(sys.modules));"
        "print(json.dumps([loaded, vector]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, vector = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
    np.testing.assert_array_equal(np.float32(vector), embedded.encode(["the cat sat"])[0])


@pytest.mark.long
def test_a_damaged_model_is_made_again(tiny_bert: Path, loose: None) -> None:
    described = model_files.describe(str(tiny_bert))
    folder = quantised(described)
    assert quantised(described) == folder
    (folder / "model.bin").write_bytes(b"damaged")
    again = quantised(described)
    assert (again / "model.bin").stat().st_size > len(b"damaged")
    assert [path for path in again.parent.iterdir() if not path.name.startswith(".")] == [again]


@pytest.mark.slow
def test_a_model_that_int8_moves_too_far_is_refused_and_nothing_is_kept(
    tiny_bert: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_forward, "MIN_COSINE", 1.1)
    said = r"in int8 has a least cosine of 0\.\d{4}, a mean of 0\.\d{4} and a rank agreement of .* but 0.98, 1.1 and"
    with pytest.raises(ModelError, match=said):
        quantised(model_files.describe(str(tiny_bert)))
    assert not [path for path in workspace.folder("quantised").glob("*/*")]


def test_agreement_of_vectors_with_themselves_is_whole_and_with_noise_is_none() -> None:
    draw = np.random.default_rng(0).standard_normal((2, 60, 384)).astype(np.float32)
    ours, theirs = draw / np.linalg.norm(draw, axis=2, keepdims=True)
    assert agreement(ours, ours) == pytest.approx((1, 1, 1))
    least, *others = agreement(ours, theirs)
    assert least == (ours * theirs).sum(axis=1).min() < 0
    assert others == pytest.approx([0, 0], abs=0.1)


def test_a_turned_space_agrees_in_ranks_alone() -> None:
    draw = np.random.default_rng(0).standard_normal((60, 8)).astype(np.float32)
    rows = draw / np.linalg.norm(draw, axis=1, keepdims=True)
    assert agreement(rows, -rows) == pytest.approx((-1, -1, 1))


def narrow(wrong_up_to: int) -> Any:
    """Return a stand-in for a model: one bag of tokens a row, another one in rows of few tokens."""
    made, moved = np.random.default_rng(3).standard_normal((2, 40_000, 32)).astype(np.float32)

    def run(tokens: Any, mask: Any) -> Any:
        short = (mask.sum(axis=1) <= wrong_up_to)[:, None, None]
        bags = (np.where(short, moved[tokens], made[tokens]) * mask[..., None]).sum(axis=1)
        return bags / np.linalg.norm(bags, axis=1, keepdims=True)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [3, 6])
def test_a_model_that_is_wrong_for_short_texts_alone_is_refused(
    tokens: int, calibrating: list[str], home: Path
) -> None:
    described = model_files.describe(EMBEDDED).model_copy(update={"width": 32})
    checks = [*calibrating[100:], *texts_of_lengths(calibrating)]
    refuse_if_far("m", *compare(described, checks, narrow(0), narrow(0)))
    with pytest.raises(ModelError, match=r"least cosine of -?0"):
        refuse_if_far("m", *compare(described, checks, narrow(tokens), narrow(0)))


@pytest.mark.slow
def test_the_texts_that_check_are_of_every_length_that_a_model_reads(calibrating: list[str], home: Path) -> None:
    described = model_files.describe(EMBEDDED)
    checks = texts_of_lengths(calibrating)
    counts = np.array(count_tokens(described, checks))
    assert checks == texts_of_lengths(calibrating)
    assert counts.min() == 3  # one, and two special ones
    assert counts[-int8_forward.EACH :].min() >= 512
    assert np.histogram(counts, [3, 5, 9, 17, 33, 65, 129, 257, 512, 10_000])[0].min() >= 5


REFUSED = {
    "one text": (0.9799, 1.0, 1.0),
    "all texts": (0.9899, 0.9899, 1.0),
    "ranks": (1.0, 1.0, 0.9899),
    "a text without numbers": (float("nan"), float("nan"), 1.0),
    "no least": (float("nan"), 1.0, 1.0),
    "no mean": (1.0, float("nan"), 1.0),
    "no ranks": (1.0, 1.0, float("nan")),
}


@pytest.mark.parametrize("measured", REFUSED.values(), ids=REFUSED.keys())
def test_too_little_agreement_is_refused_with_the_way_out(measured: tuple[float, float, float]) -> None:
    with pytest.raises(ModelError, match=r"0.98, 0.99 and 0.99 were needed; use embed.precision fp32 or bf16"):
        refuse_if_far("m", *measured)


def test_a_single_vector_without_numbers_is_none_in_all_that_is_measured() -> None:
    draw = np.random.default_rng(0).standard_normal((12, 8)).astype(np.float32)
    rows = draw / np.linalg.norm(draw, axis=1, keepdims=True)
    with_one = rows.copy()
    with_one[3] = np.nan
    assert np.isnan(agreement(with_one, rows)).all()


def test_agreement_at_the_bound_is_enough() -> None:
    refuse_if_far("m", 0.98, 0.99, 0.99)


@pytest.mark.slow
def test_the_texts_are_python_s_own_of_mixed_lengths_and_the_same_each_time(calibrating: list[str]) -> None:
    texts = calibration_texts()
    assert texts == calibrating
    assert len(set(texts)) == int8_forward.TEXTS
    for half in (texts[:100], texts[100:]):  # those that calibrate, and those that check
        spans = np.digitize([len(text) for text in half], [20, 60, 200, 600])
        assert np.bincount(spans, minlength=5).tolist() == [0, 25, 25, 25, 25]


def test_the_texts_of_a_module_are_what_python_shows_of_it() -> None:
    found = set(int8_forward._docstrings("textwrap")) | set(int8_forward._docstrings("asyncio.locks"))
    shown = (textwrap.dedent, textwrap.TextWrapper, textwrap.TextWrapper.wrap, asyncio.locks.Lock)
    assert {inspect.getdoc(thing) for thing in shown} <= found


def test_a_python_without_sources_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_forward, "MODULES", ("no_such_module",))
    with pytest.raises(ModelError, match=r"200 texts of Python's own sources but 0 are there; use fp32 or bf16"):
        calibration_texts()


@pytest.mark.parametrize("gpu", [True, False], ids=["GPU", "no GPU"])
def test_int8_runs_on_the_processor_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch, gpu: bool) -> None:
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    chosen = device.choose("int8", "auto")
    assert (chosen.precision, chosen.engine, chosen.reason) == ("int8", "openvino-cpu", "as configured")
    assert device.choose("auto", "auto").precision != "int8"


def test_int8_on_a_gpu_is_refused_with_the_way_out() -> None:
    with pytest.raises(ContractError, match=r"embed.precision is int8 but embed.device is cuda; int8 runs on the cpu"):
        device.choose("int8", "cuda")


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch, tiny_bert: Path) -> None:
    wanted = mark(tiny_bert)
    find: Any = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "nncf" else find(name))
    message = r"int8 but nncf is not installed; run: pip install 'llm-flows\[int8\]', or use fp32 or bf16"
    with pytest.raises(MissingExtra, match=message):
        device.choose("int8", "cpu")
    with pytest.raises(MissingExtra, match=message):
        int8_forward.OpenvinoForward(wanted)
