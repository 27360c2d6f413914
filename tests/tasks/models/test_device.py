from pathlib import Path
from typing import Any

import pytest
import torch

from tasks import hardware
from tasks.data.models import Numerics
from tasks.errors import ContractError
from tasks.models import device

CHOICES = {
    "auto on a plain processor": ("auto", "auto", False, False, "fp32", "torch-cpu", "the processor has no native"),
    "auto on a modern processor": ("auto", "auto", False, True, "bf16", "torch-cpu", "the processor multiplies"),
    "auto with a GPU": ("auto", "auto", True, False, "bf16", "torch-cuda", "the GPU multiplies bfloat16 natively"),
    "cpu although there is a GPU": ("auto", "cpu", True, False, "fp32", "torch-cpu", "the processor has no native"),
    "cuda": ("auto", "cuda", True, False, "bf16", "torch-cuda", "the GPU multiplies"),
    "fp32 on a GPU": ("fp32", "auto", True, True, "fp32", "torch-cuda", "as configured"),
    "fp32 on a modern processor": ("fp32", "auto", False, True, "fp32", "torch-cpu", "as configured"),
    "bf16 on a modern processor": ("bf16", "cpu", False, True, "bf16", "torch-cpu", "as configured"),
    "bf16 on a GPU": ("bf16", "cuda", True, False, "bf16", "torch-cuda", "as configured"),
}


def pretend(monkeypatch: pytest.MonkeyPatch, *, gpu: bool, bf16: bool) -> None:
    """Stand on a machine of another kind."""
    monkeypatch.setattr(hardware, "has_gpu", lambda: gpu)
    monkeypatch.setattr(hardware, "processor_has_bf16", lambda: bf16)


@pytest.mark.parametrize(
    ("precision", "where", "gpu", "bf16", "expected", "engine", "reason"), CHOICES.values(), ids=CHOICES.keys()
)
def test_precision_and_device_follow_what_is_asked_for_and_what_is_there(
    monkeypatch: pytest.MonkeyPatch, precision: Any, where: Any, gpu: bool, bf16: bool, expected: str, engine: str,
    reason: str,
) -> None:  # fmt: skip
    pretend(monkeypatch, gpu=gpu, bf16=bf16)
    chosen = device.choose(precision, where)
    assert (chosen.precision, chosen.engine) == (expected, engine)
    assert chosen.reason.startswith(reason)


def test_cuda_without_a_gpu_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, gpu=False, bf16=True)
    with pytest.raises(
        ContractError, match=r"embed.device is cuda but torch sees no GPU here; use auto or cpu, or run"
    ):
        device.choose("auto", "cuda")


@pytest.mark.parametrize(("where", "gpu"), [("auto", False), ("cpu", True)], ids=["no GPU", "GPU not wanted"])
def test_bf16_on_a_plain_processor_is_refused_with_the_way_out(
    monkeypatch: pytest.MonkeyPatch, where: Any, gpu: bool
) -> None:
    pretend(monkeypatch, gpu=gpu, bf16=False)
    with pytest.raises(ContractError, match=r"embed.precision is bf16 but this processor has no bfloat16 arithmetic"):
        device.choose("bf16", where)


def test_a_gpu_is_there_when_torch_says_so() -> None:
    hardware.has_gpu.cache_clear()
    assert hardware.has_gpu() == torch.cuda.is_available()


@pytest.mark.parametrize(("driver", "expected"), [(True, True), (False, False)], ids=["driver", "no driver"])
def test_torch_is_asked_only_where_there_is_a_driver(
    monkeypatch: pytest.MonkeyPatch, driver: bool, expected: bool
) -> None:
    monkeypatch.setattr(Path, "exists", lambda self: driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert hardware.has_gpu.__wrapped__() is expected


FLAGS = {
    "avx512_bf16": True, "amx_bf16": True, "bf16": True, "avx512f": False, "xavx512_bf16": False,
}  # fmt: skip


@pytest.mark.parametrize(("flag", "native"), FLAGS.items(), ids=FLAGS.keys())
def test_native_bfloat16_is_read_from_the_flags_of_the_processor(
    monkeypatch: pytest.MonkeyPatch, flag: str, native: bool
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: f"processor\t: 0\nflags\t\t: fpu {flag} sse\n")
    assert hardware.processor_has_bf16.__wrapped__() is native


def test_nothing_is_claimed_of_a_processor_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: Path, encoding: str) -> str:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "read_text", missing)
    assert hardware.processor_has_bf16.__wrapped__() is False
    assert hardware.processor.__wrapped__()


def test_a_processor_is_named_with_the_best_it_has_for_matrices(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "model name\t: Some 9\nflags\t\t: fpu avx2 avx512f xavx512_bf16\n\nprocessor\t: 1\nmodel name\t: Some 9\n"
    monkeypatch.setattr(Path, "read_text", lambda self, encoding: said)
    assert hardware.processor.__wrapped__() == "Some 9 with avx512f"


NUMERICS = {
    "fp32": (Numerics(precision="fp32", engine="torch-cpu"), "", ""),
    "bf16": (Numerics(precision="bf16", engine="torch-cpu"), "", "this processor has no bfloat16 arithmetic"),
    "cuda": (Numerics(precision="fp32", engine="torch-cuda"), "", "torch sees no GPU here"),
    "static": (Numerics(precision="fp32", engine="static-cpu"), "", ""),
}


@pytest.mark.parametrize(("numerics", "rich", "bare"), NUMERICS.values(), ids=NUMERICS.keys())
def test_what_stands_in_the_way_of_a_way_to_encode_is_said(
    numerics: Numerics, rich: str, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, gpu=True, bf16=True)
    assert device.obstacle(numerics) == rich
    pretend(monkeypatch, gpu=False, bf16=False)
    assert device.obstacle(numerics) == bare
