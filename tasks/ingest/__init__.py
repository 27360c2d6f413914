"""Read sources into documents."""

from tasks.ingest.task import ingest_documents, ingest_events, ingest_queries, ingest_texts, name_of, scan, scan_events

__all__ = ["ingest_documents", "ingest_events", "ingest_queries", "ingest_texts", "name_of", "scan", "scan_events"]
