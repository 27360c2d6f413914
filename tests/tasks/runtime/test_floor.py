from pathlib import Path

import pytest
from transformers import AutoModel

from configs.models import EMBEDDED
from tasks.runtime import encoder, floor, models


def test_a_token_needs_two_operations_for_every_parameter_that_is_no_embedding() -> None:
    described = models.describe(EMBEDDED)
    loaded = AutoModel.from_pretrained(models.locate(EMBEDDED).folder)
    multiplied = [p.numel() for p in loaded.encoder.parameters() if p.dim() > 1]
    assert floor.flops_per_token(described) == 2 * sum(multiplied)
    assert floor.flops_per_token(described) == pytest.approx(21e6, rel=0.02)  # six layers, 384 wide


def test_no_speed_measured_here_passes_the_floor(tiny_bert: Path) -> None:
    ran = encoder.fingerprint(str(tiny_bert), "exact", "cpu")
    per_second = floor.flops_per_second(ran) / floor.flops_per_token(ran.encoder)
    assert 0 < (floor.share(ran, per_second / 4) or 0) < 1


def test_an_encoder_that_multiplies_nothing_has_no_floor(tiny_bert: Path) -> None:
    ran = encoder.fingerprint(str(tiny_bert), "exact", "cpu")
    static = ran.model_copy(update={"encoder": ran.encoder.model_copy(update={"architecture": "static"})})
    server = ran.model_copy(update={"numerics": ran.numerics.model_copy(update={"engine": "openai-api"})})
    assert floor.share(static, 1_000.0) is None
    assert floor.share(server, 1_000.0) is None
