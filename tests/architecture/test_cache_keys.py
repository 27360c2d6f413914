"""The truth table of the cache: what a result depends on changes its key, and nothing else does."""

import importlib.metadata
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from configs.base import Config
from configs.embed import Embed, Shards
from configs.evaluate import Evaluate
from configs.index import Bm25, Flat
from configs.ingest import Files, Hub, Tables
from tasks import environment
from tasks.data.base import Ref
from tasks.data.documents import PassagesRef
from tasks.data.models import Encoder, Fingerprint, Numerics, Transport
from tasks.data.search import Query
from tasks.data.vectors import VectorsRef
from tasks.errors import ContractError
from tasks.runtime import code
from tasks.runtime.steps import Spec
from tasks.store import durable, objects, vector_cache

TREE = {
    "tasks/verb/task.py": "from tasks.verb.core import rank\n\n\ndef step(x):\n    return rank(x)\n",
    "tasks/verb/core.py": "from tasks import limits\nfrom tasks.shared import order\n\n\ndef rank(x):\n"
    "    from tasks.verb.late import Order\n\n    return Order().first(order(x[: limits.LIMIT]))\n",
    "tasks/limits.py": "LIMIT = 3\n",
    "tasks/store/objects.py": "BLOCK = 1\n",
    "tasks/verb/late.py": "class Order:\n    def first(self, x):\n        return x[0]\n",
    "tasks/shared/__init__.py": "from tasks.shared.impl import order\n",
    "tasks/shared/impl.py": "STEP = 1\n\n\ndef order(x):\n    return x[::STEP]\n",
    "tasks/shared/beside.py": "STEP = 1\n",
    "tasks/unrelated.py": "LIMIT = 3\n",
    "configs/verb.py": "class Verb:\n    k: int = 1\n",
}


def signature(vectors: Ref, config: Config | None = None, k: int = 3, words: Any = ()) -> None:
    """Stand for the function of a step."""


REF = VectorsRef(digest="d1", rows=3, shape=(3, 4), dtype="float32")
ENCODER = Encoder(
    model="m", revision="r", weights="w", tokenizer="t", pooling="mean", normalize=True, max_tokens=8, width=3
)
NUMERICS = Numerics(precision="fp32", engine="torch-cpu", reason="as configured")
MARK = Fingerprint(encoder=ENCODER, numerics=NUMERICS)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put a small project in place of this one."""
    for name, text in TREE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    for name in list(sys.modules):
        if name in {"tasks.limits", "tasks.unrelated", "configs.verb"} or name.startswith(
            ("tasks.verb", "tasks.shared")
        ):
            monkeypatch.delitem(sys.modules, name)
    forget()
    yield tmp_path
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Read all code afresh, as a new process would."""
    code.digest.cache_clear()
    code._source.cache_clear()


def key(*args: Any, name: str = "verb-object", libraries: tuple[str, ...] = ("numpy",), **kwargs: Any) -> str:
    """Return the key of a step of the small project."""
    forget()
    spec = Spec(name, "tasks.verb.task", inspect.signature(signature), libraries)
    return spec.key(spec.inputs(args, kwargs))


def encoder(**changes: Any) -> Fingerprint:
    return MARK.model_copy(update={"encoder": ENCODER.model_copy(update=changes)})


def numerics(**changes: Any) -> Fingerprint:
    return MARK.model_copy(update={"numerics": NUMERICS.model_copy(update=changes)})


def asked(first: Any, second: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"words": first}, {"words": second}


DIFFERENT_INPUTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an argument": ({"k": 3}, {"k": 4}),
    "an argument left out or not its default": ({}, {"k": 4}),
    "true and one": asked(True, 1),
    "a number and its text": asked(1, "1"),
    "nothing and the empty text": asked(None, ""),
    "the order of a list": asked(["a", "b"], ["b", "a"]),
    "where a list is cut": asked([["a", "b"], []], [["a"], ["b"]]),
    "a character": asked("naïve", "nai\u0308ve"),
    "a name in a mapping": asked({"a": 1}, {"b": 1}),
    "the digest of a reference": ({}, {"vectors": REF.model_copy(update={"digest": "d2"})}),
    "the kind of a reference": ({}, {"vectors": PassagesRef(digest="d1", rows=3)}),
    "a reference in a list": asked([REF], [REF.model_copy(update={"digest": "d2"})]),
    "a field of a config": ({"config": Bm25()}, {"config": Bm25(k1=1.3)}),
    "another config": ({"config": Flat()}, {"config": Shards()}),
    "a config or none": ({"config": Flat()}, {}),
    "the pattern of a source": ({"config": Files(path="a")}, {"config": Files(path="a", patterns=("*.txt",))}),
    "the pages a PDF may have": ({"config": Files(path="a")}, {"config": Files(path="a", max_pages=9)}),
    "the name of a data set": ({"config": Hub(dataset="o/a")}, {"config": Hub(dataset="o/b")}),
    "the split of a data set": ({"config": Hub(dataset="o/a")}, {"config": Hub(dataset="o/a", split="test")}),
    "the rows read of a data set": ({"config": Hub(dataset="o/a")}, {"config": Hub(dataset="o/a", max_rows=9)}),
    "the weights of an encoder": asked(MARK, encoder(weights="w2")),
    "the precision of an encoder": asked(MARK, numerics(precision="bf16")),
}

EQUAL_INPUTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a default left out or stated": ({}, {"k": 3, "config": None, "words": ()}),
    "the order of a mapping": asked({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "a list and a tuple": asked(["a", "b"], ("a", "b")),
    "rows, shape and type of a reference": ({}, {"vectors": VectorsRef(digest="d1", rows=9, shape=(9, 1))}),
    "the path of files": ({"config": Files(path="a")}, {"config": Files(path="/b")}),
    "the path of tables": ({"config": Tables(path="a")}, {"config": Tables(path="/b")}),
    "the file of questions": ({"config": Evaluate(questions="a")}, {"config": Evaluate(questions="b")}),
    "the size of shards": ({"config": Shards()}, {"config": Shards(tokens=1_000, max_rejected_share=1)}),
    "the shards of an encoder": ({"config": Embed()}, {"config": Embed(shards=Shards(tokens=1_000))}),
    "the name of an encoder": asked(MARK, encoder(model="other", revision="other")),
    "the reason for a precision": asked(MARK, numerics(reason="other")),
}


def keys(first: dict[str, Any], second: dict[str, Any]) -> tuple[str, str]:
    return key(**{"vectors": REF, **first}), key(**{"vectors": REF, **second})


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(("first", "second"), DIFFERENT_INPUTS.values(), ids=DIFFERENT_INPUTS.keys())
def test_this_input_changes_the_key_of_a_step(first: dict[str, Any], second: dict[str, Any]) -> None:
    before, after = keys(first, second)
    assert before != after


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(("first", "second"), EQUAL_INPUTS.values(), ids=EQUAL_INPUTS.keys())
def test_this_input_leaves_the_key_of_a_step(first: dict[str, Any], second: dict[str, Any]) -> None:
    before, after = keys(first, second)
    assert before == after


@pytest.mark.usefixtures("tree")
def test_an_argument_counts_the_same_by_place_and_by_name() -> None:
    assert key(REF, Flat(), 5) == key(k=5, config=Flat(), vectors=REF)


@pytest.mark.usefixtures("tree")
def test_the_name_of_a_step_changes_its_key() -> None:
    assert key(REF) != key(REF, name="verb-other")


@pytest.mark.usefixtures("tree")
def test_the_version_of_a_library_changes_the_key_of_a_step_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    named, unnamed = key(REF), key(REF, libraries=())
    monkeypatch.setattr(environment, "_version", environment._version.__wrapped__)  # which remembers what it found
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.0.1")
    assert key(REF) != named
    assert key(REF, libraries=()) == unnamed


@pytest.mark.usefixtures("tree")
def test_the_format_of_the_store_changes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key(REF)
    monkeypatch.setattr(durable, "FORMAT", durable.FORMAT + 1)
    assert key(REF) != before


@pytest.mark.usefixtures("tree")
def test_the_content_of_a_reference_changes_the_key_and_saving_it_again_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_FLOWS_HOME", str(tmp_path / "workspace"))

    def saved(text: str) -> PassagesRef:
        return objects.save_rows(PassagesRef, Query, [Query("q", text)])

    assert key(saved("why")) == key(saved("why"))
    assert key(saved("why")) != key(saved("how"))


EDITS: dict[str, tuple[str, Callable[[str], str], bool]] = {
    "the code of the step": ("tasks/verb/task.py", lambda t: t.replace("rank(x)", "rank(x[1:])"), True),
    "the code it calls": ("tasks/verb/core.py", lambda t: t.replace("[: l", "[1: l"), True),
    "a constant of a module it imports": ("tasks/limits.py", lambda t: t.replace("3", "4"), True),
    "a method of a class that is imported late": ("tasks/verb/late.py", lambda t: t.replace("x[0]", "x[1]"), True),
    "what another module hands on": (
        "tasks/shared/impl.py",
        lambda t: t.replace("def order(x)", "def order(x, n=1)"),
        True,
    ),
    "a constant of what is handed on": ("tasks/shared/impl.py", lambda t: t.replace("= 1", "= 2"), True),
    "what is handed on": (
        "tasks/shared/__init__.py",
        lambda t: t.replace("tasks.shared.impl import order", "tasks.shared.beside import STEP as order"),
        True,
    ),
    "a module beside what is handed on": ("tasks/shared/beside.py", lambda t: t.replace("1", "2"), False),
    "a default": ("tasks/verb/core.py", lambda t: t.replace("rank(x)", "rank(x=1)"), True),
    "an import": ("tasks/verb/core.py", lambda t: "import configs.verb\n" + t, True),
    "an import inside a function": ("tasks/verb/core.py", lambda t: t + "    from tasks import unrelated\n", True),
    "a decorator": ("tasks/verb/core.py", lambda t: t.replace("def", "@once\ndef"), True),
    "a text that is returned": ("tasks/verb/core.py", lambda t: t + '    return "b"\n', True),
    "the order of statements": ("tasks/limits.py", lambda t: "import tasks.unrelated\n" + t, True),
    "a comment": ("tasks/verb/core.py", lambda t: "# why\n" + t.replace("x):\n", "x):  # how\n"), False),
    "a docstring of a module": ("tasks/verb/core.py", lambda t: '"""What."""\n' + t, False),
    "a docstring of a function": (
        "tasks/verb/core.py",
        lambda t: t.replace("rank(x):\n", 'rank(x):\n    """What."""\n'),
        False,
    ),
    "a text under a field": ("tasks/limits.py", lambda t: t + '"""What."""\n', False),
    "blank lines and brackets": ("tasks/limits.py", lambda t: "\n\n\nLIMIT = (3)\n", False),
    "a module it does not import": ("tasks/unrelated.py", lambda t: t.replace("3", "4"), False),
    "a module that only carries results": ("tasks/store/objects.py", lambda t: t.replace("1", "2"), False),
}


@pytest.mark.parametrize(("path", "edit", "changes"), EDITS.values(), ids=EDITS.keys())
def test_editing_this_changes_or_leaves_the_key(
    tree: Path, path: str, edit: Callable[[str], str], changes: bool
) -> None:
    (tree / "tasks/verb/core.py").write_text("from tasks.store import objects\n" + TREE["tasks/verb/core.py"])
    before, text = key(REF), (tree / path).read_text()
    assert edit(text) != text
    (tree / path).write_text(edit(text))
    assert (key(REF) != before) is changes


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize(
    ("value", "where"),
    [
        (float("nan"), r"verb-object\(words\) is float"),
        ([{"a": {1, 2}}], r"verb-object\(words\)\[0\]\['a'\] is set"),
        (Path("x"), r"verb-object\(words\) is PosixPath"),
        (signature, r"verb-object\(words\) is function"),
    ],
    ids=["NaN", "a set deep inside", "a path", "a function"],
)
def test_an_input_that_cannot_count_is_refused_with_its_place(value: Any, where: str) -> None:
    with pytest.raises(ContractError, match=f"{where} but a step takes references, configs and plain values"):
        key(REF, words=value)


KEY = """
import inspect
from tasks.data.vectors import VectorsRef
from tasks.runtime.steps import Spec
from configs.index import Bm25
spec = Spec("a-b", "tasks.embed.task", inspect.Signature([inspect.Parameter(n, 1) for n in "xyz"]), ("numpy",))
print(spec.key(spec.inputs((VectorsRef(digest="d", rows=1), Bm25(), {"b": 1, "a": [2.5, "é"]}), {})))
"""


def test_another_process_with_another_seed_in_another_folder_makes_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "123")
    other = subprocess.run([sys.executable, "-c", KEY], capture_output=True, text=True, check=True).stdout.strip()
    parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in "xyz"]
    spec = Spec("a-b", "tasks.embed.task", inspect.Signature(parameters), ("numpy",))
    words = {"a": [2.5, "é"], "b": 1}
    assert spec.key(spec.inputs((VectorsRef(digest="d", rows=1), Bm25(), words), {})) == other


CHANGED_FINGERPRINTS = {
    "weights": encoder(weights="w2"),
    "tokenizer": encoder(tokenizer="t2"),
    "pooling": encoder(pooling="cls"),
    "normalisation": encoder(normalize=False),
    "longest text": encoder(max_tokens=9),
    "width": encoder(width=4),
    "prompt of queries": encoder(query_prompt="q: "),
    "prompt of passages": encoder(passage_prompt="p: "),
    "architecture": encoder(architecture="static"),
    "server": encoder(base_url="http://localhost/v1"),
    "how pictures are prepared": encoder(processor="p"),
    "settings of the model": encoder(settings="s"),
    "precision": numerics(precision="bf16"),
    "engine": numerics(engine="torch-cuda"),
}
SAME_FINGERPRINTS = {
    "model": encoder(model="other"),
    "revision": encoder(revision="other"),
    "reason": numerics(reason="other"),
    "how a server is asked": MARK.model_copy(update={"transport": Transport(requests=1, texts=1, timeout_s=1)}),
}


@pytest.mark.parametrize("other", CHANGED_FINGERPRINTS.values(), ids=CHANGED_FINGERPRINTS.keys())
def test_this_part_of_a_fingerprint_starts_another_item_cache(other: Fingerprint) -> None:
    assert other.digest != MARK.digest


@pytest.mark.parametrize("other", SAME_FINGERPRINTS.values(), ids=SAME_FINGERPRINTS.keys())
def test_this_part_of_a_fingerprint_keeps_the_item_cache(other: Fingerprint) -> None:
    assert other.digest == MARK.digest


def test_every_field_of_a_fingerprint_is_in_one_of_the_two_tables() -> None:
    changed = [*CHANGED_FINGERPRINTS.values(), *SAME_FINGERPRINTS.values()]
    fields = set(Encoder.model_fields) | set(Numerics.model_fields)
    seen = {n for f in changed for n in Encoder.model_fields if getattr(f.encoder, n) != getattr(ENCODER, n)}
    seen |= {n for f in changed for n in Numerics.model_fields if getattr(f.numerics, n) != getattr(NUMERICS, n)}
    assert seen == fields


@pytest.mark.parametrize("other", ["a ", "A", "q: a", "a\n", "å", ""])
def test_any_other_text_has_another_item_key(other: str) -> None:
    assert (vector_cache.keys_of(["a"]) != vector_cache.keys_of([other])).any()
