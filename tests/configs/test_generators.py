"""How many prompts share a batch where nothing is stated."""

from pathlib import Path

import pytest

from configs.generators import LlamaCppModel, LocalModel, ModelServer, for_one_question
from tasks.chain.task import make_handle
from tests.tasks.models import language_models


def test_one_question_is_a_batch_of_one_unless_a_size_is_stated() -> None:
    assert for_one_question(LocalModel()) == LocalModel(batch_size=1)
    assert for_one_question(LocalModel(batch_size=8)).batch_size == 8  # type: ignore[union-attr]
    for other in (LlamaCppModel(), ModelServer(base_url="http://localhost:1/v1", model="m")):
        assert for_one_question(other) == other


@pytest.mark.slow
def test_who_speaks_to_one_question_is_the_same_model(tmp_path: Path) -> None:
    model = LocalModel(model=str(language_models.save_causal(tmp_path / "chat")), precision="fp32")
    one, many = make_handle(model, one=True), make_handle(model)
    assert one.generator == many.generator
    assert (one.config.batch_size, many.config.batch_size) == (1, None)  # type: ignore[union-attr]
