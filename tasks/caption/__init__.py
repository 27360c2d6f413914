"""Write captions of pictures, and judge them."""

from tasks.caption.task import caption_pictures, describe_captioner, judge_captions

__all__ = ["caption_pictures", "describe_captioner", "judge_captions"]
