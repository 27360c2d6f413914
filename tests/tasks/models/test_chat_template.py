"""A chat template is a program: its time, memory and output are bounded, and it writes what transformers has."""

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tasks.data.messages import Message
from tasks.errors import ContractError
from tasks.models import chat_template

LOOP = "{% for i in range(100000) %}"
DOUBLED = "{% set ns = namespace(x='x') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}"
WRITTEN = """{%- set ns = namespace(n=0) %}
{% for m in messages %}
    {%- if loop.index0 == 2 %}{% break %}{% endif %}
    {%- set ns.n = ns.n + 1 %}
{% generation %}<{{ m.role }} {{ ns.n }}>{{ m['content'] | tojson }}{% endgeneration %}{{ eos_token }}
{% endfor %}
{{ dict(a=1)['a'] }}{{ tools }}{% if add_generation_prompt %}<assistant>{% endif %}"""


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({"?": 0, "[END]": 1}, unk_token="?"))  # noqa: S106 - a token of words
    made = PreTrainedTokenizerFast(tokenizer_object=words)
    made.add_special_tokens({"eos_token": "[END]"})
    return made


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for i in range(10 ** 9) %}x{% endfor %}", "MAX_RANGE"),
        (f"{LOOP}{LOOP}{'x' * 99}{{% endfor %}}{{% endfor %}}", "writes over 1,000,"),
        ("{{ 'x' * 10 ** 10 }}", "takes over 1,024 MB"),
        ("{{ '%10000000000d' % 1 }}", "takes over 1,024 MB"),
        (f"{LOOP}{LOOP}{{% set a = 1 %}}{{% endfor %}}{{% endfor %}}", "takes over 1 s of processor time"),
        ("{{ messages[0].__class__.__mro__ }}", "unsafe"),
    ],
)
def test_a_template_that_loops_or_swells_is_refused_and_the_next_one_renders(
    tokenizer: PreTrainedTokenizerFast, monkeypatch: pytest.MonkeyPatch, template: str, said: str
) -> None:
    monkeypatch.setattr(chat_template, "SECONDS", 1)
    tokenizer.chat_template = template
    with pytest.raises(ContractError, match=said):
        chat_template.render(tokenizer, [Message("user", "a")])
    tokenizer.chat_template = "{{ messages[0].content }}"
    assert chat_template.render(tokenizer, [Message("user", "a")]) == "a"


@pytest.mark.parametrize("begin", [True, False])
def test_what_is_written_is_what_transformers_writes(tokenizer: PreTrainedTokenizerFast, begin: bool) -> None:
    tokenizer.chat_template = WRITTEN
    turns = [{"role": role, "content": f"{role} <é> \n'"} for role in ("system", "user", "assistant")]
    wanted = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=begin)
    assert chat_template.render_turns(tokenizer, turns, begin=begin) == wanted
