"""`tokenizer-report` shows untrusted text as text, and refuses a tokenizer that is not the model's."""

from pathlib import Path

import pytest

from configs.flows import TokenizerReport
from configs.models import EMBEDDED
from configs.tokenize import Counted
from flows.tokenizer_report import preflight, tokenizer_report
from tasks.errors import ContractError, ModelError

pytestmark = [pytest.mark.flow, pytest.mark.timeout(280)]


def vocabulary(folder: Path) -> str:
    """Write a vocabulary of few words that no model was trained with."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "<", ">", "script", "alert", "the"]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    return str(folder / "vocab.txt")


def test_a_tokenizer_of_no_model_is_refused_after_its_page_is_written_with_the_text_as_text(
    workspace: Path, tmp_path: Path
) -> None:
    config = TokenizerReport(count=Counted(tokenizers=(EMBEDDED, vocabulary(tmp_path)), price_per_million=2.0))
    with pytest.raises(
        ModelError, match=r"vocab\.txt does not fit sentence-transformers/all-MiniLM-L6-v2: "
    ) as refused:
        tokenizer_report(text=["<script>alert(1)</script> the"], model=EMBEDDED, config=config)
    page = Path(str(refused.value).rpartition("Report: ")[2]).read_text("utf-8")
    assert "<script>alert(1)" not in page
    assert 'title="script = 6">script' in page
    assert "cost of 1,000 texts" in page
    assert "ids stand for another token than in the tokenizer that stands with the weights" in page


def test_texts_and_a_source_at_once_are_refused() -> None:
    from configs.ingest import Files

    with pytest.raises(ContractError, match="text and source are both given"):
        preflight(["a"], Files(path="."))
    with pytest.raises(ContractError, match="text 2 has no visible character"):
        preflight(["a", " "])
