"""What the tests of flows share: the Prefect server, the workspace of the quick presets, one that is built once."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from configs.embed import Embed
from configs.flows import KnowledgeBase
from configs.ingest import Files
from configs.publish import Publish
from tests.conftest import QUICK_DOCUMENTS


@pytest.fixture(scope="session", autouse=True)
def running_server(prefect_server: str) -> str:
    """Start the Prefect server before the first test of this folder; return its address."""
    return prefect_server


@pytest.fixture(scope="session")
def quick_home(new_root: Callable[[], Path]) -> Path:
    """Return the one workspace in which the quick presets are run."""
    return new_root() / "workspace"


@pytest.fixture
def home(workspace: Path, tmp_path: Path) -> Path:
    """Return a folder for what a test writes, with its workspace in it."""
    return tmp_path


@contextmanager
def working_in(home: Path) -> Iterator[None]:
    """Work in a workspace until the context ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LLM_FLOWS_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def new_root(tmp_path_factory: pytest.TempPathFactory, mlflow_tables: Path) -> Callable[[], Path]:
    """Return a function that makes a folder with an empty `workspace` in it, to build in once what tests copy."""

    def make() -> Path:
        root = tmp_path_factory.mktemp("built")
        (root / "workspace").mkdir(mode=0o700)
        shutil.copytree(mlflow_tables, root / "workspace" / "mlflow")
        return root

    return make


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """Return a function that copies such a folder for a test, which then works in the copy of its workspace."""
    copy = tmp_path / "copy"

    def make(root: Path) -> Path:
        shutil.copytree(root, copy)
        return copy

    with working_in(copy / "workspace"):
        yield make


@pytest.fixture(scope="session")
def built_notes(new_root: Callable[[], Path]) -> Path:
    """Return a folder with five notes, and a workspace that holds them as the collection `notes`."""
    from flows.knowledge_base import knowledge_base

    root = new_root()
    (root / "notes").mkdir()
    for name, text in QUICK_DOCUMENTS.items():
        (root / "notes" / name).write_text(text, "utf-8")
    config = KnowledgeBase(embed=Embed(precision="fp32"), topics=None, publish=Publish())
    with working_in(root / "workspace"):
        knowledge_base(source=Files(path=str(root / "notes")), collection="notes", config=config)
    return root


@pytest.fixture
def searchable(built_notes: Path, copied: Callable[[Path], Path]) -> Path:
    """Return a folder of five notes, in a workspace that holds them as the collection `notes`."""
    return copied(built_notes) / "notes"
