"""Whoever just wants vectors gets them: the model's own, an id beside each, and never computed twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sentence_transformers import SentenceTransformer

from configs.embed import Embed
from configs.flows import TextVectors
from configs.ingest import Tables
from configs.models import EMBEDDED
from configs.tokenize import Chunk
from flows.text_vectors import preflight, text_vectors
from tasks.data.run import Outcome
from tasks.errors import ContractError
from tasks.models import files as model_files

pytestmark = [pytest.mark.flow, pytest.mark.timeout(200)]

EXACT = TextVectors(embed=Embed(precision="fp32", device="cpu"))
TEXTS = {
    "comet": "The comet returns every seventy-six years.",
    "bread": "Sourdough needs flour, water and patience. Rye is slower than wheat.",
    "novel": "The night train to the coast leaves at ten. " * 60,
    "marks": "Naïve text, 東京 and a tab\there.",
}


def write_rows(path: Path, texts: dict[str, str], *more: str) -> Tables:
    rows = [json.dumps({"key": key, "text": text}) for key, text in texts.items()]
    path.write_text("\n".join([*rows, *more]), "utf-8")
    return Tables(path=str(path), id="key")


def run(source: Tables, output: Path | None, config: TextVectors = EXACT) -> Outcome:
    outcome = text_vectors(source=source, output=None if output is None else str(output), config=config)
    assert isinstance(outcome, Outcome)
    return outcome


def reference(texts: list[str]) -> npt.NDArray[np.float32]:
    model = SentenceTransformer(str(model_files.locate(EMBEDDED).folder), device="cpu")
    return np.asarray(model.encode(texts, normalize_embeddings=True), dtype=np.float32)


def test_the_file_holds_what_sentence_transformers_gives_for_the_same_texts(workspace: Path, tmp_path: Path) -> None:
    source, output = write_rows(tmp_path / "rows.jsonl", TEXTS), tmp_path / "vectors.parquet"
    outcome = run(source, output)

    table = pq.read_table(output)
    assert table.schema.field("id").type == pa.string()
    assert table.schema.field("vector").type.list_size == 384
    assert table.schema.field("vector").type.value_type == pa.float32()
    frame = pd.read_parquet(output)
    assert frame["id"].tolist() == list(TEXTS)
    made = np.stack(frame["vector"].tolist())
    assert made.dtype == np.float32
    cosines = (made * reference(list(TEXTS.values()))).sum(axis=1)
    assert cosines.min() >= 0.99999
    assert outcome.result == {
        "path": str(output),
        "rows": 4,
        "width": 384,
        "encoder": EMBEDDED,
        "precision": "fp32",
        "truncated": 1,
        "losses": {
            "said": "1 of the texts cut at the encoder's limit",
            "rejected": {},
            "rejected_items": [],
            "duplicates_kept": 0,
            "duplicates_dropped": 0,
            "truncated": 1,
            "notes": [],
        },
        "rejected": 0,
    }


def test_a_second_run_encodes_nothing_and_one_changed_document_encodes_one(workspace: Path, tmp_path: Path) -> None:
    source, output = write_rows(tmp_path / "rows.jsonl", TEXTS), tmp_path / "vectors.parquet"
    first = run(source, output)
    before = output.read_bytes()
    output.unlink()
    second = run(source, output)
    assert first.metrics["embed-passages.encoded"] == 4
    assert second.tasks["run"] == 0
    assert second.result == first.result
    assert output.read_bytes() == before

    changed = {**TEXTS, "bread": "Sourdough needs time."}
    third = run(write_rows(tmp_path / "rows.jsonl", changed), output)
    assert third.metrics["embed-passages.encoded"] == 1
    old, new = pq.read_table(pa.BufferReader(before)), pq.read_table(output)
    same = [a == b for a, b in zip(old["vector"].to_pylist(), new["vector"].to_pylist(), strict=True)]
    assert same == [True, False, True, True]


def test_a_bad_row_is_rejected_and_costs_itself_alone(workspace: Path, tmp_path: Path) -> None:
    bad = ("{not json", json.dumps({"key": "seven", "text": 7}))
    outcome = run(write_rows(tmp_path / "rows.jsonl", TEXTS, *bad), tmp_path / "vectors.parquet")
    assert pq.read_table(tmp_path / "vectors.parquet")["id"].to_pylist() == list(TEXTS)
    assert outcome.result["rejected"] == 2
    assert outcome.refs["rejected"]["rows"] == 2


def test_with_chunk_there_is_a_row_a_passage_and_nothing_is_cut_off(workspace: Path, tmp_path: Path) -> None:
    config = EXACT.model_copy(update={"chunk": Chunk(max_tokens=64, heading=False)})
    outcome = run(write_rows(tmp_path / "rows.jsonl", TEXTS), None, config)
    path = Path(outcome.result["path"])
    assert path.is_relative_to(workspace / "reports")
    table = pq.read_table(path)
    ids = table["id"].to_pylist()
    assert [i for i in ids if not i.startswith("novel#")] == ["comet#0", "bread#0", "marks#0"]
    assert sum(i.startswith("novel#") for i in ids) > 5
    assert outcome.result["truncated"] == 0
    made = np.stack(table["vector"].to_pylist())[ids.index("comet#0")]
    assert made @ reference([TEXTS["comet"]])[0] >= 0.99999


@pytest.mark.usefixtures("workspace")
def test_an_output_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    source = write_rows(tmp_path / "rows.jsonl", TEXTS)
    with pytest.raises(ContractError, match=r"but there is no such folder; make it first"):
        preflight(source=source, output=str(tmp_path / "gone" / "vectors.parquet"), config=EXACT)


def test_an_unwritable_output_is_one_line_and_exit_status_two(
    workspace: Path, prefect_server: str, tmp_path: Path
) -> None:
    write_rows(tmp_path / "rows.jsonl", TEXTS)
    words = ["text-vectors", "source.kind=tables", f"source.path={tmp_path / 'rows.jsonl'}", f"output={tmp_path}"]
    environment = {**os.environ, "PREFECT_API_URL": prefect_server}
    command = [sys.executable, "-m", "flows", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == f"output '{tmp_path}' is a folder but a file was needed; add a name, as vectors.parquet\n"
    assert done.stdout == ""
