from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.launch import prune
from tasks.store import durable, workspace
from tests.tasks.launch.kept import age, array, finished, publish

AGES = st.lists(st.floats(0, 40), min_size=14, max_size=14)


@given(ages=AGES, days=st.none() | st.floats(0, 40), at_most=st.none() | st.integers(0, 9_000))
def test_whatever_a_live_generation_needs_stays(
    tmp_path_factory: pytest.TempPathFactory, ages: list[float], days: float | None, at_most: int | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("w")
        patch.setenv("LLM_FLOWS_HOME", str(home))
        made = [publish("notes", 1), publish("notes", 2)]
        finished("verb-shared", made[0].vectors)
        loose = array(11)
        finished("verb-loose", loose)
        things = sorted([*home.glob("objects/*/*"), *home.glob("steps/*/*.json")])
        for path, days_old in zip(things, [*ages, *ages], strict=False):
            age(path, days_old)
        before = {path for path in home.rglob("*") if path.is_file()}
        planned = prune.plan(days, at_most)
        assert {path for path in home.rglob("*") if path.is_file()} == before
        assert prune.remove(planned) == planned.freed
        assert planned.left == sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
        for generation in made:
            for ref in (generation.documents, generation.passages, generation.vectors, generation.dense):
                durable.read_manifest(workspace.home() / "objects" / ref.kind / ref.digest)
        for record in home.glob("steps/*/*.json"):  # what still has a record has what the record says
            assert all((home / "objects" / "vectors" / d).exists() for d in (loose.digest,) if d in record.read_text())


def test_the_oldest_goes_first_and_only_as_much_as_needed(home: Path) -> None:
    folders = [Path(workspace.home() / "objects" / "vectors" / array(n).digest) for n in range(4)]
    for folder, days in zip(folders, (5, 9, 0.5, 7), strict=True):
        age(folder, days)
    one = prune.size(folders[0])
    found = prune.plan(None, prune.size(home) - 2 * one + 1)
    assert found.over == [folders[1], folders[3]]
    assert prune.plan(None, 0).over == [folders[1], folders[3], folders[0]]
