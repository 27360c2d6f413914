"""Turn text into tokens and passages."""

from tasks.tokenize.task import chunk_documents, cover_documents, whole_documents

__all__ = ["chunk_documents", "cover_documents", "whole_documents"]
