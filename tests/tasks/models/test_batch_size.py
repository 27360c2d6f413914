from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from tasks.models import batch_size
from tasks.models.encoders import base as encoder_base
from tasks.models.encoders import load as encoders
from tasks.models.encoders.padded import TorchForward

pytestmark = pytest.mark.usefixtures("home")
TEXTS = [f"the cat {'sat ' * n}" for n in range(40)]


class SmallMemory:
    """A real model on a machine that holds only so many tokens at a time."""

    def __init__(self, forward: TorchForward, limit: int) -> None:
        self.forward, self.limit, self.batch_tokens = forward, limit, 512
        self.refused = 0

    def __call__(self, tokens: encoder_base.Ints, mask: encoder_base.Ints) -> encoder_base.Floats:
        if tokens.size > self.limit:
            self.refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return self.forward(tokens, mask)


@pytest.fixture
def ran(tiny_bert: Path) -> encoders.Fingerprint:
    return encoders.fingerprint(str(tiny_bert), "fp32", "cpu")


def test_a_batch_that_does_not_fit_is_halved_and_every_text_has_its_vector(ran: encoders.Fingerprint) -> None:
    whole = encoder_base.EncodingEngine(ran, TorchForward(ran)).encode(TEXTS)
    small = SmallMemory(TorchForward(ran), 100)
    meter = encoder_base.Meter()
    np.testing.assert_allclose(encoder_base.EncodingEngine(ran, small).encode(TEXTS, meter), whole, atol=1e-6)
    assert small.refused >= 1
    assert small.batch_tokens <= 100
    assert meter.tokens == sum(min(n, ran.encoder.max_tokens) for n in encoder_base.count_tokens(ran.encoder, TEXTS))


def test_the_size_that_was_found_is_remembered(ran: encoders.Fingerprint) -> None:
    encoder_base.EncodingEngine(ran, SmallMemory(TorchForward(ran), 100)).encode(TEXTS)
    again = SmallMemory(TorchForward(ran), 100)
    encoder_base.EncodingEngine(ran, again).encode(TEXTS)
    assert again.refused == 0
    assert again.batch_tokens == batch_size.remembered(ran)


def test_one_text_that_does_not_fit_is_an_error_and_no_endless_halving(ran: encoders.Fingerprint) -> None:
    with pytest.raises(RuntimeError, match="out of memory"):
        encoder_base.EncodingEngine(ran, SmallMemory(TorchForward(ran), 8)).encode(TEXTS)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [({8: 1.0, 16: 1.5, 32: 2.9, 64: 9.0}, 16), ({8: 1.0, 16: 1.2, 32: 1.5}, 32), ({8: 1.0, 16: 2.0}, 8)],
    ids=["until it is not worth it", "to the end", "never worth it"],
)
def test_the_smallest_size_past_which_more_is_not_worth_it_is_picked(
    seconds: Mapping[int, float], expected: int
) -> None:
    assert batch_size.pick(lambda size: seconds[size], seconds) == expected


def test_a_size_that_does_not_fit_ends_the_search() -> None:
    def timed(size: int) -> float:
        if size > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 1.0

    assert batch_size.pick(timed, (8, 16, 32, 64)) == 16


def test_another_error_than_memory_is_not_taken_for_it() -> None:
    def timed(size: int) -> float:
        if size > 8:
            raise RuntimeError("device-side assert triggered")
        return 1.0

    with pytest.raises(RuntimeError, match="device-side assert"):
        batch_size.pick(timed, (8, 16))


def test_a_model_is_timed_at_a_size(ran: encoders.Fingerprint) -> None:
    assert batch_size.seconds_of(TorchForward(ran), 16)(64) > 0
