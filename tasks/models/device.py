"""Which device and precision a model runs with, and why; decided without loading torch where that can be."""

from typing import Literal

from tasks import hardware
from tasks.data.models import Numerics
from tasks.errors import ContractError, MissingExtra

INT8_PACKAGES = ("openvino", "nncf")


def choose(
    precision: Literal["auto", "fp32", "bf16", "int8"], device: Literal["auto", "cpu", "cuda"], place: str = "embed"
) -> Numerics:
    """Choose how a model runs, and say why; auto never takes int8, which costs a minute of calibration first.

    Args:
        precision: As configured.
        device: As configured.
        place: Where in a config the two stand; for messages.

    Raises:
        ContractError: What was asked for is not there.
        MissingExtra: The precision is int8, and what it needs is not installed.
    """
    if precision == "int8":
        return _choose_int8(device)
    if device == "cuda" and not hardware.has_gpu():
        raise ContractError(
            f"{place}.device is cuda but torch sees no GPU here; use auto or cpu, or run on the gpu pool"
        )
    engine = "torch-cuda" if device != "cpu" and hardware.has_gpu() else "torch-cpu"
    native = engine == "torch-cuda" or hardware.processor_has_bf16()
    if precision == "bf16" and not native:
        raise ContractError(
            f"{place}.precision is bf16 but this processor has no bfloat16 arithmetic; use auto or fp32"
        )
    if precision != "auto":
        return Numerics(precision=precision, engine=engine, reason="as configured")
    where = "the GPU" if engine == "torch-cuda" else "the processor"
    if native:
        return Numerics(precision="bf16", engine=engine, reason=f"{where} multiplies bfloat16 natively")
    return Numerics(precision="fp32", engine=engine, reason=f"{where} has no native bfloat16")


def obstacle(numerics: Numerics) -> str:
    """Return why this machine cannot run an encoder in a certain way; empty where it can."""
    if numerics.engine == "torch-cuda" and not hardware.has_gpu():
        return "torch sees no GPU here"
    if numerics.engine == "torch-cpu" and numerics.precision == "bf16" and not hardware.processor_has_bf16():
        return "this processor has no bfloat16 arithmetic"
    if numerics.engine == "openvino-cpu" and (lacking := hardware.missing(INT8_PACKAGES)):
        return f"{' and '.join(lacking)} is not installed"
    return ""


def require_int8() -> None:
    """Check that the packages for int8 are installed.

    Raises:
        MissingExtra: One is not.
    """
    if lacking := hardware.missing(INT8_PACKAGES):
        raise MissingExtra(
            f"embed.precision is int8 but {' and '.join(lacking)} is not installed; "
            "run: pip install 'llm-flows[int8]', or use fp32 or bf16"
        )


def _choose_int8(device: Literal["auto", "cpu", "cuda"]) -> Numerics:
    if device == "cuda":
        raise ContractError("embed.precision is int8 but embed.device is cuda; int8 runs on the cpu, a GPU takes bf16")
    require_int8()
    return Numerics(precision="int8", engine="openvino-cpu", reason="as configured")


def choose_static(precision: Literal["auto", "fp32", "bf16"], device: Literal["auto", "cpu", "cuda"]) -> Numerics:
    """Choose how a static encoder runs: on the processor, in 32-bit floats.

    Raises:
        ContractError: Something else was asked for.
    """
    if device == "cuda":
        raise ContractError("embed.device is cuda but a static encoder runs on the processor; use auto or cpu")
    if precision not in ("auto", "fp32"):
        raise ContractError(f"embed.precision is {precision} but a static encoder has fp32 alone; use auto or fp32")
    return Numerics(precision="fp32", engine="static-cpu", reason="a static encoder looks its vectors up")


def choose_remote(precision: str, device: str) -> Numerics:
    """Say how a remote encoder runs: as its server decides.

    Raises:
        ContractError: Something else was asked for.
    """
    for name, value in (("precision", precision), ("device", device)):
        if value != "auto":
            raise ContractError(f"embed.{name} is {value} but embed.server encodes as it decides; use auto")
    return Numerics(precision="server", engine="openai-api", reason="a server encodes, as it decides")
