"""Read sources into documents."""

from tasks.ingest.task import (
    ingest_documents,
    ingest_events,
    ingest_queries,
    ingest_texts,
    list_event_files,
    list_items,
    name_of,
)
from tasks.ingest.task_marked import ingest_marked, list_marked, mark_documentation
from tasks.ingest.task_pictures import (
    FOLDER,
    ingest_pictures,
    is_described,
    kept_columns,
    list_descriptions,
    list_pictures,
    name_of_pictures,
    other_files,
    read_descriptions,
    read_queries,
    table_of,
)
from tasks.ingest.task_rows import ingest_rows

__all__ = [
    "FOLDER",
    "ingest_documents",
    "ingest_events",
    "ingest_marked",
    "ingest_pictures",
    "ingest_queries",
    "ingest_rows",
    "ingest_texts",
    "is_described",
    "kept_columns",
    "list_descriptions",
    "list_event_files",
    "list_items",
    "list_marked",
    "list_pictures",
    "mark_documentation",
    "name_of",
    "name_of_pictures",
    "other_files",
    "read_descriptions",
    "read_queries",
    "table_of",
]
