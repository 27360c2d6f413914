from tasks.data.documents import Passage
from tasks.evaluate.drawn import CHARACTERS, DRAWN, foreign_questions, made_questions

SENTENCE = "The lamp of the lighthouse is lit by its keeper when the sun has set behind the island {}."


def passage(number: int, text: str) -> Passage:
    return Passage(f"p{number}", f"d{number}", number, 0, len(text), "", text, 9)


def test_a_question_holds_half_the_words_of_a_sentence_in_their_order_and_names_its_document() -> None:
    passages = [passage(n, f"Short one. {SENTENCE.format(n)} No.") for n in range(5)]
    found = made_questions(passages, seed=1)
    assert {q.answers for q in found} == {(p.document,) for p in passages}
    for question in found:
        words = SENTENCE.format(question.answers[0][1:]).split()
        asked = question.question.split()
        assert len(asked) == round(len(words) / 2)
        position = -1
        for word in asked:  # in order: each stands behind the one before
            position = words.index(word, position + 1)


def test_each_passage_is_asked_before_one_is_asked_again() -> None:
    passages = [passage(n, " ".join(SENTENCE.format(f"{n} {m}") for m in range(40))) for n in range(10)]
    found = [q.answers[0] for q in made_questions(passages, 0)]
    assert [len(set(found[start : start + 10])) for start in range(0, DRAWN, 10)] == [10] * (DRAWN // 10)


def test_the_same_seed_draws_the_same_and_another_one_others() -> None:
    passages = [passage(n, SENTENCE.format(n)) for n in range(40)]
    assert made_questions(passages, 3) == made_questions(passages, 3) != made_questions(passages, 4)


def test_no_more_than_is_needed_is_drawn_and_nothing_of_headings_code_or_long_runs() -> None:
    assert len(made_questions([passage(n, SENTENCE.format(n)) for n in range(DRAWN + 9)], 0)) == DRAWN
    unfit = ["Heading", "a = b + c", "word " * CHARACTERS[1], ""]
    assert made_questions([passage(n, text) for n, text in enumerate(unfit)], 0) == []


def test_a_script_without_blanks_is_asked_in_one_piece() -> None:
    text = "变速箱的维修费用为三百九十欧元，由城市支付。"
    (found,) = made_questions([passage(0, text)], 0)
    assert found.question in text
    assert 2 <= len(found.question) <= len(text) / 2 + 1


def test_foreign_questions_have_no_answer() -> None:
    found = foreign_questions(["How tall is the tower?", "Who wrote it?"])
    assert [(q.id, q.answers, q.split) for q in found] == [("foreign-1", (), "foreign"), ("foreign-2", (), "foreign")]
