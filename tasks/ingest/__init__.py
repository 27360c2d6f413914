"""Read sources into documents."""

from tasks.ingest.task import ingest_documents, ingest_queries, ingest_texts, name_of, scan

__all__ = ["ingest_documents", "ingest_queries", "ingest_texts", "name_of", "scan"]
