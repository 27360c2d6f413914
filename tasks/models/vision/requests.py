"""Requests about pictures: what tells the reply cache one picture from another, and a question from its picture."""

from typing import NamedTuple

from tasks.data.messages import Message, Request


class ShownPicture(NamedTuple):
    """A picture that a model is asked about.

    Attributes:
        name: Of its file, for messages; no model sees it.
        copy: The working copy.
    """

    name: str
    copy: bytes


def request_of(digest: str, side: int, prompt: str) -> Request:
    """Return what is asked about a picture.

    Args:
        digest: Of its pixels.
        side: Pixels of the shorter side of its copy.
        prompt: The question.
    """
    return Request((Message("user", f"picture {digest} {side}\n{prompt}"),))


def question_of(message: Message) -> str:
    """Return the question of the first message of a request about a picture; those after it are as they are."""
    return message.content.partition("\n")[2]
