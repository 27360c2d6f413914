"""EfficientNet-Lite0 has the published shapes, pads as it was trained to, and reads each picture by itself."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d

from tasks.models.vision.lite0 import Lite0, SameConv, pixels

WEIGHTS = 4_652_008  # parameters of EfficientNet-Lite0, as its authors state them in millions: 4.7


@pytest.fixture(scope="module")
def network() -> Lite0:
    torch.manual_seed(0)
    return Lite0().eval()


def test_it_has_the_weights_of_the_published_network(network: Lite0) -> None:
    assert sum(weight.numel() for weight in network.parameters()) == WEIGHTS
    assert len(network._blocks) == 16
    assert {name.partition(".")[0] for name in network.state_dict()} == {
        "_conv_stem", "_bn0", "_blocks", "_conv_head", "_bn1", "_fc",
    }  # fmt: skip


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 3, 1), (8, 3, 2), (9, 5, 2), (7, 3, 2)])
def test_a_convolution_keeps_the_size_over_the_stride_and_puts_the_odd_pixel_behind(
    size: int, kernel: int, stride: int
) -> None:
    torch.manual_seed(1)
    layer, given = SameConv(1, 1, kernel, stride, bias=False), torch.randn(1, 1, size, size)
    with torch.inference_mode():
        found = layer(given)[0, 0].numpy()
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    around = (missing // 2, missing - missing // 2)
    whole = correlate2d(np.pad(given[0, 0].numpy(), around), layer.weight.detach()[0, 0].numpy(), mode="valid")
    assert found.shape == (-(-size // stride),) * 2
    np.testing.assert_allclose(found, whole[::stride, ::stride], atol=1e-5)


def test_a_picture_has_the_features_it_has_alone(network: Lite0) -> None:
    draws = np.random.default_rng(0)
    given = pixels(torch.from_numpy(draws.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8)))
    with torch.inference_mode():
        together, alone = network(given), torch.cat([network(one[None]) for one in given])
        assert network.classes(together).shape == (3, 1_000)
    assert together.shape == (3, 1_280)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_bytes_are_centred() -> None:
    made = pixels(torch.tensor([[[[0, 127, 255]]]], dtype=torch.uint8))
    assert made[0, :, 0, 0].tolist() == [-127 / 128, 0.0, 1.0]
