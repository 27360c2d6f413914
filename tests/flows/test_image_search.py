"""`image-search`: pictures of a folder are found by texts and by pictures; what cannot be done is said first."""

import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from configs.flows import KnowledgeBase
from configs.flows_pictures import ImageSearch, PictureTopics
from configs.ingest import Files, Tables
from configs.pictures import PictureFiles, PictureHead, PictureProbe, Symbols, WordShift, ZeroShotClasses
from configs.retrieve import Dense, Weighted
from configs.topics import Guided
from flows.__main__ import main
from flows.image_search import image_search, preflight
from flows.knowledge_base import knowledge_base
from flows.semantic_search import semantic_search
from tasks.data.run import Outcome
from tasks.errors import ContractError, DataError
from tasks.ingest.pictures.copies import symbols
from tests.flows.conftest import working_in

FEW = ImageSearch(head=PictureHead(ridge=500.0))
HOSTILE = "<script>alert(1)</script> leftwards arrow"


def set_of(said: str) -> str:
    return "arrow" if "arrow" in said else "dash" if "box drawings" in said else "sign"


@pytest.fixture(scope="module")
def built(new_root: Callable[[], Path]) -> Path:
    """Return a folder of 150 symbols, one of them torn, their table, and a workspace in which they were encoded."""
    root = new_root()
    place = root / "symbols"
    place.mkdir()
    rows = []
    for name, said, picture in symbols(64, 150):
        (place / name).write_bytes(picture.copy)
        rows.append({"file": name, "said": HOSTILE if said == "leftwards arrow" else said, "set": set_of(said)})
    (place / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "notes.txt").write_text("no picture", "utf-8")
    (root / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with working_in(root / "workspace"):
        image_search(source_of(place), None, None, None, FEW)
    return root


@pytest.fixture
def folder(built: Path, copied: Callable[[Path], Path]) -> Path:
    """Return such a folder, in a workspace of its own."""
    return copied(built) / "symbols"


def source_of(folder: Path, *, described: bool = True) -> PictureFiles:
    table = Tables(path=str(folder.parent / "said.jsonl"), id="file", text="said", keep=("set",))
    return PictureFiles(path=str(folder), described=table if described else None)


def table_of(folder: Path) -> str:
    return str(folder.parent / "said.jsonl")


def found(outcome: Outcome, query: int = 0) -> list[str]:
    return [hit["document"] for hit in outcome.result["queries"][query]["hits"]]


def test_what_cannot_be_done_is_refused_before_any_work(folder: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        preflight(PictureFiles(path=str(folder / "gone")))
    with pytest.raises(ContractError, match=r"the picture .*torn.png"):
        preflight(Symbols(), pictures=[str(folder / "torn.png")])
    with pytest.raises(DataError, match=r"gone\.jsonl"):
        preflight(PictureFiles(path=str(folder), described=Tables(path=str(folder / "gone.jsonl"), id="file")))
    (folder.parent / "semi.csv").write_text("file;said\na.png;arrow\n", "utf-8")
    with pytest.raises(ContractError, match=r"there are 'file;said'.* set source\.described\.delimiter=';'"):
        preflight(
            PictureFiles(
                path=str(folder),
                described=Tables(path=str(folder.parent / "semi.csv"), id="file", text="said", delimiter=","),
            )
        )
    with pytest.raises(ContractError, match=r"source\.described\.id is missing"):
        preflight(PictureFiles(path=str(folder), described=Tables(path=table_of(folder))))
    table = Tables(path=table_of(folder), id="file", text="said", keep=("kind",))
    with pytest.raises(ContractError, match=r"has the column 'kind'; there are 'file', 'said', 'set'"):
        preflight(PictureFiles(path=str(folder), described=table))
    with pytest.raises(ContractError, match="shift has neither plus nor minus; give one of them words"):
        preflight(Symbols(), config=ImageSearch(shift=WordShift()))
    with pytest.raises(ContractError, match="shift moves queries and there are none"):
        preflight(Symbols(), config=ImageSearch(shift=WordShift(plus="snow")))
    with pytest.raises(ContractError, match=r"retrieve\.kind=weighted compares words too, which it cannot move"):
        preflight(Symbols(), ["a dog"], config=ImageSearch(shift=WordShift(plus="snow"), retrieve=Weighted()))
    with pytest.raises(ContractError, match="where asks for 'colour', which no document will have; there are "):
        preflight(Symbols(), config=ImageSearch(retrieve=Dense(where=("colour=red",))))
    with pytest.raises(ContractError, match=r"topics\.guide\.kind=guided draws by texts"):
        preflight(Symbols(), config=ImageSearch(topics=PictureTopics(guide=Guided(seeds=("an arrow",)))))
    asked = ImageSearch(classes=ZeroShotClasses(names=("a", "b"), truth="set"))
    with pytest.raises(ContractError, match=r"'set', no column of source\.described\.keep"):
        preflight(PictureFiles(path=str(folder)), config=asked)


@pytest.mark.flow
@pytest.mark.long
def test_topics_are_shown_by_pictures_and_named_by_descriptions_alone(folder: Path) -> None:
    config = FEW.model_copy(update={"topics": PictureTopics(min_documents=20)})
    made = image_search(source_of(folder), None, None, None, config)
    bare = image_search(source_of(folder, described=False), None, None, "bare", config)
    topics, silent = made.result["topics"], bare.result["topics"]
    assert sum(topic["size"] for topic in topics) == 150
    assert any(topic["words"] for topic in topics)
    assert [(t["size"], t["pictures"]) for t in silent] == [(t["size"], t["pictures"]) for t in topics]
    assert not any(topic["words"] for topic in silent)
    assert any("topics have no words" in told for told in bare.result["warnings"])
    page = Path(made.report).read_text("utf-8")
    assert 'id="topics"' in page
    assert "<script>alert" not in page
    few = image_search(source_of(folder), config=FEW.model_copy(update={"topics": PictureTopics(min_documents=200)}))
    assert few.result["topics"] == []
    assert any("there are 150 pictures and topics need 200" in told for told in few.result["warnings"])


@pytest.mark.flow
@pytest.mark.slow
def test_a_collection_of_texts_is_not_taken_over(notes: Path, folder: Path) -> None:
    knowledge_base(source=Files(path=str(notes)), collection="notes", config=KnowledgeBase(topics=None))
    with pytest.raises(ContractError, match="the collection notes holds files, not pictures; name another"):
        preflight(source_of(folder), collection="notes")


@pytest.mark.flow
@pytest.mark.slow
def test_texts_and_pictures_find_pictures_and_one_more_picture_is_all_that_is_encoded(folder: Path) -> None:
    asked = str(folder / "u2190.png")
    made = image_search(source_of(folder), ["an arrow to the left"], [asked], None, FEW)
    assert made.result["pictures"] == made.result["described"] == 150
    assert (made.result["rejected"], made.result["other_files"]) == ({"truncated": 1}, 1)
    assert len(set(found(made))) == 12
    assert found(made, 1)[0] == "u2190.png"
    assert made.metrics["pictures.head.recall_at_10.n"] == made.result["measures"]["recall@10 head"]["n"] > 0
    page = Path(made.report).read_text("utf-8")
    assert HOSTILE not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; leftwards arrow" in page
    assert "torn.png" in page
    assert page.count('<img src="data:image/png;base64,') >= 24
    again = image_search(source_of(folder), ["an arrow to the left"], [asked], None, FEW)
    assert (again.tasks["run"], again.result) == (0, made.result)

    Image.new("RGB", (50, 50), (200, 30, 30)).save(folder / "new.png")
    (folder / "u2192.png").rename(folder / "another-name.png")
    more = image_search(source_of(folder), None, None, None, FEW)
    assert more.result["pictures"] == 151
    assert more.metrics["embed-pictures.pictures.encoded"] == 1
    assert any("2 of 151 pictures have no description" in told for told in more.result["warnings"])
    page = Path(more.report).read_text("utf-8")  # nothing was asked for: the collection is shown
    assert page.count('<img src="data:image/png;base64,') - 2 * page.count('class="pair"') == 60
    assert "The first 60; 91 more are not shown." in page
    assert 'id="all"' not in Path(made.report).read_text("utf-8")
    by_words = semantic_search(["arrow"], "symbols")
    assert by_words.result["queries"][0]["hits"]


@pytest.mark.flow
@pytest.mark.slow
def test_classes_are_learned_some_pictures_show_none_and_words_move_a_query(folder: Path) -> None:
    classes = ZeroShotClasses(names=("arrow", "dash"), truth="set", none_of_these=0.1)
    config = FEW.model_copy(update={"classes": classes, "probe": PictureProbe(truth="set", C=0.05, folds=3)})
    made = image_search(source_of(folder), None, [str(folder / "u2190.png")], None, config)
    sets = Counter(set_of(said) for _, said, _ in symbols(64, 150))
    measures = made.result["measures"]
    assert made.result["probe"]["learned_from"] == measures["accuracy probe"]["n"] == 150
    assert sum(made.result["probe"]["classes"].values()) == 150
    assert measures["accuracy commonest class of the probe"]["value"] == pytest.approx(
        max(sets.values()) / 150, abs=1e-3
    )
    assert measures["accuracy probe"]["value"] > measures["accuracy commonest class of the probe"]["value"]
    assert measures["called none pictures of other classes"]["n"] == sets["sign"]
    assert measures["AUROC none of these"]["value"] > 0.5
    assert made.result["classes"]["none of these"] > 0
    assert made.metrics["classes.probe.accuracy"] == pytest.approx(measures["accuracy probe"]["value"], abs=1e-4)
    page = Path(made.report).read_text("utf-8")
    assert "Classes learned from pictures" in page
    assert "none of these: " in page
    moved = config.model_copy(
        update={"shift": WordShift(plus="rightwards arrow", minus="leftwards arrow", weight=2.0)}
    )
    after = image_search(source_of(folder), None, [str(folder / "u2190.png")], None, moved)
    moved_by = "every query was moved: plus 'rightwards arrow' and minus 'leftwards arrow', weight 2"
    assert moved_by in after.result["warnings"]
    said = [hit["text"] for hit in after.result["queries"][0]["hits"]]
    assert "rightwards" in " ".join(said[:5])
    assert found(after) != found(made)
    with pytest.raises(DataError, match="two classes with 2 pictures each"):
        image_search(source_of(folder, described=False), None, None, None, ImageSearch(probe=PictureProbe()))


@pytest.mark.flow
@pytest.mark.slow
def test_from_the_shell_a_folder_is_read_and_what_was_rejected_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["source.kind=files", f"source.path={folder}", f'pictures=["{folder / "u2191.png"}"]']
    assert main(["image-search", *words]) == 0
    said = capsys.readouterr().out
    assert "  1. u2191.png" in said
    assert "pictures: 150" in said
    assert "truncated" in said
    with zipfile.ZipFile(folder.parent / "packed.zip", "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    packed = ["source.kind=files", f"source.path={folder.parent / 'packed.zip'}", words[2]]
    assert main(["image-search", *packed]) == 0
    said = capsys.readouterr().out
    report = json.loads(said.splitlines()[-1])
    assert "  1. u2191.png" in said
    assert (report["result"]["pictures"], report["result"]["rejected"]) == (150, {"truncated": 1})
    assert report["result"]["other_files"] == 1
    assert main(["image-search", "source.kind=files", "source.path=/nowhere/at-all"]) == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.flow
@pytest.mark.slow
def test_pictures_without_descriptions_are_found_by_pictures_alone(folder: Path) -> None:
    made = image_search(source_of(folder, described=False), None, [str(folder / "u2191.png")], None, FEW)
    assert found(made)[0] == "u2191.png"
    assert (made.result["collection"], made.result["measures"]) == ("", {})
    said, others = made.result["warnings"]
    assert others == "1 files match none of source.patterns and were not read"
    assert said.startswith("0 pictures are described and 100 are needed (head.least)")
    assert "0 pictures are described and 100 are needed" in Path(made.report).read_text("utf-8")
    with pytest.raises(
        ContractError, match="0 pictures are described, and texts find pictures only where at least 100"
    ):
        image_search(source_of(folder, described=False), ["an arrow"], None, None, FEW)
