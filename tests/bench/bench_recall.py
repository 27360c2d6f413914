"""What a conversation still knows: a fact told first, asked for after five, ten and twenty turns, by each memory.

Twenty conversations with `smollm2`, or the model that `LLM_FLOWS_CHAT_MODEL` names, one fact each; between them the
same small questions in another order each. A fact is recalled where its word stands in the reply. All
conversations share a batch, so seconds are those of a conversation among others.
"""

import random
import re
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from configs.chat import Automatic, Buffer, Memory, Summary, Window
from configs.generators import Sampling
from tasks.chat.memory import MemoryModel
from tasks.chat.session import TurnContext, opening_of, take_turn
from tasks.data.chats import Conversation
from tasks.data.messages import Replies
from tasks.metrics.intervals import wilson
from tasks.models.generators import client
from tasks.models.generators import load as generators
from tasks.text.prompts import read_template
from tests.bench.bench_agent import model_of
from tests.bench.pairs import plain
from tests.bench.together import together

AFTER = (5, 10, 20)
MEMORIES: dict[str, Memory] = {
    "buffer": Buffer(),
    "window of 5": Window(turns=5),
    "summary": Summary(),
    "automatic, from 512 tokens": Automatic(budget=512),
}
REPLY, CONTEXT = 32, 4_096
FACTS = (
    ("My dog is called Biscuit.", "What is my dog called?", "biscuit"),
    ("I live in Lisbon.", "In which city do I live?", "lisbon"),
    ("My favourite colour is purple.", "What is my favourite colour?", "purple"),
    ("I work as a carpenter.", "What is my job?", "carpenter"),
    ("My sister is called Miriam.", "What is my sister called?", "miriam"),
    ("I am allergic to peanuts.", "What am I allergic to?", "peanut"),
    ("I play the violin.", "Which instrument do I play?", "violin"),
    ("My car is a green Volvo.", "Which car do I have?", "volvo"),
    ("I was born in 1971.", "In which year was I born?", "1971"),
    ("My flight leaves on Thursday.", "On which day does my flight leave?", "thursday"),
    ("My locker has the number 482.", "Which number has my locker?", "482"),
    ("I am learning Finnish.", "Which language am I learning?", "finnish"),
    ("My cat is called Pepper.", "What is my cat called?", "pepper"),
    ("I drink tea with honey.", "What do I drink my tea with?", "honey"),
    ("My garden has three apple trees.", "Which trees are in my garden?", "apple"),
    ("I support the team of Leeds.", "Which team do I support?", "leeds"),
    ("My grandmother came from Norway.", "From which country did my grandmother come?", "norw"),
    ("My bicycle is orange.", "Which colour has my bicycle?", "orange"),
    ("I bought a telescope.", "What did I buy?", "telescope"),
    ("My teacher was Mr Fontaine.", "Who was my teacher?", "fontaine"),
)
BETWEEN = (
    "What is the capital of Italy?", "How many legs has a spider?", "Name a fruit that is yellow.",
    "What do bees make?", "Which planet is the largest?", "What is the opposite of cold?",
    "How many days has a week?", "What is water made of?", "Name an animal of the desert.",
    "Which season comes after winter?", "What does a baker make?", "How many minutes has an hour?",
    "Name an ocean.", "What do plants need to grow?", "Which metal is liquid at room temperature?",
    "What is ice?", "Name a large river.", "What shines at night?", "Which bird cannot fly?", "What is a triangle?",
)  # fmt: skip


def measure() -> list[dict[str, Any]]:
    """Return how often a fact is recalled by each memory, with Wilson intervals, and what it takes."""
    if (config := model_of()) is None:
        print("  skipped: LLM_FLOWS_CHAT_MODEL names no model here, and smollm2 is not installed")
        return []
    config = config.model_copy(update={"batch_size": len(FACTS), "batch_tokens": len(FACTS) * CONTEXT})
    replies = client.replies(generators.describe(config), Sampling(max_tokens=REPLY), config, use_cache=False)
    model, rows = MemoryModel(replies, client.message_counter(config)), []
    for name, memory in MEMORIES.items():
        started = time.perf_counter()
        jobs = [partial(converse, number=n, memory=memory, model=model) for n in range(len(FACTS))]
        made = rows_of(name, together(model.replies, jobs, len(jobs)), time.perf_counter() - started)
        print(
            *(f"  {row}" for row in made), sep="\n", file=sys.stderr, flush=True
        )  # a memory takes a quarter of an hour
        rows += made
    return rows


def converse(replies: Replies, number: int, memory: Memory, model: MemoryModel) -> tuple[list[bool], Conversation]:
    """Return whether a fact is recalled after each number of turns, and the conversation."""
    told, question, word = FACTS[number]
    opening, summary = opening_of(read_template("chat"), {}), read_template("chat-summary")
    context = TurnContext(memory, opening, summary, CONTEXT - REPLY)
    mine = MemoryModel(replies, model.count)
    between = random.Random(number).sample(BETWEEN, len(BETWEEN))
    conversation, recalled = take_turn(Conversation(), told, context, mine), []
    for turn, message in enumerate(between, start=1):
        conversation = take_turn(conversation, message, context, mine)
        if turn in AFTER:  # asked aside: the question is no part of the conversation that goes on
            asked = take_turn(conversation, question, context, mine)
            recalled.append(re.search(rf"\b{word}", asked.turns[-1].reply.casefold()) is not None)
    return recalled, conversation


def rows_of(name: str, found: Sequence[tuple[list[bool], Conversation]], seconds: float) -> list[dict[str, Any]]:
    """Return the rows of one memory."""
    rows = []
    for at, turns in enumerate(AFTER):
        hits = [recalled[at] for recalled, _ in found]
        low, high = wilson(sum(hits), len(hits))
        span = f"({low:.3f} to {high:.3f}, n={len(hits)})"
        rows.append(plain(f"{name}: recalled after {turns} turns {span}", sum(hits) / len(hits), ""))
    turns = [turn for _, conversation in found for turn in conversation.turns]
    removed = sum(len(conversation.removed) for _, conversation in found)
    tokens = sum(turn.prompt_tokens + turn.completion_tokens for turn in turns)
    return [
        *rows,
        plain(f"{name}: tokens read and written", tokens / len(found), "a conversation"),
        plain(f"{name}: tokens of summaries", sum(t.summary_tokens for t in turns) / len(found), "a conversation"),
        plain(f"{name}: sentences of summaries that nobody said, removed", removed, "sentences"),
        plain(f"{name}: seconds", seconds / len(found), "a conversation"),
    ]
