"""`tune-generator`: what is refused before any work; what is trained is kept, released, and put to work."""

import json
import re
from pathlib import Path

import pytest
from mlflow import MlflowClient

from configs.chain import Steps
from configs.chat import Buffer
from configs.finetune import FullWeights, Training
from configs.finetune_generator import (
    Battery,
    GeneratorGate,
    GeneratorLora,
    KeywordCheck,
    OnPolicy,
    PairwiseJudge,
    Preference,
    PreferenceColumns,
)
from configs.finetune_pairs import Holdout
from configs.flows import ChatSession, PromptChain, RagAnswers
from configs.flows_generator import TuneGenerator
from configs.generate import Extractive, Generated
from configs.generators import LocalModel, ModelServer, Sampling
from configs.ingest import Files, Tables
from flows.__main__ import main
from flows.chat_session import chat_session
from flows.prompt_chain import prompt_chain
from flows.rag_answers import rag_answers
from flows.tune_generator import preflight, tune_generator, win_rates_of
from tasks.errors import BudgetError, ContractError, DataError, ModelError, RemoteError
from tasks.runtime.mlflow_run import tracking_uri
from tasks.store import tuned
from tests.tasks.finetune.tiny_generator import ANIMALS, animal_rows, make_generator

SAID = KeywordCheck(name="an animal", words=ANIMALS)
FAST = Training(max_steps=12, per_device_train_batch_size=8, learning_rate=5e-3, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_generator(tmp_path_factory.mktemp("tiny") / "model", steps=20, context=1_024)


def asked(tiny: Path, **changes: object) -> TuneGenerator:
    given = {
        "model": str(tiny), "parameters": FullWeights(), "training": FAST, "holdout": Holdout(near_duplicate=1.0),
        "battery": Battery(prompts=4, max_tokens=12, checks=(SAID,)),
        "gate": GeneratorGate(resamples=200, tolerance=1.0), **changes,
    }  # fmt: skip
    return TuneGenerator.model_validate(given)


def instructions(folder: Path, count: int = 90) -> Tables:
    """Write instructions with an input below each, which must not be read as HTML."""
    path = folder / "asked.jsonl"
    rows = [{"instruction": r.prompt.partition("\n\n")[0], "input": "<b>" + r.prompt.partition("\n\n")[2],
             "output": r.completion} for r in animal_rows(count)]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Tables(path=str(path))


def preferences(folder: Path, count: int = 90) -> Tables:
    path = folder / "preferred.jsonl"
    rows = [{"prompt": r.prompt, "chosen": r.completion, "rejected": r.rejected} for r in animal_rows(count, seed=1)]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Tables(path=str(path))


def test_what_cannot_be_trained_is_refused_before_any_work(home: Path, tiny: Path) -> None:
    source = instructions(home)
    with pytest.raises(ContractError, match="files have not; give tables, hub or python-docs"):
        preflight(Files(path=str(home)), config=asked(tiny))
    with pytest.raises(ContractError, match="pairs are given but preference is null"):
        preflight(source, pairs=source, config=asked(tiny, preference=None))
    unlike = asked(tiny, preference=Preference(columns=PreferenceColumns(prompt="instruction")))
    with pytest.raises(ContractError, match=r"has the column 'chosen'; there are 'input', 'instruction', 'output'"):
        preflight(source, pairs=source, config=unlike)
    with pytest.raises(ContractError, match="max_seq_length is 1100 but"):
        preflight(source, config=asked(tiny, training=FAST.model_copy(update={"max_seq_length": 1_100})))
    with pytest.raises(ModelError, match="there is no trained model 'nothing'"):
        preflight(source, config=asked(tiny, model="tuned:nothing"))
    with pytest.raises(DataError):
        preflight(Tables(path=str(home / "none.csv")), config=asked(tiny))
    preflight(source, pairs=preferences(home), config=asked(tiny))
    small = PairwiseJudge(generator=LocalModel(model=str(tiny)), prompt_tokens=64)
    with pytest.raises(ContractError, match=r"leave no room for replies; raise judge\.prompt_tokens"):
        preflight(source, config=asked(tiny, judge=small))


@pytest.mark.parametrize("error", [ContractError("h answers 400"), RemoteError("h is gone"), BudgetError("spent")])
def test_whatever_fails_a_judge_costs_the_win_rates_alone(
    error: Exception, home: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr("flows.tune_generator.compare_replies", fail)
    judge = PairwiseJudge(generator=ModelServer(base_url="http://127.0.0.1:9/v1", model="big"))
    found, why = win_rates_of((), asked(tiny, judge=judge))
    assert found is None
    assert why == f"judge: {error}. There are no win rates; the same run again asks the judge alone"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"parameters": {"kind": "lora", "merge": False}}, "merge is false but a generator is kept whole"),
        ({"parameters": {"kind": "lora", "target_modules": ["lm_head"]}}, "names lm_head, which TRL does not train"),
        ({"preference": {"beta": 0}}, "greater than 0"),
        ({"columns": {"instruction": "output"}}, "output and instruction both name the column 'output'"),
        ({"preference": {"columns": {"rejected": "chosen"}}}, "rejected and chosen both name the column 'chosen'"),
        ({"parameters": {"kind": "head"}}, "does not match any of the expected tags"),
    ],
)
def test_a_config_that_cannot_be_followed_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TuneGenerator.model_validate(wrong)


@pytest.mark.flow
@pytest.mark.slow
def test_a_released_generator_has_a_page_and_answers_in_chains_chats_and_from_documents_by_its_name(
    searchable: Path, tiny: Path
) -> None:
    nobody = ModelServer(base_url="http://127.0.0.1:9/v1", model="big", retries=0)
    config = asked(tiny, judge=PairwiseJudge(generator=nobody))
    outcome = tune_generator(source=instructions(searchable.parent), name="animals", config=config)
    result = outcome.result
    assert "judge" not in result  # it decides nothing, and costs no model where it is not there
    assert any(text.startswith("judge: 127.0.0.1:9 does not answer") for text in result["warnings"])
    assert result["released"] is True, result["why"]
    assert result["model"] == "tuned:animals@1"
    assert result["checks"]["SFT over base"]["high"] < 0
    assert result["merge"]["SFT"]["largest_logit_difference"] <= 1e-3
    assert "DPO" not in result["training"]
    assert "preference" not in result
    assert result["measures"]["passes an animal held-out answers"]["value"] == 1.0
    assert result["measures"]["passes an animal base"]["n"] == 4
    page = Path(outcome.report).read_text("utf-8")
    assert "Released" in page
    assert "<b>red" not in page
    assert "&lt;b&gt;" in page
    assert "<mark>It is the " in page
    client = MlflowClient(tracking_uri())
    assert client.get_model_version_by_alias("tuned-animals", "champion").run_id == outcome.mlflow_run_id
    model = LocalModel(model="tuned:animals", precision="fp32")
    short = Sampling(max_tokens=8, temperature=0)
    chain = PromptChain(methods=(Steps(name="direct"),), generator=model, sampling=short)
    assert prompt_chain(question="Which animal?", config=chain).result["replies"] == 1
    chat = ChatSession(generator=model, sampling=short, memory=Buffer())
    assert chat_session(conversation="zoo", messages=["Which animal?"], config=chat).result["turns"] == 1
    longer = short.model_copy(update={"max_tokens": 64})
    writer = Generated(generator=model, sampling=longer, quote=Extractive(passages=2, no_answer_below=-1.0))
    answer = rag_answers(question="When is the lamp lit?", config=RagAnswers(answer=writer)).result
    assert answer["sampling"] == "greedy"
    assert answer["finish"] in ("stop", "length", "repetition")  # it was written, not quoted, sense or none
    with pytest.raises(ContractError, match="tuned:animals is kept as generator already, not as tagger"):
        tuned.require_task("animals", "tagger")


@pytest.mark.flow
@pytest.mark.slow
def test_preferences_that_are_not_learned_refuse_the_model_which_is_kept_and_can_be_put_live(
    home: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preference = Preference(
        sft_weight=0.25, parameters=GeneratorLora(r=2), training=FAST.model_copy(update={"max_steps": 2})
    )
    config = asked(tiny, preference=preference, gate=GeneratorGate(least_accuracy=0.999, resamples=200, tolerance=1.0))
    outcome = tune_generator(source=instructions(home), pairs=preferences(home), name="zoo", config=config)
    result = outcome.result
    assert result["released"] is False
    assert "reward accuracy of DPO over chance" in result["why"]
    assert set(result["training"]) == {"SFT", "DPO"}
    assert result["preference"] == {"beta": 0.1, "sft_weight": 0.25}
    assert set(result["checks"]) == {
        "SFT over base", "DPO over chance", "DPO against base", "DPO against SFT", "DPO over base", "DPO over SFT",
    }  # fmt: skip
    page = Path(outcome.report).read_text("utf-8")
    assert "Not released" in page
    assert "rewards of the validation pairs" in page
    assert re.search(r"sft_weight\D+0\.25", page)
    assert dict(MlflowClient(tracking_uri()).get_registered_model("tuned-zoo").aliases) == {}
    with pytest.raises(ModelError, match="no model 'zoo' was released; kept are tuned:zoo@1"):
        tuned.live("zoo")
    assert main(["models", "use", "tuned:zoo@1"]) == 0
    assert tuned.live("zoo").task == "generator"


@pytest.mark.flow
@pytest.mark.slow
def test_a_reward_model_decides_where_replies_are_drawn_and_a_judge_stands_beside(home: Path, tiny: Path) -> None:
    (home / "mine.md").write_text("# user\n{nonce} {prompt}\nA {first}\nB {second}\nA, B or tie?", "utf-8")
    judge = PairwiseJudge(generator=LocalModel(model=str(tiny)), prompt=str(home / "mine.md"))
    few = FAST.model_copy(update={"max_steps": 3})
    drawn = OnPolicy(reward=FAST.model_copy(update={"max_steps": 4}), num_generations=4, max_completion_length=6)
    preference = Preference(parameters=GeneratorLora(r=2), training=few, on_policy=drawn)
    outcome = tune_generator(
        source=instructions(home), pairs=preferences(home), name="drawn",
        config=asked(tiny, preference=preference, judge=judge),
    )  # fmt: skip
    result = outcome.result
    assert set(result["training"]) == {"SFT", "RLOO"}
    assert set(result["checks"]) == {
        "SFT over base", "reward model over chance", "replies of RLOO over SFT", "RLOO over chance",
        "RLOO against base", "RLOO against SFT", "RLOO over base", "RLOO over SFT",
    }  # fmt: skip
    check = result["checks"]["replies of RLOO over SFT"]
    judged = result["checks"]["reward model over chance"]
    assert judged["passed"] == (judged["low"] > 0)
    told = result["checks"]["SFT over base"]["passed"]
    kept = result["checks"]["RLOO over base"]["passed"]
    assert result["released"] == (told and judged["passed"] and check["low"] > 0 and kept)
    assert result["checks"]["RLOO over chance"]["role"] == "shown"
    worth = {name: result["measures"][f"mean reward {name}"]["value"] for name in ("base", "SFT", "RLOO")}
    assert check["difference"] == pytest.approx(worth["RLOO"] - worth["SFT"], abs=1e-3)
    assert 0 <= result["measures"]["accuracy reward model"]["value"] <= 1
    assert result["reward_model"]["steps"] == 4
    page = Path(outcome.report).read_text("utf-8")
    assert "mean reward" in page
    assert "reward model" in page
    assert "Win rates by a judge" in page
    said = result["judge"]
    assert (said["model"], said["without_verdict"]) == (str(tiny), 0)  # a verdict is forced while it is written
    matches = ("SFT over base", "RLOO over base", "RLOO over SFT", "held-out answer over another's")
    asked_about = [said[f"win rate {match}"]["n"] for match in matches if f"win rate {match}" in said]
    assert asked_about
    assert set(asked_about) == {4}
    assert said["reliable"] or any("its win rates say nothing" in text for text in result["warnings"])
    assert outcome.metrics["judge.sft_over_base.win_rate"] == said["win rate SFT over base"]["value"]
