"""Searches whose answers are known, read from the folder named by `LLM_FLOWS_DATA`.

Cranfield's judgements are binary (relevant or not) and number the queries in the order of the file. Of XQuAD and
HotpotQA the first 300 questions are asked, so that encoding takes minutes. XQuAD is searched whole, and the paragraph
a question was written for is relevant; of HotpotQA the paragraphs that come with the questions asked, ten each, and
the two a question was written from are relevant.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

QUESTIONS = 300


@dataclass(frozen=True)
class Search:
    """Documents, questions put to them, and which documents answer each.

    Attributes:
        documents: Id to title, empty for none, and text.
        questions: What is asked, and the ids of the documents that answer it.
    """

    documents: dict[str, tuple[str, str]]
    questions: list[tuple[str, list[str]]]


def cranfield(data: Path) -> Search:
    """Return the abstracts under their titles, the queries, and which abstracts were judged relevant to each."""
    folder = data / "cranfield"
    abstracts = (folder / "cran.all.1400.xml").read_text("utf-8")
    titles = dict(_elements(abstracts, "docno", "title"))
    asked = [text for _, text in _elements((folder / "cran.qry.xml").read_text("utf-8"), "num", "title")]
    relevant: dict[int, list[str]] = defaultdict(list)
    for line in (folder / "cranqrel.trec.txt").read_text("utf-8").splitlines():
        number, _, name, judged = line.split()
        if int(judged) > 0:
            relevant[int(number) - 1].append(name)
    documents = {name: (titles[name], text) for name, text in _elements(abstracts, "docno", "text")}
    return Search(documents, [(text, relevant[number]) for number, text in enumerate(asked)])


def xquad(data: Path) -> Search:
    """Return all paragraphs, the first questions, and the paragraph each was written for."""
    articles = json.loads((data / "xquad_en" / "xquad.en.json").read_text("utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    asked = [(qa["question"], [str(row)]) for row, paragraph in enumerate(paragraphs) for qa in paragraph["qas"]]
    documents = {str(row): ("", paragraph["context"]) for row, paragraph in enumerate(paragraphs)}
    return Search(documents, asked[:QUESTIONS])


def hotpotqa(data: Path) -> Search:
    """Return the first questions, their paragraphs under their titles, and the two each was written from."""
    lines = (data / "hotpotqa_500" / "questions_with_paragraphs.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines[:QUESTIONS]]
    documents = {p["title"]: (p["title"], p["text"]) for row in rows for p in row["paragraphs"]}
    return Search(documents, [(row["question"], sorted(set(row["supporting_facts"]["title"]))) for row in rows])


SEARCHES = {"cranfield": cranfield, "xquad": xquad, "hotpotqa": hotpotqa}


def _elements(xml: str, name: str, content: str) -> list[tuple[str, str]]:
    """Return the two elements of every record; the files have two roots, or none, and no entities."""
    return [
        (found[1].strip(), " ".join(found[2].split()))
        for found in re.finditer(rf"<{name}>(.*?)</{name}>.*?<{content}>(.*?)</{content}>", xml, re.DOTALL)
    ]
