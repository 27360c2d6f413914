"""A thousand structured replies of a small model, weights drawn, at temperature 1: five schemas, limits of 8 to 256.

Each is judged by jsonschema, which knows nothing of the grammar; what a reply says is counted apart.

A limit below the shortest text of a schema is refused before anything is generated; the least limit takes its place.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import jsonschema

from configs.generators import LocalModel, Sampling
from tasks.data.messages import Message, Reply, Request, ResponseFormat
from tasks.models.generators import client, response_format
from tasks.models.generators import load as generators
from tasks.models.generators import local as local_model
from tests.bench.pairs import at_least, plain
from tests.tasks.models import language_models
from tests.tasks.models.schemas import SCHEMAS

PROMISED = 1_000
LIMITS = (8, 16, 64, 128, 256)
DRAWS = 40  # of each schema at each limit


def measure(draws: int = DRAWS) -> list[dict[str, Any]]:
    """Return how many replies are valid, how many were closed at their limit, how many differ, and the speed."""
    made: list[tuple[str, int, Reply]] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        model = str(language_models.save_causal(Path(folder)))
        config = LocalModel(model=model, precision="fp32", batch_size=DRAWS, batch_tokens=65_536)
        grammars = local_model.engine(generators.describe(config), config).decoder.grammars
        for name, schema in SCHEMAS.items():
            wanted = response_format.schema_format(schema)
            for limit in LIMITS:
                reached = max(limit, grammars.least(wanted))
                made += [(name, reached, reply) for reply in _replies(config, wanted, reached, draws)]
    seconds = time.perf_counter() - started
    valid = sum(_valid(SCHEMAS[name], reply) and reply.completion_tokens <= limit for name, limit, reply in made)
    tokens = sum(reply.completion_tokens for _, _, reply in made)
    return [
        at_least("structured replies that are valid and within their limit", valid, "replies", len(made)),
        plain("of them closed at the limit", sum(reply.finish == "length" for _, _, reply in made), "replies"),
        plain("different texts among them", len({(name, reply.text) for name, _, reply in made}), "texts"),
        plain("least limit of a schema", min(limit for _, limit, _ in made), "tokens"),
        plain("tokens a second under a grammar", tokens / seconds, "tokens/s"),
    ]


def _replies(config: LocalModel, wanted: ResponseFormat, limit: int, draws: int) -> list[Reply]:
    sampling = Sampling(temperature=1.0, max_tokens=limit)
    ask = client.replies(generators.describe(config), sampling, config, use_cache=False)
    return ask([Request((Message("user", "Describe it."),), wanted, draw) for draw in range(draws)])


def _valid(schema: dict[str, Any], reply: Reply) -> bool:
    try:
        jsonschema.validate(json.loads(reply.text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True
