"""Turn text into tokens and passages."""

from tasks.tokenize.task import chunk_documents, whole_documents

__all__ = ["chunk_documents", "whole_documents"]
