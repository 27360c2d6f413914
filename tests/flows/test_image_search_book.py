"""The book's CLIP on its three pictures and captions gives the cosines that its notebook prints."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlretrieve

import pytest
import yaml

from configs.signatures import PRESETS

ROOT = Path(__file__).parents[2]
BOOK = "https://raw.githubusercontent.com/HandsOnLLM/Hands-On-Large-Language-Models/main/chapter09/images"
NAMES = ("puppy.png", "cat.png", "car.png")
PRINTED = (0.3315, 0.3463, 0.3098)  # chapter 9, the diagonal of its matrix
HOSTS = ("huggingface.co", "raw.githubusercontent.com")


def reached(host: str) -> bool:
    try:
        socket.create_connection((host, 443), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.mark.network
@pytest.mark.slow
def test_the_diagonal_of_the_books_matrix_is_found_again(workspace: Path, tmp_path: Path) -> None:
    if away := [host for host in HOSTS if not reached(host)]:
        pytest.skip(f"{away[0]} is not reached from here")
    captions = yaml.safe_load((PRESETS / "image_search" / "book.yaml").read_text("utf-8"))["queries"]
    (tmp_path / "book-pictures").mkdir()
    for name in NAMES:
        urlretrieve(f"{BOOK}/{name}", tmp_path / "book-pictures" / name)  # noqa: S310
    rows = [{"file": name, "caption": caption} for name, caption in zip(NAMES, captions, strict=True)]
    (tmp_path / "book-pictures.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "flows", "image-search", "@book"], cwd=tmp_path, capture_output=True, text=True,
        check=False, env={**os.environ, "HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["result"]["queries"]
    cosines = [{hit["document"]: hit["score"] for hit in asked["hits"]} for asked in found]
    assert [cosines[row][name] for row, name in enumerate(NAMES)] == pytest.approx(PRINTED, abs=0.01)
    assert [max(row, key=lambda name: row[name]) for row in cosines] == list(NAMES)
