"""`rag-answers` with a model behind a server on loopback: grounded, cited, and paid for once."""

import json
from pathlib import Path

import pytest

from configs.embed import Embed
from configs.evaluate import Evaluate
from configs.flows import KnowledgeBase, RagAnswers
from configs.generate import Extractive, Generated
from configs.generators import LocalModel, ModelServer, Sampling
from configs.ingest import Files
from flows.knowledge_base import knowledge_base
from flows.rag_answers import rag_answers
from tasks.errors import ContractError
from tests.tasks.models import language_models
from tests.tasks.models.chat_server import served

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]
QUESTION = "When does the keeper light the lamp?"


def test_an_answer_is_grounded_cited_and_never_paid_for_twice(workspace: Path, notes: Path) -> None:
    knowledge_base(
        source=Files(path=str(notes)),
        collection="notes",
        config=KnowledgeBase(embed=Embed(precision="fp32"), topics=None),
    )
    with served() as server:
        server.say = lambda body: "The keeper lit the lamp at dusk [1]. It burned 900 hours [1]."
        writer = Generated(
            generator=ModelServer(base_url=server.base_url, model="small"), sampling=Sampling(max_tokens=64),
            quote=Extractive(passages=3),
        )  # fmt: skip
        made = rag_answers(question=QUESTION, config=RagAnswers(answer=writer))
        assert made.result["text"] == "The keeper lit the lamp at dusk. [1] It burned 900 hours. [1]"
        assert made.result["citations"][0]["document"] == "lighthouse.txt"
        assert (made.result["unsupported"], made.result["abstained"]) == (1, "")
        assert (made.result["finish"], made.result["sampling"]) == ("stop", "greedy")
        assert made.metrics["generate-grounded.repeated"] == 0
        assert made.metrics["generate-grounded.unsupported"] == 1
        (asked,) = server.asked
        assert "The lens was polished" in asked["messages"][-1]["content"]

        moon = rag_answers(question="What is the mass of the moon?", config=RagAnswers(answer=writer))
        assert moon.result["abstained"].startswith("no answer in this collection: ")
        assert len(server.asked) == 1  # the model was not asked


def test_a_table_is_asked_with_passages_and_without(workspace: Path, notes: Path, tmp_path: Path) -> None:
    knowledge_base(
        source=Files(path=str(notes)),
        collection="notes",
        config=KnowledgeBase(embed=Embed(precision="fp32"), topics=None),
    )
    asked = [
        {"question": QUESTION, "answers": ["lighthouse.txt"], "spans": ["The keeper lit the lamp at dusk"]},
        {"question": "When is bread baked?", "answers": ["bakery.md"], "spans": ["Bread is baked at four"]},
        {"question": "What is the mass of the moon?", "answers": []},
    ]
    table, model = tmp_path / "asked.jsonl", language_models.save_causal(tmp_path / "model", context=4_096)
    table.write_text("\n".join(json.dumps(row) for row in asked), "utf-8")
    writer = Generated(generator=LocalModel(model=str(model), precision="fp32"), sampling=Sampling(max_tokens=16))
    config = RagAnswers(answer=writer, evaluate=Evaluate(questions=str(table)))
    made = rag_answers(config=config)
    measures = made.result["measures"]
    assert measures["token F1 retrieval"]["n"] == measures["token F1 closed book"]["n"] == 2
    assert measures["refusals unanswerable closed book"]["value"] == 0.0
    assert measures["refusals unanswerable retrieval"]["value"] == 1.0
    assert measures["exact match difference retrieval - closed book"]["value"] == 0.0
    assert (made.result["left_out"], made.result["warnings"]) == (0, [])
    page = Path(made.report).read_text("utf-8")
    assert "Retrieval and closed book" in page
    assert "replies that repeat themselves" in page
    assert (made.result["repeated"], made.result["truncated"], made.result["sampling"]) == (0, 5, "greedy")
    again = rag_answers(config=config)
    assert (again.tasks["run"], again.result) == (0, made.result)
    with pytest.raises(ContractError, match="needs question="):
        rag_answers()
