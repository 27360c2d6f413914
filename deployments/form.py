"""Words for the form of a deployment in the Prefect UI, which shows names of types where a schema has no titles."""

from collections.abc import Iterator
from typing import Any

TYPES = {"null": "none", "string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no",
         "array": "list"}  # fmt: skip
KINDS = {
    "sparse": "BM25", "bm25": "BM25", "tf-idf": "TF-IDF", "c-tf-idf": "c-TF-IDF", "hnsw": "HNSW", "ivf": "IVF",
    "ivf-pq": "IVF-PQ", "umap": "UMAP", "pca": "PCA", "hdbscan": "HDBSCAN", "kmeans": "k-means", "mmr": "MMR",
}  # fmt: skip


def put_into_words(properties: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Give every choice of a form a title in words, in place: `none`, `text`, the kind of a variant.

    Args:
        properties: Schema of each parameter.
        definitions: Schemas they refer to.
    """
    for name, definition in definitions.items():
        kind = definition.get("properties", {}).get("kind", {}).get("const")
        if isinstance(kind, str):
            definition["title"] = KINDS.get(kind, kind)
        else:
            definition["title"] = _spaced(name)
        for field in definition.get("required", ()):
            _require_aloud(definition["properties"][field])
    for schema in (*properties.values(), *definitions.values()):
        for choice in _choices(schema):
            if "$ref" not in choice:
                choice["title"] = TYPES.get(str(choice.get("type")), "other")


def _require_aloud(field: dict[str, Any]) -> None:
    """Say of a text that it is required, and let the form send it empty: the run then fails with the reason.

    Refused by the form itself, inside of a choice, nothing is said at all: the button does nothing.
    """
    if field.get("type") == "string":
        field["description"] = f"Required. {field.get('description', '')}".strip()
        field.setdefault("default", "")
        field.pop("minLength", None)
        field.pop("pattern", None)


def _choices(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield what can be chosen from, wherever a schema offers a choice."""
    if isinstance(schema, dict):
        yield from schema.get("anyOf", ())
        for part in schema.values():
            yield from _choices(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _choices(part)


def _spaced(name: str) -> str:
    """Return the name of a class as words: `ChatPrompt` as `Chat prompt`."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return words[:1].upper() + words[1:]
