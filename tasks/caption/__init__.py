"""Write captions of pictures, and judge them."""

from tasks.caption.task import caption_pictures, describe_captioner, judge_captions
from tasks.caption.task_asked import ask_about_pictures, describe_asked, judge_asked

__all__ = [
    "ask_about_pictures",
    "caption_pictures",
    "describe_asked",
    "describe_captioner",
    "judge_asked",
    "judge_captions",
]
