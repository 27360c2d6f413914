import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from configs import resolve as resolving
from configs import signatures
from configs.finetune_generator import PairwiseJudge
from configs.generators import LocalModel
from configs.resolve import WrongCall, defaults, fields_of, load_preset, merge, nested, placed, resolve
from configs.retrieve import Dense, Sparse, Weighted
from configs.signatures import FlowCard, flow_cards

CARDS = flow_cards()
KB, RAG, SEARCH = CARDS["knowledge-base"], CARDS["rag-answers"], CARDS["semantic-search"]
CLASSIFY, ANATOMY = CARDS["text-classifier"], CARDS["model-anatomy"]
CLASSIFIER = CARDS["tune-classifier"]
FLOW = '''
from prefect import flow
from configs.flows import RagAnswers

@flow(name="made-up")
def made_up(retrieve: int = 1, config: RagAnswers = RagAnswers()) -> None:
    """Do nothing."""
'''


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlowCard:
    """Return a flow with a parameter that its config has a field of the name of, and two presets."""
    (tmp_path / "made_up.py").write_text(FLOW, "utf-8")
    monkeypatch.setattr(signatures, "FLOWS", tmp_path)
    monkeypatch.setattr(signatures, "PRESETS", tmp_path)
    monkeypatch.setattr(resolving, "PRESETS", tmp_path)
    (tmp_path / "made_up").mkdir()
    first = {"answer": {"sentences": 5, "within": 0.5}, "config": {"retrieve": {"kind": "dense", "k": 7}}}
    (tmp_path / "made_up" / "first.yaml").write_text(yaml.safe_dump(first), "utf-8")
    (tmp_path / "made_up" / "second.yaml").write_text("answer: {sentences: 6}\n", "utf-8")
    (tmp_path / "made_up" / "bare.yaml").write_text("# nothing\n", "utf-8")
    return flow_cards()["made-up"]


def config_of(card: FlowCard, *words: str) -> dict[str, Any]:
    stated: dict[str, Any] = resolve(card, words).model_dump(mode="json")["config"]
    return stated


def test_without_words_everything_is_the_default() -> None:
    assert resolve(KB, []).model_dump() == KB.parameters()().model_dump()


def test_a_preset_goes_before_the_defaults(made_up: FlowCard) -> None:
    assert config_of(made_up, "@second")["answer"]["sentences"] == 6


def test_a_later_preset_goes_before_an_earlier_one_and_leaves_what_it_does_not_name(made_up: FlowCard) -> None:
    answer = config_of(made_up, "@first", "@second")["answer"]
    assert (answer["sentences"], answer["within"]) == (6, 0.5)
    assert config_of(made_up, "@second", "@first")["answer"]["sentences"] == 5


def test_a_value_goes_before_a_preset_wherever_it_is_written(made_up: FlowCard) -> None:
    assert config_of(made_up, "answer.sentences=2", "@first", "@second")["answer"]["sentences"] == 2


@pytest.mark.parametrize("name", ["answer.sentences", "config.answer.sentences"])
def test_a_name_that_is_set_twice_is_refused(name: str) -> None:
    with pytest.raises(WrongCall, match=f"^{name} is set twice; leave one of the two out$"):
        resolve(RAG, ["question=x", "answer.sentences=2", f"{name}=4"])


def test_an_empty_preset_changes_nothing(made_up: FlowCard) -> None:
    assert resolve(made_up, ["@bare"]).model_dump() == resolve(made_up, []).model_dump()


def test_a_change_merges_deeply_into_the_variant_that_stands() -> None:
    retrieve = config_of(RAG, "question=x", "retrieve.k=3")["retrieve"]
    assert retrieve == Weighted(k=3).model_dump(mode="json")


def test_a_list_is_replaced_not_extended() -> None:
    call = resolve(KB, ["@quick", 'source.packages=["scipy"]']).model_dump()
    assert call["source"]["packages"] == ("scipy",)


def test_another_kind_discards_what_was_set_in_that_place_before(made_up: FlowCard) -> None:
    retrieve = config_of(made_up, "@first", "config.retrieve.k=9", "config.retrieve.kind=sparse")["retrieve"]
    assert retrieve == Sparse().model_dump(mode="json")


def test_the_same_kind_keeps_what_was_set_in_that_place_before(made_up: FlowCard) -> None:
    assert config_of(made_up, "@first", "config.retrieve.kind=dense")["retrieve"] == Dense(k=7).model_dump(mode="json")


def test_what_is_set_after_another_kind_belongs_to_it() -> None:
    words = ["question=x", "retrieve.kind=dense", "retrieve.k=4"]
    assert config_of(RAG, *words)["retrieve"] == Dense(k=4).model_dump(mode="json")


def test_a_part_that_was_switched_off_can_be_switched_on_by_one_of_its_fields() -> None:
    assert config_of(KB, "topics=null")["topics"] is None
    assert config_of(KB, "topics=null", "topics.min_documents=20")["topics"]["min_documents"] == 20


def test_a_field_below_nothing_leaves_the_defaults_of_what_it_lies_in() -> None:
    tuning = CARDS["tune-generator"]
    said = resolve(tuning, ["judge.generator.model=other"]).model_dump()["config"]["judge"]
    wanted = PairwiseJudge(generator=LocalModel(model="other")).model_dump()
    assert said == wanted
    with pytest.raises(
        WrongCall, match=r"image-search needs classes\.names="
    ):  # what must be given has no default to put there
        resolve(CARDS["image-search"], ["classes.truth=kind"])


def test_a_name_is_a_parameter_of_the_flow_before_it_is_a_field_of_its_config(made_up: FlowCard) -> None:
    call = resolve(made_up, ["retrieve=5", "config.retrieve.k=4"]).model_dump()
    assert call["retrieve"] == 5
    assert call["config"]["retrieve"]["k"] == 4


def test_a_union_that_may_be_left_out_is_reached_through_none(made_up: FlowCard, tmp_path: Path) -> None:
    text = FLOW.replace("retrieve: int = 1", "how: Retrieve | None = None").replace(
        "from configs.flows", "from configs.retrieve import Retrieve\nfrom configs.flows"
    )
    (tmp_path / "made_up.py").write_text(text, "utf-8")
    card = flow_cards()["made-up"]
    assert resolve(card, ["how.kind=sparse", "how.k=3"]).model_dump()["how"] == Sparse(k=3).model_dump()


def test_a_reranker_is_none_until_a_kind_is_set_and_then_takes_its_fields() -> None:
    assert config_of(SEARCH, "queries=[]")["rerank"] is None
    words = ["queries=[]", "rerank.kind=late-interaction", "rerank.candidates=100"]
    expected = {"kind": "late-interaction", "model": None, "candidates": 100, "k": 10}
    assert config_of(SEARCH, *words)["rerank"] == expected
    assert config_of(SEARCH, "queries=[]", "rerank.kind=mmr", "rerank.k=5")["rerank"] == {
        "kind": "mmr", "candidates": 50, "k": 5, "diversity": 0.3,
    }  # fmt: skip
    assert config_of(SEARCH, *words, "rerank=null")["rerank"] is None


def test_a_whole_config_can_be_given_as_json() -> None:
    assert config_of(KB, 'config={"retrieve": {"kind": "dense"}}')["retrieve"] == Dense().model_dump(mode="json")


@pytest.mark.parametrize(
    "text", ["5", "null", "true", "[1]", '"quoted"', "a=b", "", "${HOME}", "{{ flow_run.id }}", "$(id)", "--help"]
)
def test_the_value_of_a_text_field_is_taken_as_it_stands(text: str) -> None:
    assert config_of(KB, f"embed.model={text}")["embed"]["model"] == text
    if text != "null":  # leaves an optional text out
        assert resolve(RAG, [f"question={text}"]).model_dump()["question"] == text


def test_null_leaves_an_optional_text_out_and_any_other_word_is_text() -> None:
    assert resolve(KB, ["collection=null"]).model_dump()["collection"] is None
    assert resolve(KB, ["collection=12"]).model_dump()["collection"] == "12"


def test_a_file_gives_one_item_a_line_without_blank_ones(tmp_path: Path) -> None:
    path = tmp_path / "queries.txt"
    path.write_text("first ${HOME}\n\n  \nsecond\r\n", "utf-8")
    assert resolve(SEARCH, [f"queries=@{path}"]).model_dump()["queries"] == ["first ${HOME}", "second"]


@pytest.mark.parametrize(
    ("card", "words", "message"),
    [
        (SEARCH, [], r"semantic-search needs queries=\.\.\.; see python -m flows semantic-search --help"),
        (KB, ["source.kind=files"], r"knowledge-base needs source\.path=\.\.\.; see"),
        (KB, ["quick"], r"'quick' is neither @preset nor name=value; see python -m flows knowledge-base --help"),
        (KB, ["@slow"], r"knowledge-base has no preset @slow; it has @book, @multilingual, @quick$"),
        (KB, ["@../../x"], r"knowledge-base has no preset @\.\./\.\./x; it has @book, @multilingual, @quick$"),
        (KB, ["bogus=1"], r"knowledge-base has no 'bogus'; see"),
        (KB, ["min_dist=1"], r"no 'min_dist'; perhaps topics\.reduce\.min_dist, topics\.map_min_dist; see"),
        (KB, ["evaluate.kk=1"], r"no 'evaluate\.kk'; perhaps evaluate\.k, "),
        (SEARCH, ["k=-1"], r"semantic-search has no 'k'; perhaps rerank\.k, retrieve\.k; see"),
        (KB, ["chunk.max_token=1"], r"no 'chunk\.max_token'; perhaps chunk\.max_tokens, "),
        (KB, ["embed.model.size=1"], r"knowledge-base has no 'embed\.model\.size'"),
        (
            KB,
            ["source.path=/tmp/x"],
            r"^source\.path cannot be set: source\.kind is python-docs, which has no path; set source\.kind=files or "
            r"source\.kind=tables; see",
        ),
        (
            RAG,
            ["question=x", "retrieve.kind=dense", "retrieve.candidates=5"],
            "retrieve.kind is dense, which has no candidates; set retrieve.kind=fused or retrieve.kind=weighted; see",
        ),
        (
            CLASSIFY,
            ['methods=[{"kind": "tf-idf", "ngram": 2}]'],
            r"^methods\.0\.ngram cannot be set: .* tf-idf, which has no ngram; perhaps methods\.0\.ngrams; see",
        ),
        (
            CLASSIFY,
            ['methods=[{"kind": "bogus"}]'],
            r"^methods\.0\.kind is 'bogus'; it is one of tf-idf, embeddings, ",
        ),
        (
            CLASSIFY,
            ["labels.multiple=true"],
            r"^centroid says which label is closest, .*; take it out of methods; see",
        ),
        (KB, ['chunk={"max_token": 3}'], r"^chunk\.max_token is no field; chunk has max_tokens; see"),
        (KB, ["source.kind=nope"], "^source.kind is 'nope'; it is one of python-docs, files, tables, hub$"),
        (KB, ["retrieve.kind=foo"], "^retrieve.kind is 'foo'; it is one of dense, sparse, fused, weighted$"),
        (KB, ['source={"kind": ["x"]}'], r"source.kind is .*x.*; it is one of python-docs, files, "),
        (KB, ['retrieve.where=["kind"]'], r"^retrieve\.where\.0 is 'kind' but needs name=value; see"),
        (
            KB,
            ["embed.precision=fp8"],
            "embed.precision is 'fp8' but: Input should be 'auto', 'fp32', 'bf16' or 'int8'",
        ),
        (KB, ["config=5"], "config is 5 but: Input should be a valid dictionary or instance of KnowledgeBase"),
        (
            SEARCH,
            ["queries=[]", "rerank.k=5"],
            "^rerank has no kind, .*; set rerank.kind to one of late-interaction, cross-encoder, mmr$",
        ),
        (
            SEARCH,
            ["queries=[]", "rerank.kind=mmr", "rerank.k=60"],
            r"^rerank: k is 60 but candidates 50; lower rerank\.k or raise rerank\.candidates",
        ),
        (KB, ["topics.reduce=5"], r"topics\.reduce is 5 but: Input should be a valid dictionary"),
        (SEARCH, ["queries=[1]"], r"queries\.0 is 1 but: Input should be a valid string"),
        (
            SEARCH,
            ["queries=cats"],
            r"""^queries is 'cats' but needs a list of texts: queries='\["cats"\]', or queries=@FILE with one""",
        ),
        (CLASSIFIER, ["methods=setfit"], r"""needs a list of objects: methods='\[\{"kind": "setfit"\}\]'"""),
        (CLASSIFIER, ["methods=x"], r"""needs a list of objects: methods='\[\{"kind": "full"\}\]'"""),
        (ANATOMY, ["replying.lengths=4;5"], r"needs a list of whole numbers: replying\.lengths='\[1, 2\]'"),
        (KB, ["chunk.max_tokens=abc"], "^chunk.max_tokens is 'abc' but needs a whole number$"),
        (KB, ["source=x"], r"source is 'x' but needs an object in JSON: source='\{\.\.\.\}', or one of its fields"),
        (SEARCH, ["queries=@/no/such"], r"queries=@/no/such cannot be read \(.*No such file.*one item a line"),
    ],
    ids=lambda value: value.name if isinstance(value, FlowCard) else " ".join(value) or "no words",
)
def test_a_wrong_call_is_refused_with_the_name_and_the_remedy(card: FlowCard, words: list[str], message: str) -> None:
    with pytest.raises(WrongCall, match=message):
        resolve(card, words)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("retrieve.k=0", "retrieve.k is 0 but: Input should be greater than or equal to 1"),
        ("retrieve.k=-5", "retrieve.k is -5 but: Input should be greater than or equal to 1"),
        ("retrieve.k=1001", "retrieve.k is 1001 but: Input should be less than or equal to 1000"),
        ("retrieve.k=2.5", "retrieve.k is 2.5 but: Input should be a valid integer"),
        ("retrieve.k=1e400", "retrieve.k is inf but: Input should be a finite number"),
        ("retrieve.k=NaN", "retrieve.k is nan but: Input should be a finite number"),
        ('retrieve.k="many"', "retrieve.k is 'many' but: Input should be a valid integer"),
        ("retrieve.k=null", "retrieve.k is None but: Input should be a valid integer"),
        (f"retrieve.k={'9' * 5_000}", r"retrieve.k is '9{60}\.\.\.' but needs a whole number"),
        (f"retrieve.k={'[' * 100_000}", r"retrieve.k is '\[{60}\.\.\.' but needs a whole number"),
        ("retrieve.k=${K}", r"retrieve.k is '\$\{K\}' but needs a whole number"),
        ("answer.within=NaN", "answer.within is nan but: "),
        ("answer.within=Infinity", "answer.within is inf but: Input should be less than or equal to 1"),
        ("answer.within=-Infinity", "answer.within is -inf but: Input should be greater than or equal to 0"),
        ("answer.no_answer_below=NaN", "answer.no_answer_below is nan but: "),
    ],
    ids=lambda value: value[:30],
)
def test_a_number_that_cannot_be_is_refused_with_its_bound(word: str, message: str) -> None:
    with pytest.raises(WrongCall, match=message):
        resolve(RAG, ["question=x", word])


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "-1"])
def test_no_field_of_fractions_takes_a_value_that_is_no_share_of_anything(value: str) -> None:
    fractions = [name for name, kind, *_ in fields_of(KB.parameters()) if kind in (float, float | None)]
    assert len(fractions) >= 8
    cosines = ("config.answer.no_answer_below", "config.topics.guide.threshold", "config.topics.outliers.threshold")
    needed = {
        "source.max_file_mb": ["source.kind=files", "source.path=x"],
        "source.timeout_s": ["source.kind=files", "source.path=x"],
        "source.max_row_mb": ["source.kind=tables", "source.path=x"],
        "source.ocr.min_score": ["source.kind=files", "source.path=x"],
        "config.embed.server.timeout_s": ["embed.server.base_url=http://x"],
        "config.index.dense.recall": ["index.dense.kind=hnsw"],
        "config.topics.guide.weight": ["topics.guide.kind=guided", 'topics.guide.seeds=["x"]'],
        "config.topics.guide.threshold": ["topics.guide.kind=zero-shot", 'topics.guide.topics=["x"]'],
        "config.topics.outliers.threshold": ["topics.outliers.kind=vectors"],
        "config.rerank.diversity": ["rerank.kind=mmr"],
    }
    for name in fractions:
        if name in cosines and value == "-1":
            continue
        writer = "config.topics.label.written.generator."
        server = [f"{writer}{word}" for word in ("kind=server", "model=x", "base_url=http://x")]
        vllm = [f"{writer}kind=vllm", f"{writer}model=x"]
        if name.startswith(writer):
            needed[name] = vllm if name == f"{writer}memory" else server
        with pytest.raises(WrongCall, match="Input should be"):
            resolve(KB, [*needed.get(name, []), f"{name}={value}"])


def test_a_seed_that_the_layout_would_refuse_halfway_is_refused_at_once() -> None:
    assert config_of(KB, f"topics.reduce.seed={2**32 - 1}")["topics"]["reduce"]["seed"] == 2**32 - 1
    with pytest.raises(
        WrongCall, match=r"topics\.reduce\.seed is 4294967296 but: Input should be less than 4294967296"
    ):
        resolve(KB, [f"topics.reduce.seed={2**32}"])


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "queries.bin"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WrongCall, match=r"cannot be read .*invalid start byte"):
        resolve(SEARCH, [f"queries=@{path}"])


def test_a_flow_without_presets_says_so(made_up: FlowCard, tmp_path: Path) -> None:
    for path in (tmp_path / "made_up").iterdir():
        path.unlink()
    with pytest.raises(WrongCall, match="made-up has no preset @quick; it has none"):
        load_preset(made_up, "quick")


def test_the_defaults_are_a_tree_of_the_configs_in_the_signature() -> None:
    tree = defaults(KB.parameters())
    assert sorted(tree) == ["config", "source"]
    assert tree["source"]["kind"] == "python-docs"


def test_what_is_no_parameter_is_placed_below_config_beside_what_config_states() -> None:
    model = RAG.parameters()
    found = placed(model, {"question": "x", "answer": {"sentences": 1}, "config": {"retrieve": {"k": 2}}})
    assert found == {"question": "x", "config": {"retrieve": {"k": 2}, "answer": {"sentences": 1}}}


def test_a_tree_of_parameters_alone_is_placed_as_it_is() -> None:
    assert placed(RAG.parameters(), {"question": "x"}) == {"question": "x"}


def test_merging_leaves_the_change_as_it_was() -> None:
    change = {"a": {"b": 1}}
    base = merge({}, change)
    merge(base, {"a": {"b": 2}})
    assert (base, change) == ({"a": {"b": 2}}, {"a": {"b": 1}})


def test_nesting_puts_a_value_at_the_end_of_its_path() -> None:
    assert nested(["a", "b"], [1]) == {"a": {"b": [1]}}


def test_fields_are_listed_with_every_variant_and_a_help_text() -> None:
    listed = list(fields_of(KB.parameters()))
    names = [name for name, *_ in listed]
    for name in ("source.packages", "source.patterns", "source.title", "config.retrieve.candidates", "collection"):
        assert name in names
    assert all(words for name, _, _, words in listed if name != "collection")


def test_a_resolved_call_resolves_to_itself() -> None:
    call = resolve(KB, ["@quick", "retrieve.kind=dense", "topics=null"])
    stated = json.loads(call.model_dump_json())
    words = [f"source={json.dumps(stated['source'])}", f"config={json.dumps(stated['config'])}"]
    assert resolve(KB, words).model_dump() == call.model_dump()
