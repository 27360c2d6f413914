import pytest

from tasks.generate.assertions import asks, asserts, ends_sentences


@pytest.mark.parametrize(
    "text",
    [
        "# What the pump does\n",
        "Safety of the pump\n------\n",
        "Safety of the pump and its valves",
        "The pump has these parts:",
        "**The pump has these parts:**",
        "Is the pump safe for drinking water?",
        "水泵安全吗？",
        "هل المضخة آمنة؟",
        "A : (M, M) sparse array, square matrix to be inverted",
        "speed : int, turns a minute.",
        "- **speed** : int, turns a minute",
        "- inlet valve",
        "2. Open the valve",
        "Bakery strike: the demands",
        "Staple right: concept, history and end of it",
        "- switch off the kiln",
        "In the winter of 1931 the old pump",
        "The old pump was sold and...",
        "The old pump was sold, its parts, \u2014",
    ],
)
def test_headings_intros_entries_questions_and_fragments_state_nothing(text: str) -> None:
    assert not asserts(text, stops=True)


@pytest.mark.parametrize(
    "text",
    [
        "The pump lifts water.",
        'She said: "The pump lifts water."',
        "The pump lifts water.[3]",
        "The pump lifts water.[citation needed]",
        "The pump lifts water.:133\u2013134",
        "1. Open the valve before the pump starts to turn",
        "- Dry running destroys the seal.",
        "speed : int\n    Turns a minute; the motor stops above 3,000.",
        "Warranty: 36 months",
        "Director: Dr. Helga Amsel",
        "- Wool: 30 °C, 40 minutes",
        "| Code | Meaning |\n|---|---|\n| E1 | the sensor is broken |",
        "First aider\tTom Ebel\t4822",
        "- Gather at the oak tree in the car park",
        "水泵把水抽上来。",
        "पंप पानी उठाता है।",
        "เครื่องสูบน้ำใช้ไฟฟ้าจากแผงโซลาร์",
    ],
)
def test_sentences_of_any_script_state_something(text: str) -> None:
    assert asserts(text, stops=True)


def test_what_follows_a_question_answers_it_with_or_without_a_full_stop() -> None:
    assert asserts("Dr. Helga Amsel", stops=True, replies=True)
    assert not asserts("Dr. Helga Amsel", stops=True)
    assert not asserts("And who leads the workshop?", stops=True, replies=True)
    assert [asks(text) for text in ("Who is the director?", 'She asked: "Who?"', "主任是谁？", "The director.")] == [
        True, True, True, False,
    ]  # fmt: skip


def test_a_document_without_full_stops_is_not_asked_for_them() -> None:
    assert not ends_sentences("name: Aldous\ncity: Tarn 2.5 km")
    assert asserts("the pump lifts water", stops=False)
    assert not asserts("what does the pump lift?", stops=False)


@pytest.mark.parametrize("text", ["It lifts water. More", 'He "lifts."', "水泵把水抽上来。然后", "पंप पानी उठाता है।"])
def test_a_document_whose_sentences_end_by_a_full_stop_is_known(text: str) -> None:
    assert ends_sentences(text)
