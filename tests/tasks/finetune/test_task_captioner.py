"""A captioner is stored as plain tensors, the same for the same pictures; a killed run ends as one that was not."""

from pathlib import Path

import numpy as np
import pytest

from configs.captions import CaptionTraining, EmbeddedCaptioner
from tasks.data.captions import DescribedPicture, DescribedPicturesRef, PicturePart
from tasks.data.pictures import FeaturesRef
from tasks.finetune import trainer
from tasks.finetune.task_captioner import train_captioner
from tasks.models.vision import captioner
from tasks.store import objects
from tests.tasks.models.language_models import save_causal

pytestmark = [pytest.mark.slow]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "home"))


def part(count: int, seed: int) -> PicturePart:
    features = np.random.default_rng(seed).normal(size=(count, 12)).astype(np.float32)
    rows = [DescribedPicture(f"{at}.png", "a lamp" if features[at, 0] > 0 else "the bread", "") for at in range(count)]
    return PicturePart(
        pictures=objects.save_rows(DescribedPicturesRef, DescribedPicture, rows),
        features=objects.save_array(FeaturesRef, features),
    )


def test_a_captioner_is_plain_tensors_and_a_killed_run_ends_as_one_that_was_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = captioner.describe(str(save_causal(tmp_path / "model")), "cpu")
    training = CaptionTraining(
        max_steps=12, per_device_train_batch_size=8, learning_rate=1e-2, precision="fp32", device="cpu", eval_steps=4
    )
    config = EmbeddedCaptioner(model=base.model, hidden_size=16, max_new_tokens=8, training=training)
    given = (part(32, 0), part(16, 1), base, config)
    whole = train_captioner.fn(*given)
    assert whole.model == train_captioner.fn(*given).model
    kept = {path.suffix for path in objects.path(whole.model).rglob("*") if path.is_file()}
    assert kept == {".safetensors", ".json"}
    assert (whole.steps, whole.cut, whole.precision, whole.device) == (12, 0, "fp32", "cpu")
    assert whole.trainable == 12 * 16 + 16 + 16 * 3 * 64 + 3 * 64

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(captioner, "save", killed)  # after the last checkpoint, before anything is stored
        with pytest.raises(KeyboardInterrupt):
            train_captioner.fn(*given)
    seen = []
    real = trainer.newest
    monkeypatch.setattr(trainer, "newest", lambda folder: seen.append(real(folder)) or seen[-1])
    again = train_captioner.fn(*given)
    assert seen[0] is not None
    assert again.model == whole.model
