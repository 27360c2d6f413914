"""A model that answers from what it is told, by rules: what is asked of it can be read off."""

from collections.abc import Callable, Sequence

from tasks.data.messages import Reply, Request

Rule = Callable[[str, Request], str | None]


class Scripted:
    """`Replies` by rules; a rule is given the last message and the request, the first that answers counts.

    Attributes:
        asked: Every request, in order.
    """

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self.asked: list[Request] = []

    def watched_by(self, watch: object) -> "Scripted":
        """Return itself: its replies take no time."""
        return self

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
        self.asked += requests
        return [self.reply(request) for request in requests]

    def reply(self, request: Request) -> Reply:
        last = request.messages[-1].content
        text = next((said for rule in self.rules if (said := rule(last, request)) is not None), "")
        prompt = sum(len(message.content.split()) for message in request.messages)
        return Reply(text, "stop", prompt, len(text.split()), "scripted", 0.01)


def when(words: str, text: str) -> Rule:
    """Say a text where the last message holds some words."""
    return lambda last, request: text if words in last else None
