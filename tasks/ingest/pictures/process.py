"""What runs in a process of its own: pictures come in on standard input, their pixels go out on standard output.

A request is a line of JSON (name, bytes that follow, limits) and the file. An answer is a line of JSON, whose `shape`
says how many pixels follow, and these, three bytes each. The process serves one file after another, so that it starts
once. It may be killed at any moment. It limits its own memory, and its processor time for each file. It opens no file
of the user and knows nothing of the environment. Of what a file holds besides pixels (EXIF, places, comments) nothing
goes out.
"""

import dataclasses
import json
import math
import os
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any, BinaryIO

from tasks.ingest.pictures import kinds
from tasks.ingest.pictures.limits import PictureLimits, PictureRefused

MAX_MESSAGES = 1 << 20  # bytes that decoders may write to standard error


def main(memory: int) -> None:
    """Answer requests until there are no more; the first line that goes out says which Pillow decodes."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_MESSAGES, MAX_MESSAGES))
    warnings.simplefilter("ignore")
    from PIL import AvifImagePlugin, __version__

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread would take address space of its own
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a decoder that prints must not spoil an answer
    answers.write(json.dumps({"pillow": __version__}).encode() + b"\n")
    answers.flush()
    serve(sys.stdin.buffer, answers, bound)


def bound(limits: PictureLimits) -> None:
    """Let the process die when it has computed for the seconds of one file; tell Pillow how many pixels are many."""
    from PIL import Image

    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = math.ceil(usage.ru_utime + usage.ru_stime + limits.timeout_s)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    Image.MAX_IMAGE_PIXELS = limits.max_pixels


def serve(requests: BinaryIO, answers: BinaryIO, before_each: Callable[[PictureLimits], None]) -> None:
    """Answer each request in turn.

    Args:
        requests: Where they come in.
        answers: Where answers go out.
        before_each: Gets the limits of each file before it is read.
    """
    while line := requests.readline():
        request = json.loads(line)
        limits = PictureLimits(**request["limits"] | {"ground": tuple(request["limits"]["ground"])})
        before_each(limits)
        header, rgb = answer(request["name"], requests.read(request["bytes"]), limits)
        answers.write(json.dumps(header).encode() + b"\n" + rgb)
        answers.flush()


def answer(name: str, content: bytes, limits: PictureLimits) -> tuple[dict[str, Any], bytes]:
    """Return the header and the pixels of one picture, or a header that says why there are none.

    Args:
        name: Of the file; only what its end promises is looked at.
        content: The file.
        limits: What it may cost.
    """
    try:
        return _decoded(name, content, limits)
    except PictureRefused as refused:
        return _refused(refused.reason, refused.detail)
    except (MemoryError, RecursionError):
        return _refused("too-large", f"needs more than {limits.memory >> 20:,} MB to be decoded; save it smaller")
    except Exception as error:  # decoders of hostile bytes fail in every way; the file is the cause
        return _refused("unreadable", f"cannot be decoded: {type(error).__name__}; open it in a viewer, save it again")


def _refused(reason: str, detail: str) -> tuple[dict[str, Any], bytes]:
    return {"reason": reason, "detail": detail}, b""


def _decoded(name: str, content: bytes, limits: PictureLimits) -> tuple[dict[str, Any], bytes]:
    from tasks.ingest.pictures import pixels

    if not content:
        raise PictureRefused("empty", "has no bytes; copy or download it again")
    kind = kinds.kind_of(content)
    if kind in kinds.ADVICE:
        raise PictureRefused("no-decoder", kinds.ADVICE[kind])
    if kind not in kinds.PILLOW:
        raise PictureRefused("not-a-picture", kinds.OTHERS.get(kind, "is not a picture of a known format"))
    if bad := kinds.damage(kind, content):
        raise PictureRefused(*bad)
    found = pixels.read(kind, content, limits)
    notes = filter(None, (kinds.misnamed(name, kind), *found.notes))
    header = dataclasses.asdict(dataclasses.replace(found, notes=tuple(notes), rgb=b""))
    del header["rgb"]
    return header | {"kind": kind}, found.rgb
