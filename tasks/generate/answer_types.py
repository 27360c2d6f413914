"""What kind of answer a question asks for, and whether a sentence gives one: a number, a date, a person, a place.

English, German, French and Spanish questions are understood; of others nothing is expected, and no sentence gains.
Source: ours; the kinds are the coarse ones of Li & Roth 2002, "Learning Question Classifiers", COLING.
"""

import re
from collections.abc import Set
from typing import Literal

from tasks.text.scripts import names, tokens

Kind = Literal["definition", "number", "date", "person", "place", "reason"]

ASKS: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(
        r"(?:\bwhen (?:did|do|does|is|are|was|were|will|has|have|had|can)\b|\bwhen\W*$|^\W*since when)"
        r"|\b(?:(?:what|which) (?:\w+ )?(?:year|date|day|month|century|decade|time)|wann|in welchem jahr|quand"
        r"|en quelle année|cuándo|(?:en )?qué (?:año|fecha|hora|día))\b"
    ),
    "number": re.compile(
        r"\b(?:how (?:many|much|long|tall|large|high|old|fast|often|far|big|deep|wide|heavy|accurate)"
        r"|what (?:percentage|percent|number|share|proportion|amount)|wie ?viele?|wie (?:hoch|lange?|schnell"
        r"|groß|weit"
        r"|oft|alt|tief|breit|schwer)|combien|quel âge|cuánt[oa]s?|qué (?:ancho|altura|edad"
        r"|porcentaje))\b"
    ),
    "person": re.compile(r"\b(?:who|whom|whose|wer|wem|wen|wessen|qui|quién(?:es)?)\b"),
    "place": re.compile(
        r"\b(?:where|(?:what|which) (?:city|country|town|state|place|region)|wo|woher|wohin|où"
        r"|a?dónde)\b"
    ),
    "reason": re.compile(
        r"\b(?:why|what (?:is|was) the (?:cause|reason)|what causes?d?|warum|weshalb|wieso|pourquoi"
        r"|por qué)\b"
    ),
    "definition": re.compile(
        r"^\W*(?:what (?:is|are|was|were) (?:an? |the )?(?:definition of |meaning of )?[\w-]+(?: [\w-]+)?\W*$"
        r"|define\b"
        r"|was (?:ist|sind|war) (?:eine? |der |die |das )?[\w-]+\W*$|was (?:bedeutet|versteht)|qué (?:es"
        r"|son|significa)\b"
        r"|qu.est-ce que?\b)|\b(?:defin(?:ed|ition)|meaning)\b"
    ),
}
MONTHS = (
    r"jan(?:uary|uar|vier)|feb(?:ruary|ruar)|février|mar(?:ch|s)|märz|april|avril|may|mai|june?|juni"
    r"|juin|july?"
    r"|juli|juillet|august|août|sep(?:tember|tembre)|o[ck]tober|octobre|november|novembre|de[cz]ember"
    r"|décembre"
    r"|enero|febrero|marzo|abril|mayo|junio|julio|agosto|sep?tiembre|octubre|noviembre|diciembre"
)
DAYS = (
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|lundi"
    r"|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado"
    r"|domingo"
)
SEASONS = (
    r"spring|summer|autumn|winter|frühling|sommer|herbst|printemps|été|automne|hiver|primavera"
    r"|verano|otoño"
    r"|invierno|century|jahrhundert|siècle|siglo"
)
COUNTS = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|third|quarter|once"
    r"|twice"
    r"|percent|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf|\w*(?:zig|zehn|hundert"
    r"|tausend|fache)|hälfte"
    r"|deux|trois|quatre|cinq|sept|huit|neuf|dix|vingt|cent|mille|moitié|dos|tres|cuatro|cinco|seis|siete"
    r"|ocho|nueve"
    r"|diez|once|doce|veinte|treinta|\w+enta|cien|ciento|mil|mitad)"
)
NAMED = ("person", "place")
GIVES: dict[Kind, re.Pattern[str]] = {
    "date": re.compile(rf"\b(?:\d[\d./:]*|{MONTHS}|{DAYS}|{SEASONS})\b", re.IGNORECASE),
    "number": re.compile(rf"\b(?:\d[\d.,:]*|{COUNTS})\b", re.IGNORECASE),
    "reason": re.compile(
        r"\b(?:because|since|due to|owing to|so that|in order to|caused? by|in case|lest|weil|da|denn|damit"
        r"|wegen|parce que?"
        r"|car|puisque|afin|porque|pues|ya que|para que|debido)\b|, (?:for|so|as|which would)\b",
        re.IGNORECASE,
    ),
    "definition": re.compile(
        r"\b(?:(?:is|are|was|were) (?:an?|the|defined|called|known|one|any|its)|refers? to|means?|consists? of"
        r"|known as"
        r"|ist (?:eine?|der|die|das)|sind|heißt|nennt|versteht|verstand|bezeichnet|bedeutet|est une?|sont"
        r"|s.appelle|désigne"
        r"|(?:es|son) (?:una?|el|la)|se llama|consiste|significa)\b",
        re.IGNORECASE,
    ),
}


def answer_types(question: str) -> frozenset[Kind]:
    """Return the kinds of answer a question asks for; none where its words do not tell."""
    asked = question.lower()
    return frozenset(kind for kind, pattern in ASKS.items() if pattern.search(asked))


def gives(sentence: str, kinds: Set[Kind], asked: Set[str]) -> bool:
    """Return whether a sentence holds what any of these kinds of answer needs, beside what the question said itself.

    Args:
        sentence: Any text.
        kinds: As `answer_types` says.
        asked: Words of the question, in lower case.
    """
    return any(_gives(sentence, kind, asked) for kind in kinds)


def _gives(sentence: str, kind: Kind, asked: Set[str]) -> bool:
    if kind in NAMED:
        return any(name.lower() not in asked for name in names(sentence))
    found = (match.group().lower() for match in GIVES[kind].finditer(sentence))
    return any(kind in ("reason", "definition") or token not in asked for token in found)


def question_words(question: str) -> frozenset[str]:
    """Return the words of a question as `gives` compares them."""
    return frozenset(token.lower() for token in tokens(question))
