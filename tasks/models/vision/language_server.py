"""Ask a server about pictures, by OpenAI's chat protocol: a working copy goes with the question, and nothing else.

Source: platform.openai.com/docs/guides/images-vision.
"""

import base64
from collections.abc import Mapping
from typing import Any

from configs.captions import PictureServer
from tasks.data.messages import Cost, Generator, Message, Request
from tasks.data.sampling import ResolvedSampling
from tasks.models.generators.server import ServerEngine
from tasks.models.openai_http import Patience
from tasks.models.vision.requests import ShownPicture, question_of

PNG = b"\x89PNG"


class PictureServerEngine(ServerEngine):
    """A server that answers about pictures.

    Attributes:
        pictures: The content of a request to the picture it asks about.
        sent: Bytes of copies that were put into requests, those sent once more not counted.
    """

    def __init__(self, generator: Generator, config: PictureServer, patience: Patience | None = None) -> None:
        super().__init__(generator, config, patience)
        self.pictures: Mapping[str, ShownPicture] = {}
        self.sent = 0
        self._picture_tokens = config.picture_tokens

    def _content(self, message: Message) -> Any:
        if message.role != "user" or message.content not in self.pictures:
            return message.content  # a later turn: the picture stands in the first
        copy = self.pictures[message.content].copy
        kind = "png" if copy.startswith(PNG) else "jpeg"
        url = f"data:image/{kind};base64,{base64.b64encode(copy).decode('ascii')}"
        return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": question_of(message)}]

    def _advice(self, request: Request) -> str:
        name = self.pictures[request.messages[0].content].name
        return f"the picture is {name}; leave it out, or name a model that sees"

    def _at_most(self, request: Request, sampling: ResolvedSampling) -> Cost:
        self.sent += len(self.pictures[request.messages[0].content].copy)
        cost = super()._at_most(request, sampling)
        return Cost(cost.prompt + self._picture_tokens, cost.completion)
