"""Data sets laid out as on the hub, written on the spot; the hub itself is never asked."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.ingest import Hub
from tasks.data.documents import Document, Item, Rejected
from tasks.errors import DataError, MissingExtra, RemoteError
from tasks.ingest import name_of
from tasks.ingest.sources import SourceContents, list_source, read_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = """---
license: cc-by-4.0
source_datasets:
- extended|wikipedia
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*.parquet}
  - {split: test, path: data/test-*.parquet}
- config_name: small
  data_files:
  - {split: train, path: data/test-*.parquet}
---
# Comets
"""
ROWS = {
    "key": ["a", "b", "c", "a"],
    "text": ["The comet returns.", None, "", "A second row with the same key."],
    "name": ["Comet", "Nothing", "Empty", "Again"],
    "views": [10, 20, 30, 40],
}


@pytest.fixture
def comets(tmp_path: Path) -> Path:
    """Return the folder of a data set with two splits, two subsets and a card."""
    folder = tmp_path / "comets"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text(CARD, "utf-8")
    pq.write_table(pa.table(ROWS), folder / "data" / "train-0.parquet")
    pq.write_table(pa.table({"text": ["one", "two", "three"]}), folder / "data" / "test-0.parquet")
    return folder


def read(place: Path | str, **fields: Any) -> SourceContents:
    """List and read a data set."""
    source = Hub(dataset=str(place), **fields)
    return read_source(source, list_source(source)[0], lambda texts: [1 for _ in texts])


def test_a_row_is_a_document_with_licence_and_origin_and_a_bad_one_costs_itself(comets: Path) -> None:
    found = read(comets, id="key", title="name")
    meta = {"dataset": "comets", "split": "train", "origin": "extended|wikipedia"}
    text = "The comet returns."
    assert found.documents == [Document("a", text, "Comet", "hub", "comets/train", 1, "row", "cc-by-4.0", meta)]
    assert found.rejected == [
        Rejected("comets/train#2", "bad-row", "has no value in column 'text'; it has 'text', 'key', 'name'"),
        Rejected("comets/train#3", "empty", "has no visible character"),
        Rejected("a", "repeated-id", "another document has this id, and another text; set source.id"),
    ]


def test_the_rows_are_those_another_library_reads(comets: Path) -> None:
    expected = pq.read_table(comets / "data" / "test-0.parquet")["text"].to_pylist()
    assert [d.text for d in read(comets, split="test").documents] == expected


def test_a_subset_and_a_split_are_read_as_asked(comets: Path) -> None:
    found = read(comets, subset="small")
    assert [d.id for d in found.documents] == ["comets/train#1", "comets/train#2", "comets/train#3"]
    assert found.documents[0].meta["subset"] == "small"


def test_rows_beyond_the_limit_are_left_out_and_said(comets: Path) -> None:
    found = read(comets, split="test", max_rows=2)
    assert [d.text for d in found.documents] == ["one", "two"]
    assert found.left_out == 1
    assert read(comets, split="test", max_rows=3).left_out == 0


def test_a_card_that_states_the_rows_gives_the_number_left_out(comets: Path) -> None:
    stated = "dataset_info:\n- config_name: default\n  splits:\n  - {name: test, num_examples: 3}\nconfigs:"
    (comets / "README.md").write_text(CARD.replace("configs:", stated), "utf-8")
    assert read(comets, split="test", max_rows=1).left_out == 2


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.csv", "rows.parquet"])
def test_a_single_file_is_read_without_a_card(tmp_path: Path, name: str) -> None:
    table = pa.table({"text": ["one", "two"]})
    if name.endswith("parquet"):
        pq.write_table(table, tmp_path / name)
    elif name.endswith("csv"):
        (tmp_path / name).write_text("text\none\ntwo\n", "utf-8")
    else:
        (tmp_path / name).write_text('{"text": "one"}\n{"text": "two"}\n', "utf-8")
    found = read(tmp_path / name)
    assert [(d.id, d.licence) for d in found.documents] == [(f"{name}/train#1", ""), (f"{name}/train#2", "")]


def test_a_scan_lists_every_file_with_its_digest_and_the_version_of_the_reader(comets: Path) -> None:
    items, _ = list_source(Hub(dataset=str(comets)))
    assert [item.name for item in items] == ["README.md", "data/test-0.parquet", "data/train-0.parquet"]
    assert {item.reader for item in items} == {f"datasets {datasets.__version__}"}
    assert len({item.sha256 for item in items}) == 3


def test_changed_data_change_the_snapshot_and_changes_after_the_scan_are_refused(comets: Path) -> None:
    source = Hub(dataset=str(comets))
    before, _ = list_source(source)
    pq.write_table(pa.table({"text": ["other"], "key": ["z"]}), comets / "data" / "train-0.parquet")
    assert list_source(source)[0] != before
    with pytest.raises(DataError, match=r"source.dataset '.*comets' changed since it was listed; run again"):
        read_source(source, before, lambda texts: [1 for _ in texts])


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "split": ({"split": "dev"}, r"cannot be read: ValueError Bad split: dev. Available splits: \['train', 'test'\]"),
    "subset": ({"subset": "large"}, r"cannot be read: ValueError BuilderConfig 'large' not found. Available: \['def"),
    "text": ({"text": "body"}, r"has no column 'body'; it has \['key', 'text', 'name', 'views'\]"),
    "id": ({"id": "row"}, r"has no column 'row'; it has"),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_name_is_refused_by_the_scan_with_those_there_are(
    comets: Path, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        list_source(Hub(dataset=str(comets), **fields))


@pytest.mark.parametrize("name", ["./missing", "/no/such", "~/nothing-here", "a/b/c"])
def test_a_folder_that_is_not_there_is_named(name: str) -> None:
    message = f"source.dataset '{name}' is not a folder or file here; give one, or owner/name of the hub"
    with pytest.raises(DataError, match=message):
        list_source(Hub(dataset=name))


@pytest.mark.parametrize(
    "path", ["/etc/hostname", "../secret.txt", "https://127.0.0.1:9/x.txt"], ids=["absolute", "above", "address"]
)
def test_a_card_that_names_a_file_of_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "README.md").write_text(
        f"---\nconfigs:\n- {{config_name: default, data_files: {path!r}}}\n---\n", "utf-8"
    )
    with pytest.raises(
        (DataError, RemoteError), match=r"which is not one of its files|cannot be read|did not give"
    ) as caught:
        read(folder)
    assert "\n" not in str(caught.value)


def test_a_link_that_leaves_the_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(DataError, match=r"names '.*train.txt', which is not one of its files; fix it"):
        read(folder)


def test_code_in_a_data_set_is_never_run(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "code.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')", "utf-8")
    with pytest.raises(DataError, match=r"source.dataset '.*code' cannot be read: "):
        read(folder)
    assert not (tmp_path / "canary").exists()


def test_only_readers_of_plain_tables_are_let_through(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "a.xml").write_text("<a>text</a>", "utf-8")
    with pytest.raises(DataError, match=r"set is read as xml but only arrow, csv, json, parquet, text are read"):
        read(folder)


def test_broken_data_are_refused_in_one_line(comets: Path) -> None:
    content = (comets / "data" / "train-0.parquet").read_bytes()
    (comets / "data" / "train-0.parquet").write_bytes(content[:-40])
    with pytest.raises(
        DataError, match=r"source.dataset '.*comets' cannot be read: .*; fix it or the source"
    ) as caught:
        read(comets)
    assert "\n" not in str(caught.value)


def test_a_name_of_the_hub_without_network_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    message = (
        "source.dataset 'owner/name' is on the hub but HF_HUB_OFFLINE is set; unset it, or give the path of a copy"
    )
    with pytest.raises(RemoteError, match=f"^{message}$"):
        list_source(Hub(dataset="owner/name"))
    pinned = Hub(dataset="owner/name", revision=COMMIT)
    with pytest.raises(RemoteError, match=f"^{message}$"):
        read_source(pinned, list_source(pinned)[0], lambda texts: [1 for _ in texts])


def test_a_commit_needs_no_network_to_be_scanned() -> None:
    items, _ = list_source(Hub(dataset="owner/name", revision=COMMIT))
    assert items == [Item("owner/name", 0, COMMIT, "", f"datasets {datasets.__version__}")]


def test_the_commit_that_a_revision_means_is_recorded_and_read(comets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network alone is replaced: what the hub would answer, and what it would hand out."""
    asked: list[tuple[str, str | None]] = []
    load = datasets.load_dataset_builder

    def info(self: object, name: str, revision: str | None = None) -> Any:
        asked.append((name, revision))
        return huggingface_hub.DatasetInfo(id=name, sha=COMMIT, private=False, downloads=0, likes=0, tags=[])

    def builder(asked_for: str, /, *, revision: str, **more: Any) -> Any:
        asked.append((asked_for, revision))
        made = load(str(comets), **more)
        files = {
            s: [f"hf://datasets/{asked_for}@{revision}/{Path(f).name}" for f in fs]
            for s, fs in made.config.data_files.items()
        }
        rows = made.as_streaming_dataset(split="test")
        monkeypatch.setattr(made, "as_streaming_dataset", lambda split: rows)
        made.config.data_files = files
        return made

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    monkeypatch.setattr(datasets, "load_dataset_builder", builder)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *args, **named: str(comets / "README.md"))
    source = Hub(dataset="owner/comets", revision="v1")
    items, _ = list_source(source)
    assert [(i.name, i.sha256) for i in items] == [("owner/comets", COMMIT)]
    found = read_source(source, items, lambda texts: [1 for _ in texts])
    assert [d.id for d in found.documents] == [f"owner/comets/train#{n}" for n in (1, 2, 3)]
    assert {d.licence for d in found.documents} == {"cc-by-4.0"}
    assert asked == [("owner/comets", "v1"), ("owner/comets", COMMIT), ("owner/comets", COMMIT)]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            ConnectionError("reset by peer"),
            RemoteError,
            "the hub did not give 'o/n': ConnectionError reset by peer; try",
        ),
        (TimeoutError("10 s"), RemoteError, "the hub did not give 'o/n': TimeoutError 10 s; try again"),
        (
            datasets.exceptions.DatasetNotFoundError("x"),
            DataError,
            "source.dataset 'o/n' is neither a folder here nor a readable data",
        ),
    ],
    ids=["reset", "timeout", "unknown"],
)
def test_what_the_hub_fails_with_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: type[Exception], message: str
) -> None:
    def info(self: object, name: str, revision: str | None = None) -> Any:
        raise error

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", info)
    with pytest.raises(kind, match=message):
        list_source(Hub(dataset="o/n"))


class Absent:
    """A finder that finds no datasets."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        if name.partition(".")[0] == "datasets":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_the_extra_the_source_is_refused(comets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "datasets"]:
        monkeypatch.delitem(sys.modules, name)
    message = r"source.kind is hub but datasets is not here; pip install 'llm-flows\[hub\]'"
    with pytest.raises(MissingExtra, match=message):
        list_source(Hub(dataset=str(comets)))


def test_a_collection_bears_the_name_of_the_data_set(comets: Path) -> None:
    assert name_of(Hub(dataset="stanfordnlp/imdb"), None) == "imdb"
    assert name_of(Hub(dataset=str(comets)), None) == "comets"


@pytest.mark.slow
def test_rows_are_streamed_and_nothing_is_left_behind(comets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies beyond the limit is broken, and would be noticed if it were read."""
    place = comets / "data" / "train-0.parquet"
    many = pa.table({"text": [f"row {n} " + "x" * 1_000 for n in range(40_000)]})
    pq.write_table(many, place, row_group_size=500, compression="NONE", use_dictionary=False)
    with place.open("r+b") as file:
        file.seek(place.stat().st_size * 9 // 10)
        file.write(b"\xff" * 100_000)
    temporary = comets.parent / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    found = read(comets, max_rows=100)
    assert [d.text[:6] for d in found.documents[-2:]] == ["row 98", "row 99"]
    assert list(temporary.iterdir()) == []
    with pytest.raises(DataError, match="cannot be read"):
        read(comets)
