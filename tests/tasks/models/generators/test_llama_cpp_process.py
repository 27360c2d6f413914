"""The process in which llama.cpp runs: who may ask it, and that a file or a kill ends it and no other run."""

import os
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from configs.generators import LlamaCppModel, Sampling
from tasks import hardware
from tasks.errors import MissingExtra, ModelError
from tasks.models.generators import client, llama_cpp
from tasks.models.generators import load as generators
from tests.tasks.models import language_models
from tests.tasks.models.generators.test_llama_cpp import asked, config_of, engine_of, speak

pytestmark = [
    pytest.mark.skipif(bool(hardware.missing(llama_cpp.PACKAGES)), reason="needs: pip install 'llm-flows[gguf]'"),
    pytest.mark.usefixtures("home"),
]


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small model, with GGUF files of it: its own numbers, and 8 bits."""
    return language_models.save_gguf_of_two_kinds(tmp_path_factory.mktemp("chat"))


@pytest.fixture(autouse=True, scope="module")
def ended() -> Any:
    yield
    llama_cpp._engine.cache_clear()


def test_nobody_else_can_ask(chat: Path) -> None:
    process = engine_of(config_of(chat)).process
    assert not stat.S_IMODE(process.folder.stat().st_mode) & 0o077
    assert [c for c in psutil.Process(process.process.pid).net_connections("inet") if c.status == "LISTEN"] == []
    assert process.key not in " ".join(psutil.Process(process.process.pid).cmdline())
    assert (
        process.http.post("/completion", json={"prompt": [5]}, headers={"Authorization": "Bearer x"}).status_code
        == 401
    )


def with_value(file: Path, to: Path, name: str, value: int) -> Path:
    """Copy a GGUF file with one of its 32-bit values changed."""
    content, begins = bytearray(file.read_bytes()), struct.pack("<Q", len(name)) + name.encode()
    at = content.index(begins) + len(begins) + 4
    content[at : at + 4] = struct.pack("<I", value)
    to.write_bytes(content)
    return to


DAMAGES: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "no file": (lambda file, to: None, "cannot be read .No such file"),
    "empty": (lambda file, to: to.write_bytes(b""), "does not begin with GGUF"),
    "a text": (lambda file, to: to.write_text("once upon a time"), "does not begin with GGUF"),
    "a header cut short": (lambda file, to: to.write_bytes(file.read_bytes()[:3_000]), "it is cut, damaged"),
    "weights cut short": (lambda file, to: to.write_bytes(file.read_bytes()[:-100]), "goes on to .* it is cut"),
    "noise": (lambda file, to: to.write_bytes(b"GGUF\3\0\0\0" + os.urandom(3_000)), "it is cut, damaged"),
    "another version": (lambda file, to: to.write_bytes(b"GGUF\1" + file.read_bytes()[5:]), "GGUF of version 1 but"),
    "values that llama.cpp refuses": (
        lambda file, to: with_value(file, to, "llama.feed_forward_length", 7), "ended with 1 while it was loading"
    ),
    "values that end llama.cpp": (
        lambda file, to: with_value(file, to, "llama.block_count", 100_000), "ended with signal 6 .*GGML_ASSERT"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_no_model_is_refused_in_words_and_ends_nothing_else(
    chat: Path, damage: str, tmp_path: Path
) -> None:
    change, message = DAMAGES[damage]
    change(chat / "F32.gguf", tmp_path / "bad.gguf")
    with pytest.raises(ModelError, match=message):
        speak(LlamaCppModel(model=str(tmp_path / "bad.gguf")), [asked("a")], max_tokens=1)


def test_a_process_that_is_killed_is_said_and_the_next_request_starts_another(chat: Path) -> None:
    config = config_of(chat)
    (first,) = speak(config, [asked("a")], max_tokens=5)
    engine_of(config).process.process.kill()
    with pytest.raises(ModelError, match="ended with signal 9 while it was answering"):
        speak(config, [asked("a")], max_tokens=5)
    (again,) = speak(config, [asked("a")], max_tokens=5)
    assert again.text == first.text


LONE_PARENT = """
import sys
from pathlib import Path
from tasks.models.generators.llama_cpp import LlamaCppProcess
process = LlamaCppProcess(Path(sys.argv[1]), 256)
print(process.process.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_it_ends_with_its_parent_however_that_ends(chat: Path) -> None:
    command = [sys.executable, "-c", LONE_PARENT, str(chat / "F32.gguf")]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    until = time.monotonic() + 30
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.05)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_another_model_takes_its_place(chat: Path) -> None:
    first = engine_of(config_of(chat)).process
    pid, folder = first.process.pid, first.folder
    del first
    engine_of(config_of(chat, "Q8_0"))
    assert not folder.exists()
    assert not psutil.pid_exists(pid)


def test_a_file_that_changed_since_it_was_described_is_refused(chat: Path, tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes((chat / "F32.gguf").read_bytes())
    config = LlamaCppModel(model=str(file))
    described = generators.describe(config)
    file.write_bytes((chat / "Q8_0.gguf").read_bytes())
    with pytest.raises(ModelError, match="has changed since it was described"):
        client.replies(described, Sampling(), config, use_cache=False)([asked("a")])


def test_without_the_package_the_way_out_is_said(chat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "missing", list)
    llama_cpp.describe.cache_clear()
    with pytest.raises(
        MissingExtra, match=r"kind is llama-cpp but xllamacpp is not installed; run: pip install 'llm-flows\[gguf\]'"
    ):
        generators.describe(config_of(chat))
