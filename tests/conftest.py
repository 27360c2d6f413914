"""Profiles of hypothesis, the fixtures that teams use too, and small documents."""

import gc
from pathlib import Path

import hypothesis
import pytest

# Others may have the cores, so an example has no deadline. Quick ones are always the same: what is wrong with a commit
# must not depend on luck. `make long` draws others.
hypothesis.settings.register_profile("test", deadline=None, max_examples=40)
hypothesis.settings.register_profile("quick", deadline=None, max_examples=40, derandomize=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile("test")

pytest_plugins = ["tasks.launch.testing"]


def pytest_collection_finish() -> None:
    """Leave what imports made out of every later garbage collection: the training tests took 25 s for 43 so."""
    gc.collect()
    gc.freeze()


QUICK_DOCUMENTS = {
    "lighthouse.txt": "The keeper lit the lamp at dusk. The lens was polished every morning with chalk and a cloth.",
    "bakery.md": "# The bakery\n\nBread is baked at four in the morning. Rye needs a sour starter fed every day.",
    "harbour.html": "<html><title>The harbour</title><body><p>Ships wait outside for the tide. The pilot boards at"
    " the buoy.</p><script>alert('never read')</script></body></html>",
    "orchard.txt": "Apple trees are pruned in February. Wasps come when pears lie on the ground in September.",
    "railway.txt": "The night train to the coast leaves at ten. Its sleeping cars were built in 1954, restored twice.",
}


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Return a folder of five small documents."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name, text in QUICK_DOCUMENTS.items():
        (folder / name).write_text(text, "utf-8")
    return folder
