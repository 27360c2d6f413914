"""Read sources into documents."""

from tasks.ingest.task import ingest_documents, ingest_queries, name_of, scan

__all__ = ["ingest_documents", "ingest_queries", "name_of", "scan"]
