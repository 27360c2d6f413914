"""The verdict of `tokenizer-report` follows from what was counted, and from nothing else."""

from tasks.data.tokens import PieceCount, TokenizerFit
from tasks.report.tokenizer_report import verdict


def counted(tokenizer: int, tokens: int, *, lost: int = 0, lossless: int = 4, group: str = "") -> PieceCount:
    return PieceCount(tokenizer, group, 4, 120, 20, tokens, 0, 0, lossless, 4 if not lost else 3, 0, 100, lost)


def fit(verdict: str) -> TokenizerFit:
    return TokenizerFit.model_validate(
        {"verdict": verdict, "reason": "r", "evidence": "table", "vocabulary": 9, "table": 9}
    )


def test_of_two_that_lose_nothing_the_one_with_fewer_tokens_is_to_be_used() -> None:
    told = verdict([counted(0, 42), counted(1, 26)], ["long", "short"], [], None)
    assert told == ["Use short for these 4 texts: it needs 1.30 tokens a word against 2.10 of long, 38% fewer tokens"]


def test_one_that_loses_characters_is_not_to_be_used_however_few_tokens_it_needs() -> None:
    rows = [counted(0, 20, lost=12), counted(0, 9, lost=12, group="Greek"), counted(1, 60)]
    lossy, chosen = verdict(rows, ["lossy", "bytes"], [], None)
    assert lossy == "lossy loses 12.0% of the characters (12 of 100): Greek 12%; do not use it for these 4 texts"
    assert chosen.startswith(
        "Use bytes for these 4 texts: none of the others may be used; it needs 3.00 tokens a word"
    )
    assert chosen.endswith("against 1.00 of lossy")


def test_a_lossy_one_is_not_what_a_choice_of_two_is_measured_by() -> None:
    told = verdict([counted(0, 5, lost=1), counted(1, 60), counted(2, 90)], ["lossy", "a", "b"], [], None)
    assert told[-1].startswith("Use a for these 4 texts: it needs 3.00 tokens a word against 4.50 of b, 33% fewer")


def test_nothing_is_to_be_changed_where_two_need_nearly_as_many_or_one_is_alone() -> None:
    assert verdict([counted(0, 100), counted(1, 98)], ["a", "b"], [], None)[0].startswith("Nothing to change: b needs")
    assert verdict([counted(0, 100)], ["a"], [], None)[0].startswith("Nothing to change: a loses no character")


def test_a_tokenizer_that_the_model_refuses_is_never_the_one_to_use() -> None:
    told = verdict([counted(0, 10), counted(1, 60)], ["other", "own"], [fit("refused"), fit("fits")], "owner/model")
    assert told[0] == "Do not use other with owner/model: it is not the model's own tokenizer"
    assert told[1].startswith("Use own")


def test_where_all_lose_characters_one_is_wanted_that_knows_every_byte() -> None:
    told = verdict([counted(0, 10, lost=1)], ["a"], [], None)
    assert "knows every byte" in told[-1]


def test_where_the_model_refuses_all_its_own_is_wanted_and_no_other() -> None:
    told = verdict([counted(0, 10)], ["other"], [fit("refused")], "owner/model")
    assert (
        told[-1]
        == "None of them is left: compare the one of owner/model itself, as count.tokenizers='[\"owner/model\"]'"
    )

    told = verdict([counted(0, 10, lost=1)], ["own"], [fit("fits")], "owner/model")
    assert told[-1].startswith("None of them is left: choose a model whose tokenizer loses nothing")


def test_nothing_to_change_is_not_said_beside_what_must_not_be_used() -> None:
    told = verdict([counted(0, 5, lost=1), counted(1, 100), counted(2, 98)], ["lossy", "a", "b"], [], None)
    assert told[-1].startswith(
        "Use b or a for these 4 texts: b needs 4.90 tokens a word, 5.00 of a: less than 5% apart"
    )


def test_texts_that_come_back_without_their_case_are_not_for_a_model_that_writes() -> None:
    told = verdict([counted(0, 10, lossless=1)], ["uncased"], [], None)
    assert told[-1].startswith("uncased gives 3 of 4 texts back without their case")
