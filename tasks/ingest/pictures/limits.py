"""What a picture may cost, and how one is refused."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """What a picture may cost, and how it comes out.

    Attributes:
        side: Pixels of the shorter side after shrinking. A smaller picture is not enlarged, and one that its decoder
            made less than twice as large (JPEG, JPEG 2000) stays so, unless exact.
        exact: Whether no side may be larger: what a model is sent is counted in tokens.
        longest: Pixels the longer side may have, which a sliver reaches first.
        ground: Colour on which transparent parts are laid.
        min_side: Pixels the shorter side of the original must have; one pixel is a counter on a web page.
        max_pixels: Pixels the original may have, as its header says.
        max_bytes: Bytes a file may have.
        timeout_s: Seconds of processor time a file may take.
        memory: Bytes the process that decodes may take.
    """

    side: int = 256
    exact: bool = False
    longest: int = 2_048
    ground: tuple[int, int, int] = (255, 255, 255)
    min_side: int = 2
    max_pixels: int = 50_000_000
    max_bytes: int = 100_000_000
    timeout_s: float = 10
    memory: int = 1 << 30


class PictureRefused(Exception):
    """A picture that is not decoded, with the reason and a sentence that says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
