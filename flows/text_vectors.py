"""Text vectors: read a source, and write a Parquet file with an id and a vector a row.

Here:          python -m flows text-vectors source.kind=files source.path=~/notes output=vectors.parquet
A passage a row:  python -m flows text-vectors chunk.max_tokens=128
On a worker:   prefect deployment run 'text-vectors/text-vectors'
"""

import time
from pathlib import Path

from prefect import flow

from configs.flows import TextVectors
from configs.ingest import PythonDocs, Source
from tasks.data.run import Outcome
from tasks.data.vectors import VectorTableRef
from tasks.embed import describe_encoder, embed_passages, export_vectors
from tasks.ingest import ingest_documents, list_items
from tasks.report.names import named
from tasks.runtime import steps, tracking
from tasks.store import export, objects, workspace
from tasks.tokenize import chunk_documents, whole_documents


def preflight(source: Source = PythonDocs(), output: str | None = None, config: TextVectors = TextVectors()) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The source is not there, the output cannot be written, or the model is not here.
    """
    if output is not None:
        export.checked(output)
    list_items(source)
    describe_encoder(config.embed)


def write_output(table: VectorTableRef, output: str | None, flow_run_id: str) -> Path:
    """Copy the table to where it was asked for, else beside the pages of the run; a plan writes nothing."""
    if steps.planning() is not None:
        return Path(output or "")
    if output is not None:
        path = export.checked(output)
    else:
        path = workspace.folder("reports", flow_run_id or f"local-{time.time_ns()}") / "vectors.parquet"
    return export.deliver(objects.path(table) / "vectors.parquet", path)


@flow(name="text-vectors", flow_run_name=named("source"))
def text_vectors(
    source: Source = PythonDocs(), output: str | None = None, config: TextVectors = TextVectors()
) -> Outcome:
    """Turn the texts of a source into a Parquet file of ids and vectors.

    Args:
        source: Where documents come from.
        output: Path of the Parquet file to write; left out, it lies under `reports` in the workspace.
        config: How each step is done.
    """
    with tracking.run("text-vectors", config, source=source, output=output) as run:
        preflight(source, output, config)
        encoder = describe_encoder(config.embed)
        ingested = ingest_documents(list_items(source), source, config.ingest, encoder.encoder)
        if config.chunk is None:
            passages = whole_documents(ingested.documents, encoder.encoder)
        else:
            passages = chunk_documents(ingested.documents, encoder.encoder, config.chunk)
        embedded = embed_passages(passages, encoder, config.embed.shards, config.runner)
        exported = export_vectors(embedded.passages, embedded.vectors, encoder)
        table = exported.table
        run.publish(table=table, rejected=ingested.rejected, unencoded=embedded.rejected)
        return run.outcome(
            {
                "path": str(write_output(table, output, run.flow_run_id)),
                "rows": table.rows,
                "width": table.shape[1],
                "encoder": encoder.encoder.model,
                "precision": encoder.numerics.precision,
                "truncated": exported.truncated,
                "rejected": ingested.rejected.rows + embedded.rejected.rows,
            }
        )
