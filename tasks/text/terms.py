"""Search terms of a text by language: stop words left out, the others cut to their stem.

Source: stop words of https://github.com/stopwords-iso, for English those of bm25s; stems of Snowball. A language
without either keeps its words as they are.
"""

import functools
from collections.abc import Callable, Sequence

from tasks.text.sentences import words

ENGLISH = "en"
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish",
    "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian",
    "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "nb": "norwegian",
    "nn": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "st": "sesotho", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
NORWEGIAN = {"nb": "no", "nn": "no"}  # stop words are listed for both together
OLD = {"english": (ENGLISH,), "none": ()}  # as collections that were made before hold it


def terms(text: str, languages: Sequence[str] = ()) -> list[str]:
    """Return the search terms of a text.

    Args:
        text: What is indexed, or asked.
        languages: Codes whose stop words are left out and stems taken; none for words as they are. Of several, the
            terms of the first and then what the others give beside: a question may be in any of them.
    """
    found = words(text)
    if not languages:
        return found
    first, *others = (_terms(found, language) for language in languages)
    known = set(first)
    for more in others:
        first += [term for term in dict.fromkeys(more) if term not in known]
        known.update(more)
    return first


def stored_languages(stored: str | list[str]) -> tuple[str, ...]:
    """Return the languages of an index as its file states them; older files hold `english` or `none`."""
    return OLD[stored] if isinstance(stored, str) else tuple(stored)


@functools.cache
def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language that say nothing by themselves; none of a language that is not listed."""
    if language == ENGLISH:
        from bm25s.stopwords import STOPWORDS_EN_PLUS

        return frozenset(STOPWORDS_EN_PLUS)
    from stopwordsiso import stopwords

    return frozenset(stopwords(NORWEGIAN.get(language, language)))


@functools.cache
def stemmer(language: str) -> Callable[[str], str]:
    """Return what cuts a word of a language to its stem; of a language without a stemmer, what leaves it as it is."""
    if language not in STEMMERS:
        return str
    import Stemmer

    return functools.lru_cache(maxsize=200_000)(Stemmer.Stemmer(STEMMERS[language]).stemWord)


def _terms(said: Sequence[str], language: str) -> list[str]:
    stop, stem = stop_words(language), stemmer(language)
    return [stem(word) for word in said if word not in stop]
