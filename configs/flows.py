"""One config a flow."""

from pydantic import Field

from configs.base import Config
from configs.cluster import Cluster, Hdbscan
from configs.embed import Embed
from configs.evaluate import Evaluate
from configs.generate import Extractive, Generate
from configs.index import Index
from configs.ingest import Ingest
from configs.publish import Publish
from configs.reduce import Reduce, Umap
from configs.represent import CTfIdf, Represent
from configs.rerank import Rerank
from configs.retrieve import Retrieve, Weighted
from configs.runner import Runner, Threads
from configs.tokenize import Chunk


class Topics(Config):
    """How documents become topics."""

    min_documents: int = Field(40, ge=10)
    """With fewer documents no topics are made, and the report says so."""
    reduce: Reduce = Umap()
    """Vectors to few dimensions."""
    cluster: Cluster = Hdbscan()
    """Points to clusters."""
    represent: Represent = CTfIdf()
    """Clusters to words."""
    map_min_dist: float = Field(0.4, ge=0, le=1)
    """Least distance of points on the map. Larger: looser, easier to point at."""


class KnowledgeBase(Config):
    """Everything `knowledge-base` can be asked to do."""

    ingest: Ingest = Ingest()
    """What may go wrong with the source."""
    chunk: Chunk = Chunk()
    """Documents to passages."""
    embed: Embed = Embed()
    """Passages to vectors."""
    index: Index = Index()
    """Vectors and words to indexes."""
    topics: Topics | None = Topics()
    """Documents to topics; null for none."""
    retrieve: Retrieve = Weighted()
    """How the evaluation's answers find their passages."""
    rerank: Rerank | None = None
    """How what was found is put into a better order before the evaluation's answers; null for not at all. The
    evaluation then judges that order too."""
    answer: Generate = Extractive()
    """How the evaluation's questions are answered."""
    evaluate: Evaluate = Evaluate()
    """Questions to judge by."""
    publish: Publish = Publish()
    """What it must pass to become live."""
    runner: Runner = Threads()
    """Where passages are encoded; the result is the same on each."""


class TextVectors(Config):
    """Everything `text-vectors` can be asked to do."""

    ingest: Ingest = Ingest()
    """What may go wrong with the source."""
    chunk: Chunk | None = None
    """Documents to passages, a vector each; null for one vector a document, its text cut at the encoder's limit."""
    embed: Embed = Embed()
    """Text to vectors."""
    runner: Runner = Threads()
    """Where texts are encoded; the result is the same on each."""


class SemanticSearch(Config):
    """Everything `semantic-search` can be asked to do."""

    retrieve: Retrieve = Weighted()
    """How passages are found."""
    rerank: Rerank | None = None
    """How what was found is put into a better order; null for not at all."""


class RagAnswers(Config):
    """Everything `rag-answers` can be asked to do."""

    retrieve: Retrieve = Weighted()
    """How passages are found."""
    rerank: Rerank | None = None
    """How what was found is put into a better order; null for not at all."""
    answer: Generate = Extractive()
    """How an answer is made of them."""


class AnswerLineage(Config):
    """Everything `answer-lineage` can be asked to do."""

    limit: int = Field(100, ge=1, le=100_000)
    """Answers that are followed at most, the newest ones; the result says how many there are."""
