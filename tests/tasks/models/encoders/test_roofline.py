from pathlib import Path

import pytest
from transformers import AutoModel

from configs.models import EMBEDDED
from tasks.models import files as model_files
from tasks.models.encoders import load as encoders
from tasks.models.encoders import roofline


def test_a_token_needs_two_operations_for_every_parameter_that_is_no_embedding() -> None:
    described = model_files.describe(EMBEDDED)
    loaded = AutoModel.from_pretrained(model_files.locate(EMBEDDED).folder)
    multiplied = [p.numel() for p in loaded.encoder.parameters() if p.dim() > 1]
    assert roofline.flops_per_token(described) == 2 * sum(multiplied)
    assert roofline.flops_per_token(described) == pytest.approx(21e6, rel=0.02)  # six layers, 384 wide


@pytest.mark.slow
def test_no_speed_measured_here_passes_the_floor(tiny_bert: Path) -> None:
    ran = encoders.fingerprint(str(tiny_bert), "fp32", "cpu")
    per_second = roofline.flops_per_second("cpu", half=ran.numerics.precision == "bf16") / roofline.flops_per_token(
        ran.encoder
    )
    assert 0 < (roofline.share(ran, per_second / 4) or 0) < 1


def test_an_encoder_that_multiplies_nothing_has_no_floor(tiny_bert: Path) -> None:
    ran = encoders.fingerprint(str(tiny_bert), "fp32", "cpu")
    static = ran.model_copy(update={"encoder": ran.encoder.model_copy(update={"architecture": "static"})})
    server = ran.model_copy(update={"numerics": ran.numerics.model_copy(update={"engine": "openai-api"})})
    assert roofline.share(static, 1_000.0) is None
    assert roofline.share(server, 1_000.0) is None
