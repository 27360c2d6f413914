"""`tune-embedder`: what is refused before any work, and a model that learned nothing is kept but not released."""

import json
import random
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from configs.embed import Embed
from configs.finetune import LastBlocks, Lora, Training
from configs.finetune_pairs import (
    CoSent,
    CosineSimilarity,
    GeneralQuality,
    HardNegatives,
    Holdout,
    LabelColumn,
    MultipleNegatives,
    PairColumns,
    RelationColumns,
    ScoredColumns,
    Sections,
    SoftmaxRelation,
    Tsdae,
    TuneGate,
)
from configs.finetune_silver import SilverPairs
from configs.flows_pairs import TuneEmbedder
from configs.ingest import Files, Tables
from flows.tune_embedder import preflight, tune_embedder
from tasks.embed import describe_encoder
from tasks.errors import ContractError, DataError, ModelError
from tasks.models import files as model_files
from tasks.store import tuned

NO_QUESTIONS = GeneralQuality(packaged=False)


def write(path: Path, rows: list[dict[str, object]]) -> Tables:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return Tables(path=str(path))


def noise(count: int) -> list[dict[str, object]]:
    """Return texts whose labels say nothing."""
    draw = random.Random(2)
    words = [a + b for a in ("ka", "lo", "mi", "ru", "te") for b in ("ban", "dir", "fel", "gos", "hun", "jat")]
    return [{"text": " ".join(draw.sample(words, 8)) + f" {n}", "label": f"L{n % 12}"} for n in range(count)]


def test_examples_with_columns_need_a_source_that_has_them(home: Path) -> None:
    (home / "notes").mkdir()
    (home / "notes" / "a.txt").write_text("A note.")
    with pytest.raises(ContractError, match="needs columns, which files has not"):
        preflight(Files(path=str(home / "notes")), config=TuneEmbedder(examples=PairColumns(), general=NO_QUESTIONS))


def test_a_column_of_scored_pairs_that_is_not_there_is_refused_with_those_that_are(home: Path) -> None:
    (home / "sts.csv").write_text("a,b,score\nx,y,1\n", "utf-8")
    similarity = Tables(path=str(home / "sts.csv"), text="a")
    with pytest.raises(ContractError, match=r"has the column 'sentence2'; there are 'a', 'b', 'score'"):
        preflight(similarity=similarity)


def test_questions_are_asked_for_where_documents_have_none(home: Path) -> None:
    source = write(home / "pairs.jsonl", [{"text": "q", "positive": "a"}])
    with pytest.raises(ContractError, match=r"set general\.questions"):
        preflight(source, retrieval=source, config=TuneEmbedder(examples=PairColumns()))


def test_vectors_longer_than_the_encoder_gives_are_refused(home: Path) -> None:
    source = write(home / "pairs.jsonl", [{"text": "q", "positive": "a"}])
    asked = TuneEmbedder(examples=PairColumns(), matryoshka=(768, 384), general=NO_QUESTIONS)
    with pytest.raises(ContractError, match="gives 384 numbers"):
        preflight(source, config=asked)


def test_a_loss_that_cannot_read_the_examples_is_refused_with_those_that_can() -> None:
    with pytest.raises(ValidationError, match=r"set loss\.kind to cosine or cosent"):
        TuneEmbedder(examples=ScoredColumns())
    assert TuneEmbedder(examples=ScoredColumns(), loss=CoSent()).loss == CoSent()
    with pytest.raises(ValidationError, match="reads no negatives"):
        TuneEmbedder(examples=LabelColumn(), loss=CosineSimilarity(), negatives=HardNegatives())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"loss": Tsdae(), "matryoshka": (384, 96)}, r"its whole vector; set matryoshka=\[\]"),
        (
            {"loss": Tsdae(), "parameters": Lora()},
            r"lora leaves as they are; set parameters\.kind=full",
        ),
        ({"loss": Tsdae(), "negatives": HardNegatives()}, "loss tsdae reads no negatives"),
    ],
)
def test_what_a_decoder_cannot_share_is_refused(fields: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TuneEmbedder.model_validate(fields)


@pytest.mark.parametrize(
    ("examples", "loss", "said"),
    [
        (Sections(), MultipleNegatives(), r"examples of kind sections have not; set silver=null or examples\.kind to"),
        (LabelColumn(), CosineSimilarity(), "examples of kind labels have not"),
        (RelationColumns(), MultipleNegatives(), r"loss\.kind to cosine or cosent or contrastive"),
        (RelationColumns(), SoftmaxRelation(), r"loss\.kind to cosine or cosent or contrastive"),
        (ScoredColumns(), Tsdae(), r"set silver=null or loss\.kind to cosine or cosent$"),
    ],
)
def test_silver_pairs_are_refused_where_no_score_is_read(examples: object, loss: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TuneEmbedder.model_validate({"examples": examples, "loss": loss, "silver": SilverPairs(reranker="tuned:x")})
    (error,) = refused.value.errors()
    assert re.search(said, error["msg"])
    fine = TuneEmbedder(examples=ScoredColumns(), loss=CoSent(), silver=SilverPairs(reranker="tuned:x"))
    assert fine.silver is not None


def test_a_reranker_that_is_not_there_or_is_none_is_refused_before_any_work(home: Path) -> None:
    source = write(home / "pairs.jsonl", [{"text": "q", "hypothesis": "a", "label": "entailment"}])

    def asked(reranker: str) -> TuneEmbedder:
        silver = SilverPairs(reranker=reranker)
        return TuneEmbedder(examples=RelationColumns(), loss=CoSent(), silver=silver, general=NO_QUESTIONS)

    with pytest.raises(ModelError, match="there is no trained model 'gone'"):
        preflight(source, config=asked("tuned:gone"))
    with pytest.raises(ModelError, match=r"set silver\.reranker to a cross-encoder"):
        preflight(source, config=asked(Embed().model))


def cross_encoder(folder: Path) -> str:
    """Save a small cross-encoder that knows nothing, with the words of the embedded encoder."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(model_files.locate(Embed().model).folder)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, initializer_range=0.5, **sizes)
    BertForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


SHORT = Training(max_steps=2, per_device_train_batch_size=8, max_seq_length=32, device="cpu", precision="fp32")


@pytest.mark.flow
@pytest.mark.long  # trains for a quarter of a minute; what is kept and refused is tested below
def test_silver_pairs_are_trained_on_and_the_page_says_who_labelled_them(home: Path) -> None:
    rows = noise(200)
    source = write(home / "rows.jsonl", [
        {"text": one["text"], "hypothesis": other["text"], "label": "entailment" if n % 3 else "neutral"}
        for n, (one, other) in enumerate(zip(rows[::2], rows[1::2], strict=True))
    ])  # fmt: skip
    reranker = cross_encoder(home / "cross")
    config = TuneEmbedder(
        examples=RelationColumns(), holdout=Holdout(near_duplicate=1.0), embed=Embed(precision="fp32"), loss=CoSent(),
        silver=SilverPairs(reranker=reranker, per_anchor=2, max_pairs=60), parameters=LastBlocks(blocks=1),
        training=SHORT, general=NO_QUESTIONS, gate=TuneGate(resamples=200),
    )  # fmt: skip
    outcome = tune_embedder(source=source, name="silver", config=config)
    silver = outcome.result["silver"]
    assert (silver["silver"], silver["unscored"], sum(silver["tenths"])) == (60, 0, 60)
    assert silver["gold"] + 60 == outcome.result["rows"]["examples"]
    assert silver["agreement"]["n"] == outcome.result["rows"]["validation"]
    assert any("does not follow the labels of people for sure" in line for line in silver["warnings"])
    assert silver["gold"] == outcome.result["rows"]["train"]
    assert silver["gold"] + outcome.result["rows"]["validation"] + outcome.result["rows"]["test"] == 100
    assert silver["weights"] == model_files.weights_digest(Path(reranker))
    page = Path(outcome.report).read_text("utf-8")
    assert "Gold and silver rows" in page
    assert f"weights {silver['weights'][:12]}" in page
    assert len((Path(outcome.report).parent / "silver.csv").read_text("utf-8").splitlines()) == 61
    again = tune_embedder(source=source, name="silver", config=config.model_copy(update={"silver": None}))
    assert "silver" not in again.result
    assert again.result["rows"]["train"] == again.result["rows"]["examples"] == silver["gold"]


@pytest.mark.flow
@pytest.mark.long  # trains for a quarter of a minute; what is kept and refused is tested below
def test_an_encoder_learns_from_documents_alone_and_is_judged_by_their_titles(home: Path) -> None:
    rows = [
        {"text": ". ".join(str(row["text"]).capitalize() for row in noise(240)[n::60]) + ".", "title": f"note {n}"}
        for n in range(60)
    ]
    source = write(home / "notes.jsonl", list(rows)).model_copy(update={"title": "title"})
    config = TuneEmbedder(
        holdout=Holdout(near_duplicate=1.0), embed=Embed(precision="fp32"), loss=Tsdae(), training=SHORT,
        parameters=LastBlocks(blocks=1), general=NO_QUESTIONS, gate=TuneGate(resamples=200),
    )  # fmt: skip
    result = tune_embedder(source=source, name="alone", config=config).result
    assert result["checks"]["held-out"]["metric"] == "nDCG@10"
    assert result["rows"]["examples"] > 100 > result["rows"]["train"]
    assert result["removed_sentences"] == 0
    trained = describe_encoder(Embed(model="tuned:alone@1", precision="fp32")).encoder
    assert (trained.width, trained.architecture) == (384, "transformer")


@pytest.mark.flow
def test_training_data_equal_to_the_test_data_stop_the_run_in_words(home: Path) -> None:
    source = write(home / "noise.jsonl", noise(60))
    config = TuneEmbedder(examples=LabelColumn(), embed=Embed(precision="fp32"), general=NO_QUESTIONS)
    with pytest.raises(DataError, match="0 rows to train on"):
        tune_embedder(source=source, test=source, config=config)


@pytest.mark.long
@pytest.mark.flow
@pytest.mark.slow
def test_a_model_that_learned_nothing_is_kept_but_not_released_and_says_why(home: Path) -> None:
    source = write(home / "noise.jsonl", noise(240))
    scored = [
        {"text": f"a cat {n}", "sentence2": f"a {'cat' if n % 2 else 'bus'} {n}", "score": n % 2} for n in range(40)
    ]
    config = TuneEmbedder(
        examples=LabelColumn(pairs_per_label=4),
        holdout=Holdout(near_duplicate=1.0),
        embed=Embed(precision="fp32"),
        parameters=LastBlocks(blocks=1),
        training=Training(
            max_steps=3, per_device_train_batch_size=8, max_seq_length=32, device="cpu", precision="fp32"
        ),
        general=NO_QUESTIONS,
        gate=TuneGate(resamples=200),
    )
    outcome = tune_embedder(source=source, similarity=write(home / "sts.jsonl", scored), name="noise", config=config)
    result = outcome.result
    assert result["released"] is False
    assert result["model"] == "tuned:noise@1"
    assert result["why"].startswith("refused: 1-NN accuracy of held-out")
    assert {name: check["role"] for name, check in result["checks"].items()} == {
        "held-out": "domain",
        "similarity": "general",
    }
    assert outcome.metrics["gate.released"] == 0
    page = Path(outcome.report).read_text("utf-8")
    assert "Not released" in page
    assert "the lower end must be above 0" in page
    with pytest.raises(ModelError, match="no model 'noise' was released"):
        tuned.live("noise")
    assert model_files.describe("tuned:noise@1").width == 384
