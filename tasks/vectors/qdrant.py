"""Vectors in Qdrant: fill a collection, and search it. The only file that knows the client.

With an address, vectors are sent to that server, into a collection named after their digest, and the stored object
holds address and name alone; a collection that is not there, or not whole, is filled again from the stored vectors
when it is searched. Without an address, Qdrant's local mode is filled in memory from the stored vectors each time it
is opened, and nothing but the description is stored: on disk the local mode keeps pickles, which this project never
reads, and it compares with every vector anyway.

Shapes: Q queries, N rows, D width, K hits, A allowed rows.
Source: https://qdrant.tech/documentation, client 1.20.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from configs.index import Qdrant
from tasks.data import retries
from tasks.errors import ContractError, MissingExtra, RemoteError
from tasks.vectors import nearest
from tasks.vectors.nearest import Description, Floats, Found, Rows

KEY = "LLM_FLOWS_QDRANT_KEY"
LOCAL_AT_MOST = 20_000  # above it the client itself advises against its local mode
POINTS = 512  # sent at a time
QUERIES = 64  # asked at a time
TIMEOUT_S = 60  # of one request

log = logging.getLogger(__name__)


def describe(rows: Floats, config: Qdrant, digest: str) -> Description:
    """Say where a collection over (N, D) rows is; its recall is not measured yet."""
    where = "Qdrant's local mode, in memory" if config.url is None else f"the server {config.url}"
    return Description(
        kind="qdrant",
        parameters={"url": config.url or "", "collection": f"llm-flows-{digest[:32]}"},
        reason=f"as configured: {where}",
        vectors=len(rows),
        width=rows.shape[1],
    )


def search(about: Description, rows: Floats, queries: Floats, k: int, *, among: Rows | None = None) -> Found:
    """Find the nearest rows, as `nearest.search` does.

    Args:
        about: Where the collection is.
        rows: (N, D) unit-length rows it was filled with; may be memory-mapped.
        queries: (Q, D) float32.
        k: Hits a query, at least 1.
        among: (A,) rows that may be found, ascending; None for all.

    Returns:
        Rows (Q, K) and cosines, best first, K the smaller of `k` and the rows there are; a tie goes to the lower row.

    Raises:
        ContractError: There are more rows than the local mode is made for.
        MissingExtra: The client is not installed.
        RemoteError: The server does not answer.
    """
    count = len(rows) if among is None else len(among)
    if among is not None and (count <= nearest.FEW or count < nearest.NARROW * len(rows)):
        return nearest.exact(rows, queries, k, among)
    url, name = str(about.parameters["url"]), str(about.parameters["collection"])
    take = min(count, k + 1)
    with connected(url, len(rows)) as client:
        retries.tried(lambda: complete(client, name, rows), "Qdrant", _passes)
        proposed = np.full((len(queries), take), -1, dtype=np.int64)
        for start in range(0, len(queries), QUERIES):
            some = queries[start : start + QUERIES]
            answers = retries.tried(partial(_ask, client, name, some, take, among), "Qdrant", _passes)
            for number, found in enumerate(answers):
                proposed[start + number, : len(found)] = found
    return nearest.settle(rows, queries, proposed, min(k, count), among=among, complete=not url)


@contextlib.contextmanager
def connected(url: str, count: int) -> Iterator[Any]:
    """Lend a client; turn what its server does wrong into one clear error."""
    try:
        from qdrant_client import QdrantClient
        from qdrant_client.common.client_exceptions import QdrantException
        from qdrant_client.http.exceptions import ApiException
    except ImportError as error:
        raise MissingExtra(
            "index.dense.kind is qdrant but qdrant-client is not installed; run: pip install 'llm-flows[qdrant]', "
            "or use another kind"
        ) from error
    if not url and count > LOCAL_AT_MOST:
        raise ContractError(
            f"index.dense.url is left out but there are {count:,} vectors and Qdrant's local mode is made for "
            f"{LOCAL_AT_MOST:,}; give the address of a server, or use index.dense.kind=auto"
        )
    key = os.environ.get(KEY) or None
    client = QdrantClient(url=url, api_key=key, timeout=TIMEOUT_S) if url else QdrantClient(":memory:")
    try:
        yield client
    except (ApiException, QdrantException, OSError) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise RemoteError(
            f"index.dense.url is {url} but its server answered: {reason}; start it, or set {KEY} if it asks for a key"
        ) from error
    finally:
        client.close()


def complete(client: Any, name: str, rows: Floats) -> None:
    """Fill a collection unless it holds every row already; one that is half full, or was deleted, is filled again."""
    from qdrant_client import models

    if client.collection_exists(name):
        held = client.count(name, exact=True).count
        if held == len(rows):
            return
        log.warning("collection %s holds %d of %d vectors and is filled again", name, held, len(rows))
    else:
        client.create_collection(
            name, vectors_config=models.VectorParams(size=rows.shape[1], distance=models.Distance.COSINE)
        )
    for start in range(0, len(rows), POINTS):
        block = np.asarray(rows[start : start + POINTS], dtype=np.float32)
        ids = list(range(start, start + len(block)))
        client.upsert(name, models.Batch(ids=ids, vectors=block.tolist()), wait=True)


def _passes(error: BaseException) -> float | None:
    from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
    from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

    if isinstance(error, ResourceExhaustedResponse):
        return float(error.retry_after_s)
    if isinstance(error, UnexpectedResponse) and retries.passing(error.status_code or 0):
        return 0.0
    return 0.0 if isinstance(error, ResponseHandlingException) else None


def _ask(client: Any, name: str, queries: Floats, take: int, among: Rows | None) -> list[npt.NDArray[np.int64]]:
    """Return the rows found for each query."""
    from qdrant_client import models

    allowed = None if among is None else models.Filter(must=[models.HasIdCondition(has_id=among.tolist())])
    asked = [
        models.QueryRequest(query=query.tolist(), limit=take, filter=allowed, with_payload=False) for query in queries
    ]
    replies = client.query_batch_points(name, requests=asked)
    return [np.array([point.id for point in reply.points], dtype=np.int64) for reply in replies]
