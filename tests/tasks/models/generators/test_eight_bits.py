"""Layers of 8 bits are those of whole numbers by hand, bit by bit, however many rows are asked for at a time."""

from typing import Any

import numpy as np
import pytest
import torch

from tasks.models.generators import eight_bits
from tasks.models.generators.eight_bits import EightBitLinear


def layer_of(columns: int, *, bias: bool) -> torch.nn.Linear:
    torch.manual_seed(7)
    return torch.nn.Linear(columns, 24, bias=bias)


def by_hand(layer: torch.nn.Linear, given: torch.Tensor) -> Any:
    """Return the result of a layer of 8 bits, in whole numbers of 64 bits."""
    weight, rows = layer.weight.detach().double().numpy(), given.double().numpy()
    units = [np.abs(one).max(1, keepdims=True) / 127 for one in (weight, rows)]
    whole = [np.rint(one / unit).astype(np.int64) for one, unit in zip((weight, rows), units, strict=True)]
    out = (whole[1] @ whole[0].T) * units[1] * units[0].T
    return out if layer.bias is None else out + layer.bias.detach().double().numpy()


@pytest.mark.parametrize("exact", [True, False], ids=["products of 8 bits", "products of fp32 in parts"])
@pytest.mark.parametrize(("columns", "bias"), [(64, True), (2_500, False)])
def test_a_layer_multiplies_whole_numbers_with_a_scale_a_row(
    columns: int, bias: bool, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exact and not eight_bits.multiplies_exactly():
        pytest.skip("the products of 8 bits of this processor are not exact")
    monkeypatch.setattr(eight_bits, "multiplies_exactly", lambda: exact)
    layer = layer_of(columns, bias=bias)
    given = torch.randn(20, columns) * torch.logspace(-3, 3, 20)[:, None]
    with torch.inference_mode():
        found = EightBitLinear(layer)(given.reshape(4, 5, columns))
    assert found.shape == (4, 5, 24)
    wanted = by_hand(layer, given)
    np.testing.assert_allclose(
        found.reshape(20, 24).numpy(), wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max(1).min()
    )


def test_one_loud_token_does_not_change_the_others() -> None:
    layer, quiet = layer_of(64, bias=False), torch.randn(3, 64)
    loud = torch.cat([quiet, 1e4 * torch.ones(1, 64)])
    with torch.inference_mode():
        narrow = EightBitLinear(layer)
        assert torch.equal(narrow(loud)[:3], narrow(quiet))
        torch.testing.assert_close(narrow(quiet), layer(quiet), atol=0.05, rtol=0)


def test_a_row_of_zeros_gives_the_bias() -> None:
    layer = layer_of(64, bias=True)
    with torch.inference_mode():
        assert torch.equal(EightBitLinear(layer)(torch.zeros(1, 64))[0], layer.bias)


def test_every_linear_layer_of_a_model_is_replaced_and_nothing_else() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(9, 8), torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU()))
    eight_bits.quantised(model)
    assert [type(m).__name__ for m in model.modules()][1:] == ["Embedding", "Sequential", "EightBitLinear", "GELU"]
    assert model[1][0].weight.dtype == torch.int8
