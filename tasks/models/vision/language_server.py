"""Ask a server about pictures, by OpenAI's chat protocol: a working copy goes with the question, and nothing else.

Source: platform.openai.com/docs/guides/images-vision.
"""

import base64
import threading
from collections.abc import Mapping
from typing import Any

from configs.captions import PictureServer
from tasks.data.messages import Cost, Generator, Message, Reply, Request
from tasks.data.sampling import ResolvedSampling
from tasks.errors import RemoteError
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

    def _ask(self, request: Request, sampling: ResolvedSampling, reserved: Cost, given_up: threading.Event) -> Reply:
        try:
            return super()._ask(request, sampling, reserved, given_up)
        except RemoteError as error:
            raise RemoteError(f"{error}; the picture was {self._shown(request).name}") from error

    def _shown(self, request: Request) -> ShownPicture:
        return self.pictures[request.messages[0].content]

    def _advice(self, request: Request) -> str:
        return f"the picture is {self._shown(request).name}; leave it out, or name a model that sees"

    def _at_most(self, request: Request, sampling: ResolvedSampling) -> Cost:
        self.sent += len(self._shown(request).copy)
        cost = super()._at_most(request, sampling)
        return Cost(cost.prompt + self._picture_tokens, cost.completion)
