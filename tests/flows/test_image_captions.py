"""`image-captions`: what is described teaches what is not; what cannot be done is said first; captions are found."""

import base64
import io
import json
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image

from configs.captions import CaptionTraining, EmbeddedCaptioner, PictureParts, PictureServer, VisionLanguageModel
from configs.flows_captions import ImageCaptions
from configs.flows_pictures import ImageSearch
from configs.ingest import Tables
from configs.models import CATALOGUE
from configs.pictures import PictureFiles, PictureHead
from flows.__main__ import main
from flows.image_captions import image_captions, preflight
from flows.image_search import image_search
from tasks.errors import BudgetError, ContractError, DataError, ModelError, RemoteError
from tasks.ingest.pictures.copies import symbols
from tasks.models.generators import local
from tasks.text import lines
from tasks.text.lines import one_line
from tests.tasks.models.chat_server import served
from tests.tasks.models.language_models import save_causal
from tests.tasks.models.vision import language_models

HOSTILE = "<script>alert(1)</script> arrow"
PICTURES, DESCRIBED = 64, 50


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of symbols, one of them torn, and a table that describes most."""
    place = tmp_path / "symbols"
    place.mkdir()
    rows = []
    for at, (name, said, picture) in enumerate(symbols(32, PICTURES)):
        (place / name).write_bytes(picture.copy)
        if at < DESCRIBED:
            rows.append({"file": name, "said": HOSTILE if at % 2 else said, "set": "arrow"})
    (place / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (place / "notes.txt").write_text("no picture", "utf-8")
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return place


def source_of(folder: Path, *, described: bool = True) -> PictureFiles:
    table = Tables(path=str(folder.parent / "said.jsonl"), id="file", text="said", keep=("set",))
    return PictureFiles(path=str(folder), described=table if described else None)


def asked(folder: Path, **more: object) -> ImageCaptions:
    """Return a config with a language model made on the spot."""
    model = folder.parent / "model"
    if not model.exists():
        save_causal(model)
    training = CaptionTraining(max_steps=12, per_device_train_batch_size=8, learning_rate=3e-3, precision="fp32")
    captioner = EmbeddedCaptioner(model=str(model), max_new_tokens=6, hidden_size=16, training=training)
    parts = PictureParts(least=20, near_duplicate=0.999)
    return ImageCaptions.model_validate({"captioner": captioner, "parts": parts, **more})


def test_what_cannot_be_done_is_refused_before_any_work(workspace: Path, folder: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        preflight(PictureFiles(path=str(folder / "gone")))
    with pytest.raises(ContractError, match=r"no picture is described.*name a table in source\.described"):
        preflight(source_of(folder, described=False), asked(folder))
    with pytest.raises(ContractError, match=r"named is 'kind', no column of source\.described\.keep"):
        preflight(source_of(folder), asked(folder, named="kind"))
    with pytest.raises(ModelError, match="nowhere"):
        preflight(source_of(folder), ImageCaptions(captioner=EmbeddedCaptioner(model=str(folder / "nowhere"))))


@pytest.mark.parametrize("package", ["efficientnet-lite0", "smollm2"])
def test_a_model_that_is_not_installed_is_named_with_the_command_that_installs_it(
    workspace: Path, folder: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lacking = find_spec, CATALOGUE[package].package
    local._describe.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *more: None if name == lacking else real(name, *more))
    with pytest.raises(ModelError, match=rf"models add {package}"):
        preflight(source_of(folder), ImageCaptions())


@pytest.mark.flow
@pytest.mark.slow
def test_the_described_teach_the_others_and_captions_are_text_that_is_found(
    workspace: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "one_line", lambda text: f"<img src=x onerror=alert(2)> {one_line(text)}")
    late = max(folder.glob("u*.png"))
    kept = late.read_bytes()
    late.unlink()
    first = image_captions(source_of(folder), asked(folder, named="set"))
    late.write_bytes(kept)
    made = image_captions(source_of(folder), asked(folder, named="set"))
    assert made.result["captioner"] == first.result["captioner"]  # a new picture lets nothing be learned anew
    assert made.metrics["embed-pictures.encoded"] == 1
    assert (made.result["pictures"], made.result["described"]) == (PICTURES, DESCRIBED)
    assert made.result["without_description"] == first.result["without_description"] + 1 == PICTURES - DESCRIBED
    assert (made.result["rejected"], made.result["other_files"]) == ({"truncated": 1}, 1)
    assert "1 files match none of source.patterns and were not read" in made.result["warnings"]
    assert made.result["measures"]["named captions"]["n"] == made.result["held_out"] > 0

    page = Path(made.report).read_text("utf-8")
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(2)&gt;" in page
    assert "described: &lt;script&gt;alert(1)&lt;/script&gt; arrow" in page
    assert page.count('<img src="data:image/png;base64,') == PICTURES - DESCRIBED + made.result["held_out"]
    again = image_captions(source_of(folder), asked(folder, named="set"))
    assert (again.tasks["run"], again.result) == (0, made.result)

    table = Path(made.report).parent / "captions.parquet"
    rows = {row["file"]: row for row in pq.read_table(table).to_pylist()}
    assert len(rows) == PICTURES
    assert all(row["text"] == (row["description"] or row["caption"]) for row in rows.values())
    described = Tables(path=str(table), id="file", text="text")
    search = ImageSearch(head=PictureHead(least=20, folds=2, ridge=500.0))
    found = image_search(PictureFiles(path=str(folder), described=described), ["an arrow"], None, None, search)
    assert found.result["described"] == PICTURES
    assert found.result["queries"][0]["hits"]


@pytest.mark.flow
@pytest.mark.slow
def test_from_the_shell_too_few_descriptions_are_one_line(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_causal(tmp_path / "model")
    assert main(["image-captions", "source.limit=24", "source.side=32", f"captioner.model={model}"]) == 1
    said = capsys.readouterr()
    assert "24 pictures are described but 60 are needed to learn captions (parts.least)" in said.out + said.err
    assert "Traceback" not in said.out + said.err


@pytest.mark.flow
@pytest.mark.slow
def test_a_model_as_it_is_is_asked_about_every_picture_and_judged_by_descriptions(
    workspace: Path, folder: Path, tmp_path: Path
) -> None:
    model = language_models.llava(tmp_path / "llava")
    by = VisionLanguageModel(model=str(model), max_new_tokens=4, side=64, precision="fp32", prompt="<script>What?")
    config = ImageCaptions(captioner=by, named="set")
    late = max(folder.glob("u*.png"))
    kept = late.read_bytes()
    late.unlink()
    first = image_captions(source_of(folder), config)
    assert first.metrics["caption-ask.captions"] == PICTURES - 1
    late.write_bytes(kept)
    made = image_captions(source_of(folder), config)
    assert made.metrics["caption-ask.captions"] - made.metrics["caption-ask.cached"] == 1
    assert (made.result["judged"], made.result["without_description"]) == (DESCRIBED, PICTURES - DESCRIBED)
    assert made.result["measures"]["named captions"]["n"] == DESCRIBED
    asked_by = made.result["captioner"]
    assert (asked_by["kind"], asked_by["context"]) == ("vision-language", 640)
    assert asked_by["prompt_tokens"] == 16 + len("USER: \n<script>What? ASSISTANT:")  # patches, and bytes of the words
    assert any("captions name no more of a picture for sure" in one for one in made.result["warnings"])
    page = Path(made.report).read_text("utf-8")
    assert "<script>What?" not in page
    assert "Pictures with a description" in page
    assert "% of the 640 it reads" in page
    rows = pq.read_table(Path(made.report).parent / "captions.parquet").to_pylist()
    assert len(rows) == PICTURES
    again = image_captions(source_of(folder), config)
    assert (again.tasks["run"], again.result) == (0, made.result)


@pytest.mark.flow
@pytest.mark.slow
def test_without_descriptions_a_model_is_asked_and_nothing_is_measured(
    workspace: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = ["image-captions", "source.kind=files", f"source.path={folder}", "captioner.kind=vision-language"]
    model = language_models.smolvlm(tmp_path / "smolvlm")
    assert main([*asks, f"captioner.model={model}", "captioner.max_new_tokens=2", "captioner.precision=fp32"]) == 0
    said = capsys.readouterr().out
    assert "fewer than two pictures are described" in said
    assert json.loads(said.splitlines()[-1])["result"]["measures"] == {}
    assert main([*asks, f"captioner.model={save_causal(tmp_path / 'words')}"]) == 2
    assert "but a model that says what it sees was needed, one of blip-2" in capsys.readouterr().err


@pytest.mark.flow
@pytest.mark.slow
def test_a_server_is_sent_pixels_shrunk_and_nothing_else_and_each_picture_once(
    workspace: Path, tmp_path: Path
) -> None:
    place = tmp_path / "holiday"
    place.mkdir()
    for number in range(3):
        noted = Image.Exif()
        noted[0x010E] = "At home, 52.5 N 13.4 E"  # a description, as a camera writes it
        shown = Image.new("RGB", (300, 200), (40 * number, 90, 60))
        shown.save(place / f"secret{number}.jpg", exif=noted)
    with served() as server:
        server.say = lambda body: "a green square"
        by = PictureServer(base_url=server.base_url, model="seer", side=64, prompt="What colour?", picture_tokens=100)
        made = image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=by))
        assert [one["caption"] for one in made.result["captions"]] == ["a green square"] * 3
        assert (
            made.result["warnings"][0]
            == f"the pictures were sent to {server.base_url}, shrunk and encoded anew, by this run or one before it"
        )
        assert made.result["captioner"]["base_url"] == server.base_url
        assert made.result["captioner"]["prompt_tokens"] == 7  # as the server counts
        assert made.metrics["caption-ask.bytes_sent"] > 0
        assert len(server.asked) == 3
        for body in server.asked:
            picture, question = body["messages"][0]["content"]
            assert question == {"type": "text", "text": "What colour?"}
            content = base64.b64decode(picture["image_url"]["url"].partition("base64,")[2])
            with Image.open(io.BytesIO(content)) as sent:
                assert (sent.size, dict(sent.getexif())) == ((96, 64), {})
            assert b"secret" not in json.dumps(body).encode()
            assert b"52.5" not in content
        server.faults = {
            "Whose?": [(400, {}, b"no pictures")] * 3
        }  # where others are answered, one costs itself alone
        with pytest.raises(
            ContractError, match=r"400 .*; the picture is secret\d\.jpg; leave it out, or name a model"
        ):
            image_captions(
                PictureFiles(path=str(place)), ImageCaptions(captioner=by.model_copy(update={"prompt": "Whose?"}))
            )
        server.faults = {"Whom?": [(400, {}, b"a face is shown")]}
        partly = by.model_copy(update={"prompt": "Whom?", "concurrency": 1})
        made = image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=partly))
        (declined,) = [one for one in made.result["captions"] if one["finish"] == "refused"]
        assert declined["detail"] == "the server refuses to answer: a face is shown"
        assert f"of 3 pictures ({declined['picture']}: the server refuses to answer: a face is shown)" in str(
            made.result["warnings"]
        )
        assert "a face is shown" in Path(made.report).read_text("utf-8")
        server.faults = {"When?": [(200, {}, b"<html>")]}
        fails = by.model_copy(update={"prompt": "When?", "retries": 0})
        with pytest.raises(RemoteError, match=r"no chat completion.*; the picture was secret\d\.jpg"):
            image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=fails))
        server.say, server.asked = lambda body: " ", []
        silent = by.model_copy(update={"prompt": "Hm?"})
        said = image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=silent)).result["warnings"]
        assert any(one.startswith("3 of 3 captions are empty") for one in said)
        costly = by.model_copy(update={"budget_tokens": 50, "prompt": "And what else?"})
        with pytest.raises(BudgetError, match="50"):
            image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=costly))
        assert len(server.asked) == 3


@pytest.mark.flow
@pytest.mark.slow
def test_one_question_more_asks_that_one_and_replies_without_the_form_are_rejected_and_told(
    workspace: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "signs"
    place.mkdir()
    for number in range(2):
        Image.new("RGB", (80, 60), (90 * number, 90, 60)).save(place / f"{number}.png")
    schema = json.dumps({"type": "object", "properties": {"colour": {"enum": ["red"]}, "note": {"type": "string"}}})
    with served() as server:
        server.say = lambda body: f"reply {len(body['messages'])}"
        by = PictureServer(base_url=server.base_url, model="seer", side=64, prompt="What?", follow_ups=("Where?",))
        image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=by))
        assert len(server.asked) == 4
        more = by.model_copy(update={"follow_ups": ("Where?", "<b>Why?")})
        made = image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=more))
        assert len(server.asked) == 6
        assert [one["content"] for one in server.asked[-1]["messages"][1:]] == [
            "reply 1",
            "Where?",
            "reply 3",
            "<b>Why?",
        ]
        assert made.result["captions"][0]["replies"] == ["reply 3", "reply 5"]
        page = Path(made.report).read_text("utf-8")
        assert "<b>Why?" not in page
        assert "&lt;b&gt;Why?</i> reply 5" in page
        good = '{"colour": "red", "note": "<script>alert(3)</script>"}'
        server.say = lambda body: good if body["messages"][0]["content"][0]["image_url"]["url"] == first else "prose"
        first = server.asked[-1]["messages"][0]["content"][0]["image_url"]["url"]
        formed = by.model_copy(update={"follow_ups": (), "prompt": "As JSON?", "json_schema": schema})
        told = image_captions(PictureFiles(path=str(place)), ImageCaptions(captioner=formed))
        assert len(server.asked) == 9
        assert server.asked[6]["response_format"]["json_schema"]["schema"] == json.loads(schema)
        assert told.result["rejected_replies"] == {"not_json": 1}
        assert any(
            one.startswith("0 pictures rejected, 1 of 2 replies rejected: 1 not_json")
            for one in told.result["warnings"]
        )
        counted = {name: told.metrics[f"caption-ask.{name}"] for name in ("replies", "asked_again", "prompt_tokens")}
        assert counted == {"replies": 3, "asked_again": 1, "prompt_tokens": 3 * 7}  # as the server counts
        page = Path(told.report).read_text("utf-8")
        assert "<script>alert(3)" not in page
        assert "Replies that were rejected" in page
        rows = pq.read_table(Path(told.report).parent / "captions.parquet").to_pylist()
        assert sorted(row["field.colour"] for row in rows) == ["", "red"]
        server.faults = {"Gone?": [(404, {}, b"no such model")] * 2}
        with pytest.raises(RemoteError):
            image_captions(
                PictureFiles(path=str(place)), ImageCaptions(captioner=by.model_copy(update={"prompt": "Gone?"}))
            )
        assert "pictures were sent to" in caplog.text
    wrong = VisionLanguageModel(model="nowhere", json_schema='{"type": "array"}')
    with pytest.raises(ContractError, match="must describe an object"):
        preflight(PictureFiles(path=str(place)), ImageCaptions(captioner=wrong))
