import pytest

from configs.models import EMBEDDED
from tasks.models import files as model_files
from tasks.models.encoders.languages import find_stated_languages, read_languages


@pytest.mark.parametrize(
    ("card", "codes"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# Model", ("en",)),
        ("---\nlanguage:\n- de\n- multilingual\n- fr\n- de\n---\n", ("de", "fr")),
        ("---\nlanguage: [zh, 7, null]\n---\n", ("zh",)),
        ("---\nlicense: mit\n---\nlanguage: en\n", ()),
        ("# A card without front matter\nlanguage: en", ()),
        ("---\nlanguage: [en\n---\n", ()),
        ("---\n- en\n---\n", ()),
        ("", ()),
    ],
    ids=["one", "list", "odd entries", "none stated", "no front matter", "torn", "no mapping", "empty"],
)
def test_the_languages_of_a_card_are_the_codes_of_its_front_matter(card: str, codes: tuple[str, ...]) -> None:
    assert read_languages(card) == codes


def test_the_embedded_encoder_states_english() -> None:
    assert find_stated_languages(model_files.describe(EMBEDDED)) == ("en",)
