"""What the launcher prints; how it runs flows is tested with them."""

import json
from typing import Any

import httpx
import pytest

from tasks.data.printed import printable
from tasks.data.run import Outcome
from tasks.errors import DataError
from tasks.launch import run
from tasks.launch.prefect_server import PrefectServer

OUTCOME = Outcome(flow="f", mlflow_run_id="", tasks={"run": 1, "cached": 0}, metrics={}, refs={}, report="", result={})
CITED = {"document": "d", "path": "p.txt", "line": 7, "score": 0.51234}
ANSWER = {
    "abstained": "",
    "text": "It is. [1]",
    "citations": [CITED],
    "calibrated": False,
    "score": 0.6,
    "threshold": 0.35,
    "probability": None,
    "uncalibrated": "",
    "flagged": 0,
}


def summary(result: dict[str, Any], report: str = "") -> list[str]:
    return list(run._summary(OUTCOME.model_copy(update={"result": result, "report": report})))


def test_a_search_is_summed_up_by_its_hits() -> None:
    hit = {"rank": 1, "document": "d", "path": "p.txt", "line": 7, "score": 0.03278, "text": "one\n  two " + "x" * 400}
    asked = [{"query": "what?", "hits": [hit]}, {"query": "else?", "hits": []}]
    lines = summary({"queries": asked, "cutoff": None})
    assert lines[:3] == ["", "what?", "  1. d  p.txt:7  (score 0.0328)"]
    assert lines[3].startswith("     one two xxx")
    assert len(lines[3]) == 165
    assert lines[4:] == ["", "else?", "  no hits"]


def test_a_search_of_a_calibrated_collection_says_how_likely_a_hit_answers_and_which_words_it_lacks() -> None:
    hit = {"rank": 1, "document": "d", "path": "p", "line": 0, "score": 1.0, "probability": 0.074, "text": "one"}
    lines = summary({"queries": [{"query": "0x404?", "hits": [hit], "missing": ["0x404"]}]})
    assert lines == ["", "0x404?", "  in no passage: 0x404", "  1. d  p  (probability 0.07)", "     one"]


@pytest.mark.parametrize(
    ("calibrated", "reason", "said"),
    [
        (False, "", "as configured"),
        (True, "", "calibrated on this collection"),
        (False, "it has not been calibrated", "default of the encoder: it has not been calibrated"),
    ],
)
def test_a_search_says_what_it_cut_off_and_by_what(calibrated: bool, reason: str, said: str) -> None:
    cutoff = {"threshold": 0.3512, "calibrated": calibrated, "uncalibrated": reason}
    assert summary({"queries": [], "cutoff": cutoff}) == [f"no hits below 0.351 ({said})"]


def test_an_answer_is_summed_up_with_its_citations_and_its_threshold() -> None:
    assert summary(ANSWER) == [
        "It is. [1]",
        "  [1] d  p.txt:7  (0.512)",
        "closest passage 0.600; below 0.35 no answer is given (as configured)",
    ]


def test_a_quoted_sentence_that_is_flagged_is_marked_below_its_citation() -> None:
    cited = {**ANSWER["citations"][0], "flagged": ["instruction", "burst"]}
    lines = summary({**ANSWER, "citations": [cited], "flagged": 1})
    assert lines[1:3] == ["  [1] d  p.txt:7  (0.512)", "      flagged: instruction, burst; quoted, and not followed"]


def test_why_a_threshold_is_uncalibrated_and_what_is_flagged_is_said() -> None:
    lines = summary({**ANSWER, "uncalibrated": "it has not been calibrated", "flagged": 2})
    assert lines[2:] == [
        "2 of the passages read contain instructions for a model; check the answer by them",
        "closest passage 0.600; below 0.35 no answer is given (default of the encoder: it has not been calibrated)",
    ]


@pytest.mark.parametrize(
    ("finish", "said"),
    [("length", "the answer was cut at answer.sampling.max_tokens"), ("repetition", "says the same over and over")],
)
def test_an_answer_that_did_not_end_by_itself_says_so(finish: str, said: str) -> None:
    assert said in summary({**ANSWER, "finish": finish})[2]
    assert summary({**ANSWER, "finish": "stop"}) == summary(ANSWER)


def test_a_calibrated_answer_is_summed_up_by_its_probability() -> None:
    lines = summary({**ANSWER, "calibrated": True, "probability": 0.91234, "threshold": 0.412345})
    assert lines[2] == (
        "probability of an answer 0.912; below 0.412 no answer is given (calibrated on this collection)"
    )


def test_a_place_without_lines_is_named_without_a_number() -> None:
    cited = {**CITED, "path": "p.pdf page 3", "line": 0}
    assert summary({**ANSWER, "citations": [cited]})[1] == "  [1] d  p.pdf page 3  (0.512)"


def test_a_withheld_answer_is_summed_up_by_its_reason() -> None:
    lines = summary({**ANSWER, "abstained": "no answer", "text": "", "citations": [], "calibrated": True})
    assert lines == [
        "no answer",
        "closest passage 0.600; below 0.35 no answer is given (calibrated on this collection)",
    ]


def test_an_answer_says_which_words_of_its_question_no_passage_holds() -> None:
    assert summary({**ANSWER, "missing": ["0x404", "pump"]})[-2] == "in no passage: 0x404, pump"


def test_a_collection_is_summed_up_by_its_facts_and_its_report() -> None:
    measure = {"value": 0.51234, "low": 0.4, "high": 0.6, "n": 9}
    assert summary({"documents": 5, "evaluation": {"ndcg@10 dense": measure}}, "/tmp/index.html") == [  # noqa: S108
        "documents: 5",
        "evaluation:",
        f"  {'ndcg@10 dense':32} 0.512  (0.400 to 0.600, n=9)",
        "report: /tmp/index.html",
    ]


def test_a_measure_without_an_interval_is_summed_up_without_one() -> None:
    lines = summary({"measures": {"DBCV": {"value": 0.7041, "n": 30}}})
    assert lines == ["measures:", f"  {'DBCV':32} 0.704  n=30"]


def test_keys_without_a_value_are_not_printed() -> None:
    result = {
        "published": {},
        "after": [],
        "name": "",
        "of": None,
        "inner": {"a": None, "b": ""},
        "n": 0,
        "same": False,
    }
    assert summary({**result, "more": {"x": [], "y": 0}}) == ["n: 0", "same: False", "more:", f"  {'y':32} 0"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2Jclear", "\ufffd[2Jclear"),
        ("a\nreport: forged", "a\n    report: forged"),
        ("a\r\nb\u2028report: forged", "a\n    b\n    report: forged"),
        ("1\u00a0250\u202f\u20ac\tnet", "1\u00a0250\u202f\u20ac\tnet"),
        (
            "\U0001f469\u200d\U0001f467 \u0645\u06cc\u200c\u062e \u05d0\u200f",
            "\U0001f469\u200d\U0001f467 \u0645\u06cc\u200c\u062e \u05d0\u200f",
        ),
        ("a\r\x9b31m\x07", "a\ufffd\ufffd31m\ufffd"),
        ("gnp\u202eexe\u2066", "gnp\ufffdexe\ufffd"),
        ("half \ud800", "half \ufffd"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
    ],
    ids=[
        "ANSI",
        "line break",
        "other line breaks",
        "blanks",
        "joiners and marks",
        "control",
        "bidi",
        "surrogate",
        "letters",
    ],
)
def test_what_is_printed_can_neither_steer_a_terminal_nor_forge_a_line(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_the_json_line_is_one_printable_line_that_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"text": 'a\nb \x1b[31m \x9b2J \u202egnp \u2028 \ud800 naïve 🙂 \U000e0001 "q" \\'}
    run._print_json(value)
    out = capsys.readouterr().out
    assert out.endswith("\n")
    assert out[:-1].isprintable()
    assert "naïve 🙂" in out
    assert json.loads(out) == value


def test_a_message_is_one_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run._say("first\nsecond \x1b[0m", 2) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "first second \ufffd[0m\n")


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(DataError("too\n many"), "too many"), (KeyError("x"), "KeyError: 'x'"), (None, "NoneType: None")],
    ids=["known", "unknown", "none"],
)
def test_the_reason_of_a_failure_names_its_kind_unless_the_project_raised_it(failure: object, reason: str) -> None:
    assert run._reason(failure) == reason


def test_an_answer_says_what_of_it_is_unsupported_quoted_reasoned_or_estimated() -> None:
    support = "2 of 2 sentences are unsupported by the passages they cite"
    more = {"quoted": support, "support": support, "marked": "It is. [1]", "reasoning": "Is it?", "estimated": True}
    lines = summary({**ANSWER, **more, "citing": "free", "doubts": ["It was (cites nothing)"], "notes": ["n"]})
    assert lines[:6] == [
        f"quoted in place of the reply of the model: {support}",
        "It is. [1]",
        "  [1] d  p.txt:7  (0.512)",
        support,
        "unsupported: It was (cites nothing)",
        "the model reasoned before it replied (6 characters, on the page)",
    ]
    assert lines[6:8] == ["the server states no tokens; those counted are estimated from above", "n"]


def test_a_prefect_server_that_fails_under_a_run_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def flow(**arguments: Any) -> None:
        raise httpx.HTTPStatusError(
            "Server error '500'\nFor more information",
            request=httpx.Request("GET", "http://x"),
            response=httpx.Response(500),
        )

    assert run._called(flow, {}, PrefectServer("http://127.0.0.1:1/api", "noted")) == run.FAILED
    assert capsys.readouterr().err == (
        "the Prefect server at http://127.0.0.1:1/api no longer answers as it should (Server error '500' For more "
        "information); what is finished is stored, run the same command again to continue\n"
    )
