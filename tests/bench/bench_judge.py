"""A judge held against people: which of two replies is better, asked in both orders.

The pairs are those of PandaLM's test set (Wang et al. 2024, arXiv:2306.05087), each judged by three people; some are
drawn of those on which two or three agree that one reply is better. Needs the folder named by `LLM_FLOWS_DATA`, and
`smollm2` or the model that `LLM_FLOWS_CHAT_MODEL` names. Beside it stands the rule that the longer reply is better.
"""

import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

from configs.finetune_generator import PairwiseJudge
from tasks.data.sampling import ResolvedSampling
from tasks.evaluate import win_rate
from tasks.evaluate.task_win_rate import VERDICT_TOKENS, judging_by
from tasks.metrics.intervals import mean_interval
from tasks.models.generators import client
from tasks.text.prompts import Asker
from tests.bench.bench_agent import model_of
from tests.bench.pairs import plain

PAIRS = 200


def measure() -> list[dict[str, Any]]:
    """Return how often a judge likes what people like, a tie half, with intervals; and how it falls to places."""
    folder, config = os.environ.get("LLM_FLOWS_DATA"), model_of()
    if folder is None or config is None:
        print("  skipped: LLM_FLOWS_DATA names no folder with pandalm, or there is no model")
        return []
    rows = pairs_of(Path(folder) / "pandalm" / "testset-v1.json")
    asked = PairwiseJudge(generator=config)
    judging = judging_by(asked)
    sampling = ResolvedSampling(max_tokens=VERDICT_TOKENS)
    ask = client.replies(judging.generator, sampling, config, use_cache=False, fix=False)
    budget = client.prompt_budget(judging.generator, sampling, asked.prompt_tokens)
    judge = win_rate.ReplyJudge(Asker(ask, client.text_counter(config), budget, judging.prompt))
    ids = [(str(n), row[0]) for n, row in enumerate(rows)]
    found = judge.judge("liked over not", ids, [(liked, not_liked) for _, liked, not_liked in rows])
    measures = [*win_rate.measures_of(found, resamples=2_000, seed=0), *judge.first_preferred()]
    told = [plain(f"{config.model}: {m.name} ({m.low:.3f} to {m.high:.3f}, n={m.n})", m.value, "") for m in measures]
    longer = [(len(a) > len(b)) + (len(a) == len(b)) / 2 for _, a, b in rows]
    share, (low, high) = mean_interval(longer, resamples=2_000, seed=0)
    return [
        *told,
        plain(f"the longer reply: win rate ({low:.3f} to {high:.3f}, n={len(longer)})", share, ""),
        plain("seconds of a pair, both orders", ask.spent.seconds / len(rows), "s"),
    ]


def pairs_of(path: Path) -> list[tuple[str, str, str]]:
    """Return requests with the reply that most people like better, and the other one."""
    found = []
    for row in json.loads(path.read_text("utf-8")):
        (choice, votes), *_ = Counter(row[f"annotator{n}"] for n in (1, 2, 3)).most_common()
        one, two = str(row["response1"]), str(row["response2"])  # some are true or false
        if choice == 0 or votes < 2 or one.strip() == two.strip():  # 0: a tie
            continue
        request = "\n\n".join(filter(None, (row["instruction"], row["input"])))
        found.append((request, *((one, two) if choice == 1 else (two, one))))
    return random.Random(0).sample(found, PAIRS)
