"""A book in one Markdown file, of sentences made here: twelve chapters, two sections of which stand in it twice."""

import random
import sys

CHAPTERS = {
    "The mill": ("miller", "millstone", "sluice", "flour", "grain", "waterwheel"),
    "The orchard": ("gardener", "apple", "graft", "blossom", "pruning saw", "ladder"),
    "The observatory": ("astronomer", "telescope", "dome", "comet", "lens", "star chart"),
    "The harbour": ("pilot", "barge", "tide", "buoy", "mooring", "lighthouse"),
    "The bakery": ("baker", "oven", "sourdough", "rye loaf", "yeast", "crust"),
    "The railway": ("signalman", "locomotive", "platform", "sleeping car", "timetable", "track"),
    "The glassworks": ("glassblower", "furnace", "molten glass", "blowpipe", "bottle", "window pane"),
    "The apiary": ("beekeeper", "hive", "honey", "queen bee", "swarm", "wax comb"),
    "The mine": ("miner", "shaft", "coal seam", "lantern", "pit pony", "gallery"),
    "The printing house": ("printer", "type case", "press", "ink roller", "proof sheet", "engraving"),
    "The vineyard": ("vintner", "grape", "cellar", "oak barrel", "harvest", "trellis"),
    "The hospital": ("surgeon", "ward", "bandage", "fever", "patient", "scalpel"),
}
SECTIONS = ("Daily work", "Tools", "Figures", "Accidents")
SAID = (
    "Every {season} the {a} checks the {b} before the {c} is needed.",
    "Nobody touches the {b} while the {c} and the {d} are apart.",
    "In {year} the {d} cost {number} crowns, and the {c} cost half of that.",
    "A {a} who forgets the {e} has to repair the {b} alone.",
    "The {e} lies beside the {d}, covered with a dry cloth.",
    "Old people say that the {c} of {year} was the best the {a} ever had.",
)
REPEATED = {("The orchard", "Accidents"): "The vineyard", ("The mill", "Tools"): "The bakery"}


def book(seed: int = 0) -> str:
    """Return the book; its two repeated sections have the text they have in an earlier chapter."""
    drawn = random.Random(seed)
    texts: dict[tuple[str, str], str] = {}
    for chapter, words in CHAPTERS.items():
        for section in SECTIONS:
            texts[chapter, section] = " ".join(_sentence(drawn, words) for _ in range(9))
    for (first, section), chapter in REPEATED.items():
        texts[chapter, section] = texts[first, section]
    lines = ["# The valley and its trades", "", "What follows was written down by hand.", ""]
    for number, chapter in enumerate(CHAPTERS, start=1):
        lines += [f"## Chapter {number}. {chapter}", ""]
        for section in SECTIONS:
            lines += [f"### {section}", "", texts[chapter, section], ""]
    return "\n".join(lines)


def _sentence(drawn: random.Random, words: tuple[str, ...]) -> str:
    a, b, c, d, e = words[0], *drawn.sample(words[1:], 4)
    said = drawn.choice(SAID)
    year, number = drawn.randint(1790, 1910), drawn.randint(2, 900)
    season = drawn.choice(("spring", "summer", "autumn", "winter"))
    return said.format(a=a, b=b, c=c, d=d, e=e, year=year, number=number, season=season)


if __name__ == "__main__":
    sys.stdout.write(book())
