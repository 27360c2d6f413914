"""A page asked directly against OCR and text: tokens, share of the context, seconds. What is answered is not judged.

Picture processors are those of transformers with the published figures of each family, on pictures of the size that
`image-captions` shows. The weights of the families are not here; SmolLM2-135M, which is the language model of
SmolVLM-256M, is, so the time it takes to read so many tokens is measured. The vision tower comes on top of that.
"""

import time
from typing import Any

import numpy as np
from PIL import Image

from configs.models import SMOLLM2
from tests.bench.bench_ocr import own_texts
from tests.bench.pairs import plain
from tests.tasks.ingest.pdf.scanned_pages import A4, FONTS, drawn, noisy

SIZES = {"photo, side 448": (597, 448), "A4, side 448": (448, 634), "A4, side 1240": (1_240, 1_754)}
CONTEXTS = {"BLIP-2 OPT-2.7B": 2_048, "LLaVA-1.5-7B": 4_096, "SmolVLM-256M": 8_192, "Qwen2.5-VL-3B": 128_000}
QUERIES = 32  # of BLIP-2, num_query_tokens
CLIP_PATCHES = (336 // 14) ** 2  # of LLaVA-1.5
TILE = (512 // 16) ** 2 // 4**2  # of SmolVLM-256M: image_size, patch_size, scale_factor
REPEATS = 3


def tokens_of(size: tuple[int, int]) -> dict[str, int]:
    """Return the tokens a picture of this width and height costs each family, marks of rows left out."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

    image = Image.new("RGB", size, "white")
    qwen = Qwen2VLImageProcessorPil(min_pixels=3_136, max_pixels=12_845_056, patch_size=14, merge_size=2)
    smol = SmolVLMImageProcessorPil(size={"longest_edge": 2_048}, max_image_size={"longest_edge": 512})
    grid = qwen(images=[image], return_tensors="np")["image_grid_thw"][0]
    made = smol(images=[[image]], return_tensors="np", return_row_col_info=True)
    tiles = int(made["rows"][0][0]) * int(made["cols"][0][0]) + 1
    return {
        "BLIP-2 OPT-2.7B": QUERIES, "LLaVA-1.5-7B": CLIP_PATCHES, "SmolVLM-256M": tiles * TILE,
        "Qwen2.5-VL-3B": int(grid.prod()) // 4,
    }  # fmt: skip


def measure() -> list[dict[str, Any]]:
    """Return tokens, shares and seconds of a picture, and of the text that OCR makes of a page."""
    from tasks.models.vision import captioner, text_reader

    model, tokenizer = captioner.language_model(captioner.describe(SMOLLM2, "cpu"))
    rows = []
    for name, size in SIZES.items():
        counts = tokens_of(size)
        rows += [plain(f"{name}: tokens of {family}", count, "") for family, count in counts.items()]
        rows += [plain(f"{name}: share of the context, {family}", count / CONTEXTS[family] * 100, "%")
                 for family, count in counts.items()]  # fmt: skip
    read = tokens_of(SIZES["A4, side 1240"])["SmolVLM-256M"]
    text = own_texts()[0]
    page = np.repeat(
        np.asarray(noisy(drawn(text, FONTS[0], points=10, columns=88, size=A4), 0))[:, :, None], 3, axis=2
    )
    text_reader.read_page(page)  # loads the recogniser
    started = time.perf_counter()
    found = " ".join(line.text for line in text_reader.read_page(page).lines)
    seconds, said = time.perf_counter() - started, len(tokenizer(found)["input_ids"])
    return [
        *rows,
        plain("A4 of 2,200 letters by OCR: tokens of SmolLM2", said, ""),
        plain("OCR: share of the context of SmolVLM-256M", said / CONTEXTS["SmolVLM-256M"] * 100, "%"),
        plain("OCR: seconds to recognise the page", seconds, "s"),
        plain(f"SmolLM2-135M: seconds to read {said} tokens of text", _prefill(model, said), "s"),
        plain(f"SmolLM2-135M: seconds to read {read} tokens of the picture", _prefill(model, read), "s"),
    ]


def _prefill(model: Any, tokens: int) -> float:
    """Return the least of a few times that a prompt of so many tokens takes."""
    import torch

    ids, best = torch.arange(tokens)[None] % 40_000 + 100, float("inf")
    with torch.inference_mode():
        for _ in range(REPEATS):
            started = time.perf_counter()
            model(input_ids=ids, logits_to_keep=1)
            best = min(best, time.perf_counter() - started)
    return best
