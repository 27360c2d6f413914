"""Servers of OpenAI's protocol that others wrote, each in a process of its own on loopback."""

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from transformers.utils.import_utils import is_serve_available

from tasks import hardware

needs_llama_cpp = pytest.mark.skipif(
    bool(hardware.missing(("xllamacpp",))), reason="a server of llama.cpp needs: pip install 'llm-flows[gguf]'"
)
needs_transformers = pytest.mark.skipif(
    not is_serve_available() or importlib.util.find_spec("accelerate") is None,
    reason="transformers serve needs: pip install 'transformers[serving]' accelerate",
)
LONGEST_START_S = 240

LLAMA_CPP = """
import json, sys
import xllamacpp
given, params = json.loads(sys.stdin.readline()), xllamacpp.CommonParams()
params.model.path, params.api_keys, params.n_parallel = given["file"], [given["key"]], given["slots"]
params.hostnames, params.port, params.verbosity, params.ui = ["127.0.0.1"], 0, -1, False
params.cache_prompt = False  # what was read before another request rounds in another way, now and then to another word
params.n_ctx = given["context"] * given["slots"]
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given["threads"]
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def llama_cpp_server(file: Path, key: str, *, slots: int = 1, context: int = 512, threads: int = 1) -> Iterator[str]:
    """Serve a GGUF file with llama.cpp; yield the address."""
    with subprocess.Popen(
        [sys.executable, "-c", LLAMA_CPP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            given = {"file": str(file), "key": key, "slots": slots, "context": context, "threads": threads}
            process.stdin.write(json.dumps(given) + "\n")
            process.stdin.flush()
            yield f"{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


@contextlib.contextmanager
def transformers_server(folder: Path) -> Iterator[str]:
    """Serve the model of a folder with `transformers serve`, in 32 bits; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["serve", str(folder), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "transformers"), *words],
        env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + LONGEST_START_S
        while not _healthy(port):
            assert process.poll() is None, f"transformers serve ended with {process.returncode}"
            assert time.monotonic() < until, f"transformers serve did not start in {LONGEST_START_S} s"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
