import pytest

from tasks.generate.answer_types import answer_types, gives, question_words


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When was the mill built?", "date"),
        ("Seit wann steht die Mühle?", "date"),
        ("¿En qué año se construyó el molino?", "date"),
        ("Quand le moulin a-t-il été construit ?", "date"),
        ("How tall is the mill?", "number"),
        ("Wie viele Räder hat die Mühle?", "number"),
        ("¿Cuántas ruedas tiene el molino?", "number"),
        ("Combien de roues ?", "number"),
        ("Who built the mill?", "person"),
        ("Wer baute die Mühle?", "person"),
        ("¿Quién construyó el molino?", "person"),
        ("Where is the mill?", "place"),
        ("Why did the mill close?", "reason"),
        ("Warum schloss die Mühle?", "reason"),
        ("¿Por qué cerró el molino?", "reason"),
        ("What is a tide mill?", "definition"),
        ("Was ist eine Gezeitenmühle?", "definition"),
        ("¿Qué es un molino?", "definition"),
    ],
)
def test_a_question_says_what_kind_of_answer_it_asks_for(question: str, kind: str) -> None:
    assert answer_types(question) == {kind}


@pytest.mark.parametrize(
    "question", ["How do I grease the mill?", "What happens when the mill stops?", "磨坊在哪里？"]
)
def test_nothing_is_expected_where_the_words_do_not_tell(question: str) -> None:
    assert answer_types(question) == frozenset()


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("When was the mill of 1820 built?", "It was built in March.", "The mill of 1820 was built of stone."),
        ("How tall is the mill?", "It rises to forty feet.", "The mill is tall."),
        ("Who built the Tarn mill?", "It is the work of Ada Firth.", "The stones of the mill of Tarn are old."),
        ("Why did the mill close?", "It closed because the river moved.", "The mill did close."),
        ("What is a tide mill?", "A tide mill is a mill that the sea drives.", "The tide mill stood near Tarn."),
        ("Warum schloss die Mühle?", "Sie schloss, weil der Fluss wich.", "Die Mühle schloss."),
        ("¿Por qué cerró el molino?", "Cerró porque el río cambió.", "El molino cerró ayer."),
    ],
)
def test_a_sentence_gives_what_is_asked_for_beside_what_the_question_said(
    question: str, right: str, wrong: str
) -> None:
    kinds, known = answer_types(question), question_words(question)
    assert gives(right, kinds, known)
    assert not gives(wrong, kinds, known)
