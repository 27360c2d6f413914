"""What `--help` prints: short enough to be read, true to what a run does, and open to every place."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from configs import help as help_of
from configs.places import REQUIRED, Place, Variant, find, name_of, on_default_route, parameters, sections, walk
from configs.resolve import WrongCall, resolve
from configs.signatures import FlowCard, flow_cards
from flows.__main__ import main

ROOT = Path(__file__).parents[2]
CARDS = flow_cards()
NEEDED = {"semantic-search": ['queries=["x"]']}
MOST_LINES = 60


@pytest.fixture(params=list(CARDS))
def card(request: pytest.FixtureRequest) -> FlowCard:
    return CARDS[request.param]


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs a command line here; it gives exit status, output and errors."""

    def run(line: str, columns: int = 100) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        status = main(shlex.split(line))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def places_of(card: FlowCard) -> list[Place]:
    return [*parameters(card), *sections(card)]


def resolved(card: FlowCard) -> dict[str, Any]:
    """Return what `--show` prints of a call that says no more than it must, as a tree of what a user can name."""
    stated = json.loads(resolve(card, NEEDED.get(card.name, [])).model_dump_json())
    return stated | stated["config"]


def value_at(tree: Any, name: str) -> Any:
    for part in name.split("."):
        tree = tree[part]
    return tree


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 100])
def test_the_help_of_a_flow_fits_into_sixty_lines_of_a_terminal(card: FlowCard, columns: int, tell: Any) -> None:
    status, said, _ = tell(f"{card.name} --help", columns)
    assert status == 0
    assert len(said.splitlines()) <= MOST_LINES
    assert max(map(len, said.splitlines())) <= columns
    assert "\x1b" not in said


def test_it_has_what_a_flow_does_its_commands_presets_parameters_and_the_fields_of_its_config(
    card: FlowCard, tell: Any
) -> None:
    _, said, _ = tell(f"{card.name} --help")
    assert " ".join(said.split()).startswith(f"{card.name}: {card.line}")
    assert said.count(f"  python -m flows {card.name}") == len(card.examples) >= 1
    assert [p for p in card.presets if f"\n  @{p}" not in said] == []
    assert [p.name for p in places_of(card) if f"\n  {p.name}" not in said] == []


def test_the_commands_it_shows_resolve(card: FlowCard) -> None:
    assert len(card.examples) in (2, 3)
    for command in card.examples:
        words = shlex.split(command)
        assert words[:4] == ["python", "-m", "flows", card.name]
        resolve(card, words[4:])


def test_every_default_on_the_way_of_a_plain_call_is_the_one_that_show_prints(card: FlowCard) -> None:
    tree, compared = resolved(card), 0
    for place in on_default_route(places_of(card)):
        if place.default is REQUIRED:
            continue
        stated, real = help_of.shown(place.default), value_at(tree, place.name)
        if isinstance(real, dict) and place.variants:
            assert stated == real.get("kind", ""), place.name
        elif place.listed and real:
            kinds = [entry.get("kind", "") for entry in real]
            assert stated in (f"[{', '.join(kinds)}]", f"{len(real)} entries, see --show"), place.name
        else:
            assert stated == (real if isinstance(real, str) and real else json.dumps(real, ensure_ascii=False))
        compared += 1
    assert compared


def test_every_default_of_a_kind_that_is_not_the_default_is_the_one_that_show_prints(card: FlowCard) -> None:
    for place in on_default_route(places_of(card)):
        for variant in place.variants if not place.listed else []:
            if variant.is_default:
                continue
            needed = {f.key: "x" for f in variant.fields if f.default is REQUIRED}
            chosen = json.dumps(needed | ({"kind": variant.kind} if variant.kind else {}))
            try:
                call = resolve(card, [*NEEDED.get(card.name, []), f"{place.name}={chosen}"])
            except WrongCall:  # what it needs is no text: say nothing of it
                continue
            stated = json.loads(call.model_dump_json())
            tree = value_at(stated | stated["config"], place.name)
            for field in variant.fields:
                if field.default is not REQUIRED and not field.variants:
                    real = tree[field.key]
                    expected = real if isinstance(real, str) and real else json.dumps(real, ensure_ascii=False)
                    assert help_of.shown(field.default) == expected, field.name


@pytest.mark.slow
def test_what_is_printed_is_that_default(card: FlowCard, tell: Any) -> None:
    """Lines `name = value` of everything, joined where they are broken."""
    _, said, _ = tell(f"{card.name} --help all", 100)
    text = " ".join(said.split())
    for place in on_default_route(places_of(card)):
        if place.default is not REQUIRED and not place.variants:
            assert f"{place.name} = {' '.join(help_of.shown(place.default).split())}" in text


def test_a_default_that_a_flow_changes_is_the_flows_own(tell: Any) -> None:
    assert "topics.min_documents = 10\n" in tell("topic-model --help topics.min_documents")[1]
    assert "topics.min_documents = 40\n" in tell("knowledge-base --help topics.min_documents")[1]
    assert re.search(r"topics\.min_documents +With.*\n? .*\[whole number = 10\]", tell("topic-model --help")[1])
    assert "evaluate.calibrate = null\n" in tell("rag-answers --help evaluate")[1]


@pytest.mark.slow
def test_every_place_and_every_kind_can_be_opened(card: FlowCard) -> None:
    places = places_of(card)
    for found in walk(places):
        assert list(find(places, name_of(found).split(".")))
    for name in dict.fromkeys(map(name_of, walk(places))):
        lines = list(help_of.opened(card, name, 80))
        assert lines
        assert max(map(len, lines)) <= 100, name


@pytest.mark.slow
def test_everything_shows_every_place_with_all_its_help(card: FlowCard, tell: Any) -> None:
    _, said, _ = tell(f"{card.name} --help all")
    text = " ".join(said.split())
    for found in walk(places_of(card)):
        words = found.words
        assert " ".join(words.split()) in text
        assert found.name in text if isinstance(found, Place) else f"kind={found.kind}" in text


def test_a_place_with_kinds_shows_each_with_its_fields(tell: Any) -> None:
    status, said, _ = tell("text-classifier --help source")
    assert status == 0
    assert said.startswith("source = python-docs\n")
    for kind, fields in (("python-docs", "[packages, max_tokens]"), ("tables", "[path (required), text, title,")):
        assert re.search(rf" {kind} \w[^\[]*{re.escape(fields)}", " ".join(said.split()))
    assert "python -m flows text-classifier --help source.files" in said


def test_a_kind_shows_its_fields_whole(tell: Any) -> None:
    _, said, _ = tell("text-classifier --help source.tables")
    assert said.startswith("source.kind=tables: Rows of jsonl, csv, parquet or xlsx files")
    assert "source.path, required\n    text, at least 1 character\n" in said
    assert "source.max_row_mb = 5.0\n    number, above 0, at most 1,000\n    Rows with a longer text" in said
    assert "dataset" not in said


def test_a_field_that_kinds_share_is_shown_once_with_the_kinds_that_have_it(tell: Any) -> None:
    _, said, _ = tell("text-classifier --help source.text")
    assert said.startswith("With source.kind=tables or source.kind=hub:\nsource.text = text\n")
    _, said, _ = tell("semantic-search --help retrieve.k")
    assert "With retrieve.kind=dense or retrieve.kind=fused or the default kind:" in said
    assert "a passage that shares no word is never one" in said


def test_a_part_shows_its_fields_and_how_to_open_what_lies_deeper(tell: Any) -> None:
    _, said, _ = tell("knowledge-base --help embed")
    assert "embed.precision = auto\n    auto | fp32 | bf16 | int8\n" in said
    assert "Open it: python -m flows knowledge-base --help embed.server" in said
    assert "embed.server.base_url" not in said
    assert "embed.server.base_url, required" in tell("knowledge-base --help embed.server")[1]


@pytest.mark.slow
def test_entries_of_a_list_are_opened_by_their_kind(tell: Any) -> None:
    _, said, _ = tell("text-classifier --help methods.tf-idf")
    assert "methods[].ngrams = 2\n    whole number, 1 to 5\n" in said
    assert """entries in JSON, as methods='[{"kind": "tf-idf"}]\'""" in " ".join(
        tell("text-classifier --help methods")[1].split()
    )
    assert tell("text-classifier --help methods[].ngrams")[1]
    asked = """as battery.checks='[{"kind": "keywords", "name": "NAME", "words": ["WORDS"]}]'"""
    assert asked in " ".join(tell("tune-generator --help battery.checks")[1].split())


def test_a_preset_is_opened_as_it_is_written(tell: Any) -> None:
    _, said, _ = tell("text-classifier --help @quick")
    assert said.startswith("@quick: Which package a documentation is of")
    assert "packages: [jinja2, pydantic, rich, werkzeug]" in said


def test_help_may_stand_behind_a_call_that_is_half_written(tell: Any) -> None:
    assert tell("knowledge-base @quick source.kind=files --help") == tell("knowledge-base --help")
    assert tell("knowledge-base --help config") == tell("knowledge-base --help")
    assert tell("knowledge-base --help config.embed") == tell("knowledge-base --help embed")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("text-classifier --help sorce", "text-classifier has no 'sorce'; perhaps source"),
        ("text-classifier --help source.tabels", "perhaps source.tables"),
        ("text-classifier --help precision", "perhaps embed.precision"),
        ("text-classifier --help qqqq", "has no 'qqqq'; see python -m flows text-classifier --help"),
        ("text-classifier --help .", "text-classifier has no '.'"),
        ("text-classifier --help @slow", "text-classifier has no preset @slow; it has @book, @multilingual, @quick"),
        ("text-classifier --help source embed", "--help opens one name, not 2: source embed"),
        ("text-classifier -h", "'-h' is no option; there are --help, --show, --plan"),
        ("text-classifier --hel", "'--hel' is no option; there are --help, --show, --plan"),
        ("text-classifier --help=source", "'--help=source' is no option"),
        ("text-classifier --show --plan", "--plan and --show do not go together"),
        ("--colour", "'--colour' is no option"),
        ("--show", "--show needs the name of a flow"),
        ("store --plan", "--plan is for flows; store has --help alone"),
        ("collections --all", "'--all' is no option"),
        ("tex-classifier --help", "there is no flow or command 'tex-classifier'; perhaps text-classifier"),
        (
            "knowledgebase",
            "there is no flow or command 'knowledgebase'; perhaps knowledge-base; python -m flows lists",
        ),
        ("qqqq", "there is no flow or command 'qqqq'; python -m flows lists them"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_status_two(line: str, message: str, tell: Any) -> None:
    status, said, wrong = tell(line)
    assert (status, said) == (2, "")
    assert message in wrong
    assert len(wrong.splitlines()) == 1


@pytest.mark.parametrize("columns", [80, 100])
def test_the_list_has_every_flow_and_help_says_how_to_go_on(columns: int, tell: Any) -> None:
    _, listed, _ = tell("", columns)
    status, helped, _ = tell("--help", columns)
    assert status == 0
    assert helped.startswith(listed.rpartition("\n\n")[0])
    for words in (
        "FLOW [@preset ...] [name=value ...]",
        "FLOW --help [NAME | all]",
        "collections rollback NAME",
        "store show",
    ):
        assert f"python -m flows {words}" in helped
    assert max(map(len, [*listed.splitlines(), *helped.splitlines()])) <= columns


@pytest.mark.slow
def test_the_commands_that_are_no_flows_have_help(tell: Any) -> None:
    _, said, _ = tell("collections --help")
    assert said.count("python -m flows collections") == 5
    assert "store" not in said
    assert "store show | prune | check" in tell("store --help")[1]


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--help"], ["text-classifier", "--help"]], ids=["list", "help", "flow"])
def test_help_loads_no_library_and_takes_less_than_two_seconds_of_the_processor(words: list[str]) -> None:
    code = (
        f"import sys, time\nimport flows.__main__ as launcher\nassert launcher.main({words!r}) == 0\n"
        "heavy = {'prefect', 'torch', 'numpy', 'mlflow', 'tasks', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy\nassert time.process_time() < 2, time.process_time()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def recorded(name: str) -> dict[str, float]:
    stated = json.loads((ROOT / "docs" / "measured" / f"bench-{name}.json").read_text("utf-8"))
    return {row["what"]: row["value"] for rows in stated["results"].values() for row in rows}


def test_help_says_of_speed_what_was_measured(tell: Any) -> None:
    """The numbers in the texts are those in `docs/measured`."""
    small, large = recorded("embed"), recorded("embed-gpu")
    texts = ("package docs", "arxiv abstracts", "short texts", "long texts")
    ratios = {
        precision: sorted(bench[f"{precision}, {t}: speed"] / bench[f"fp32, {t}: speed"] for t in texts)
        for precision, bench in (("int8", small), ("bf16", large))
    }
    said = " ".join(tell("text-vectors --help embed.precision")[1].split())
    assert "int8: needs a processor with VNNI to be faster" in said
    assert f"{ratios['int8'][0]:.1f} to {ratios['int8'][-1]:.1f} times as fast as fp32" in said
    assert f"bf16: {ratios['bf16'][0]:.1f} to {ratios['bf16'][-1]:.1f} times as fast" in said

    made = recorded("precision")
    said = " ".join(tell("prompt-chain --help generator.precision")[1].split())
    for precision in ("int8", "4bit"):
        a, b = sorted(
            made[f"{m}, {precision}: speed"] / made[f"{m}, fp32: speed"] for m in ("made on the spot", "stories260K")
        )
        assert f"{a:.1f} to {b:.1f}" in said
    real, speed = recorded("gguf"), "tokens a CPU second, 16 prompts a batch"
    assert round(real[f"int8: {speed}"] / real[f"fp32: {speed}"]) == 2
    assert "SmolLM2 in int8 twice" in said


def test_help_says_of_indexes_and_rankings_what_was_measured(tell: Any) -> None:
    index = recorded("index")
    for kind in ("hnsw", "ivf", "ivf-pq"):
        said = " ".join(tell(f"knowledge-base --help index.dense.{kind}")[1].split())
        built, size = index[f"{kind}: build"], index[f"{kind}: size"]
        each = 1_000 / index[f"{kind}: one thread, a query a call"]
        assert f"built in {built:.0f} s, {size:.0f} MB, {each:.0f} ms a query" in said
        assert f"a recall of {index[f'{kind}: recall@10 of unseen queries']:.2f}" in said
    flat = 1_000 / index["flat: one thread, a query a call"]
    assert f"{flat:.0f} ms a query" in " ".join(tell("knowledge-base --help index.dense.flat_up_to")[1].split())

    ranked = recorded("retrieval")
    said = " ".join(tell("semantic-search --help retrieve.weighted")[1].split())
    for way, name in (("weighted", "nDCG@10 is"), ("fused", "fused"), ("dense", "dense"), ("bm25", "sparse")):
        assert f"{name} {ranked[f'all sets, {way}']:.3f}" in said
    said = " ".join(tell("semantic-search --help rerank.late-interaction")[1].split())
    assert f"{ranked['all sets, reranked']:.3f}, not reranked {ranked['all sets, weighted']:.3f}" in said
    pairs = recorded("rerank")["cross-encoder: speed"]
    assert f"{pairs:.0f} pairs a second" in " ".join(tell("semantic-search --help rerank.cross-encoder")[1].split())


def test_a_list_of_lists_is_said_in_the_plural(tell: Any) -> None:
    assert "\n    lists of whole numbers\n" in tell("topic-model --help merge")[1]


def test_a_kind_and_a_field_of_one_name_are_both_opened() -> None:
    places = places_of(CARDS["chat-session"])
    assert {type(found) for found in find(places, ["memory", "summary"])} == {Place, Variant}


def test_the_page_shows_what_is_printed(tell: Any) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    found = re.findall(r"```bash\npython -m flows (.* --help .*)\n```\n\n```text\n((?:.*\n)*?)```", page)
    assert len(found) == 1
    for line, shown in found:
        assert tell(line)[1] == shown
