import pytest

from tasks.text.reasoning import opening_in, split_reasoning


@pytest.mark.parametrize(
    ("text", "apart"),
    [
        ("<think>\nIs it 7?\n</think>\n\nIt is 8.", ("Is it 7?", "It is 8.")),
        ("<think></think>It is 8.", ("", "It is 8.")),
        ("<THINK>a</think> <think>b</think>c", ("a\n\nb", "c")),
        ("[THINK]a[/THINK]b", ("a", "b")),
        ("<think>Is it 7? Or", ("Is it 7? Or", "")),
        ("Is it 7?\n</think>\n\nIt is 8.", ("Is it 7?", "It is 8.")),
        ("The mark </think> ends a thought.", ("", "The mark </think> ends a thought.")),
        ("Write <think> first.", ("", "Write <think> first.")),
        ("  plain ", ("", "  plain ")),
    ],
)
def test_a_thought_is_set_apart_from_the_reply_after_it(text: str, apart: tuple[str, str]) -> None:
    assert split_reasoning(text) == apart


def test_a_template_that_opens_the_thought_is_known_by_the_end_of_its_prompt() -> None:
    assert opening_in("<|user|>a<|assistant|>\n<think>\n") == "<think>\n"
    assert opening_in("<|assistant|>\n<think>\n\n</think>\n\n") == ""
