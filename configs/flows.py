"""One config a flow."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.base import Common, Config
from configs.chain import Approach, AskSettings, ChatModel, Steps
from configs.chat import Agent, Automatic, ChatPrompt, Memory
from configs.classify import (
    WITHOUT_SEVERAL,
    Centroid,
    Combined,
    Curve,
    Embeddings,
    Fit,
    LabelIssues,
    Labelled,
    Measured,
    Method,
    Neighbours,
    TfIdf,
    ZeroShot,
)
from configs.cluster import Cluster, Hdbscan, Keep, Outliers
from configs.embed import Embed, Readable
from configs.evaluate import Evaluate
from configs.finetune import FullWeights, Lora, Parameters, Training
from configs.finetune_classifier import ClassifierGate, ClassifierTuning, ClassifierWay
from configs.finetune_masked import MaskedLanguageModel
from configs.finetune_tagger import TaggerGate, TaggerTuning
from configs.generate import Extractive, Generate
from configs.generators import LocalModel, Sampling
from configs.index import Index
from configs.ingest import Ingest
from configs.inspect import Printed, Reading, Replying, Small
from configs.models import EMBEDDED
from configs.publish import Publish
from configs.reduce import Reduce, Umap
from configs.represent import CTfIdf, Labels, Represent
from configs.rerank import Rerank
from configs.retrieve import Cutoff, Retrieve, Weighted
from configs.runner import Runner, Threads
from configs.tokenize import Chunk, Counted, Fits
from configs.topics import Covered, Free, Guide, Judged, LastRun, Slices, Suspicions
from configs.word2vec import Recommended, Related, Senses, Word2Vec


class Topics(Config):
    """How documents become topics."""

    unit: Literal["documents", "passages"] = "documents"
    """What is clustered. documents: what the source gives, which of a long file is its sections; passages: the
    stretches that `chunk` cuts and a search finds."""
    min_documents: Annotated[int, Common] = Field(40, ge=10)
    """With fewer documents or passages no topics are made, and the report says so."""
    scale: Annotated[float, Common] = Field(1.0, gt=0, le=20)
    """Multiplier of the minimum cluster size, which is derived from the number of documents. Larger: fewer and broader
    topics."""
    guide: Annotated[Guide, Common] = Free()
    """What is known of the topics beforehand."""
    reduce: Reduce = Umap()
    """Vectors to few dimensions."""
    cluster: Cluster = Hdbscan()
    """Points to clusters."""
    min_word_share: float = Field(0.25, ge=0, le=1)
    """Share of its documents that the commonest word of a cluster must stand in, as part of what is usual among
    clusters; a cluster below it is noise, for texts that are no language lie together, too. 0: all are topics."""
    outliers: Outliers = Keep()
    """What becomes of documents that belong to no topic."""
    represent: Represent = CTfIdf()
    """Clusters to words."""
    label: Labels = Labels()
    """Words to a name."""
    map_min_dist: float = Field(0.4, ge=0, le=1)
    """Least distance of points on the map. Larger: looser, easier to point at."""
    sample_above: int = Field(50_000, ge=1_000, le=10_000_000)
    """Of more documents than this, so many are clustered, drawn from every region; neighbours decide on the rest."""
    sample_seed: int = Field(0, ge=0)
    """Same seed, same sample."""


class TopicModel(Config):
    """Everything `topic-model` can be asked to do."""

    ingest: Ingest = Ingest()
    """What may go wrong with the source."""
    chunk: Chunk = Chunk()
    """Documents to passages; a document's vector is the mean of theirs."""
    embed: Embed = Embed()
    """Passages to vectors."""
    topics: Topics = Topics(min_documents=10)
    """Documents to topics."""
    merge: tuple[tuple[int, ...], ...] = ()
    """Topics to join, by their numbers."""
    last_run: LastRun = LastRun()
    """What the last run decides: numbers."""
    slices: tuple[Slices, ...] = ()
    """Columns to follow topics over: times, classes."""
    top_topics: int = Field(3, ge=1, le=50)
    """Nearest topics named for each text of `find`."""
    checks: Suspicions = Suspicions()
    """Which documents are listed to be checked."""
    evaluation: Judged = Judged()
    """By what topics are judged, and how thoroughly."""
    coverage: Covered = Covered()
    """When the page warns that the encoder does not know the language."""
    published: dict[str, float] = Field(default_factory=dict)
    """What others have printed of `documents`, `topics` or a measure. It is shown beside ours."""
    runner: Runner = Threads()
    """Where passages are encoded; the result is the same on each."""


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
    """Another order of hits, before the evaluation's answers; null for none. The evaluation then judges that order
    too."""
    answer: Extractive = Extractive()
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


class TokenizerReport(Config):
    """Everything `tokenizer-report` can be asked to do."""

    ingest: Ingest = Ingest()
    """What may go wrong with the source."""
    count: Counted = Counted()
    """Which tokenizers are compared, and what is shown."""
    fit: Fits = Fits()
    """When a tokenizer is said to fit the model."""


class WordVectors(Config):
    """Everything `word-vectors` can be asked to do."""

    ingest: Ingest = Ingest(duplicates="drop")
    """What may go wrong with the source."""
    train: Word2Vec = Word2Vec()
    """How vectors are learned."""
    ask: Related = Related()
    """What is asked of them."""
    recommend: Recommended = Recommended()
    """How the next item of a list is predicted and judged; only lists of events are."""
    senses: Senses | None = Senses()
    """The word whose senses are separated by static and by contextual vectors; null for none."""


class ModelAnatomy(Config):
    """Everything `model-anatomy` can be asked to do."""

    ingest: Ingest = Ingest()
    """What may go wrong with the source."""
    reading: Reading = Reading()
    """How the prompt is read, and how much of that is shown."""
    replying: Replying = Replying()
    """How far a reply goes, and what is timed."""
    small: Small = Small()
    """The small models that are trained on the source."""
    fit: Fits = Fits()
    """When the tokenizer of the model is said to be its own."""
    printed: Printed = Printed()
    """What others have printed of the same, shown beside."""


class SemanticSearch(Config):
    """Everything `semantic-search` can be asked to do."""

    retrieve: Retrieve = Weighted()
    """How passages are found."""
    rerank: Rerank | None = None
    """How what was found is put into a better order; null for not at all."""
    cutoff: Cutoff | None = None
    """What is no hit although it was found; null for nothing."""
    readable: Readable = Readable()
    """When the encoder is said not to read a text."""
    published: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Query to the texts that others have printed for it, the best first; shown beside our hits."""


class SearchEvaluation(Config):
    """Everything `search-evaluation` can be asked to do."""

    retrieve: Retrieve = Weighted()
    """How answers find their passages."""
    rerank: Rerank | None = None
    """Another order of hits, before answers; null for none. That order is judged too."""
    answer: Extractive = Extractive()
    """How questions are answered."""
    evaluate: Evaluate = Evaluate(calibrate=None)
    """Questions to judge by; nothing is calibrated, the collection has its threshold."""
    readable: Readable = Readable()
    """When the encoder is said not to read a text."""


class RagAnswers(Config):
    """Everything `rag-answers` can be asked to do."""

    retrieve: Retrieve = Weighted()
    """How passages are found."""
    rerank: Rerank | None = None
    """How what was found is put into a better order; null for not at all."""
    answer: Generate = Extractive()
    """How an answer is made of them."""
    evaluate: Evaluate = Evaluate(calibrate=None)
    """Questions that a model which writes answers is asked with passages and without, where no question is given."""
    readable: Readable = Readable()
    """When the encoder is said not to read a text."""
    published: str | None = None
    """Answer that others have printed to the question, shown beside ours; null for none."""


class AnswerLineage(Config):
    """Everything `answer-lineage` can be asked to do."""

    limit: int = Field(100, ge=1, le=100_000)
    """Answers that are followed at most, the newest ones; the result says how many there are."""


class TextClassifier(Config):
    """Everything `text-classifier` can be asked to do."""

    ingest: Ingest = Ingest()
    """What may go wrong with the source."""
    labels: Labelled = Labelled()
    """Where labels stand, and which texts are held out."""
    chunk: Chunk | None = None
    """Texts to passages, a text's vector being the mean of theirs; null for one vector, cut at the encoder's limit."""
    embed: Embed = Embed()
    """Texts to vectors, for the methods that need them."""
    methods: tuple[Method, ...] = Field(
        (TfIdf(), Embeddings(), Combined(), Centroid(), Neighbours(), ZeroShot()), min_length=1
    )
    """Methods of classification, all in one table."""
    fit: Fit = Fit()
    """How the methods that learn are fitted."""
    choose: str | None = None
    """Name of the method that is kept and predicts; left out, the best by cross-validation on the training texts."""
    curve: Curve | None = Curve()
    """Learning curve: macro-F1 with fewer labels; null for none."""
    label_issues: LabelIssues | None = LabelIssues()
    """Which labels are probably wrong; null for not at all."""
    measured: Measured = Measured()
    """Intervals, calibration, prices, and what others have printed."""
    runner: Runner = Threads()
    """Where texts are encoded; the result is the same on each."""

    @model_validator(mode="after")
    def _several_labels(self) -> Self:
        """Refuse methods that cannot say how many labels a text has, where it may have several."""
        wrong = [m.kind for m in self.methods if self.labels.multiple and m.kind in WITHOUT_SEVERAL]
        if wrong:
            raise ValueError(f"{wrong[0]} says which label is closest, not how many there are; take it out of methods")
        return self


class TuneClassifier(Config):
    """Everything `tune-classifier` can be asked to do."""

    ingest: Ingest = Ingest(duplicates="drop")
    """What may go wrong with the source."""
    labels: Labelled = Labelled()
    """Where labels stand, and which texts are held out."""
    model: Annotated[str, Common] = EMBEDDED
    """Transformer to start from: an id on the hub, a folder, or `tuned:NAME`."""
    methods: tuple[ClassifierWay, ...] = Field((FullWeights(),), min_length=1)
    """Which weights move; several are compared, the best on validation texts is kept."""
    pretraining: MaskedLanguageModel | None = None
    """Guess masked words first, without labels; null: not."""
    training: Training = Training(num_train_epochs=3)
    """How long, how fast; LoRA takes ten times the rate, a head alone a hundred times."""
    tuning: ClassifierTuning = ClassifierTuning()
    """What weights learn from, and what is kept apart."""
    embed: Embed = Embed()
    """Frozen encoder that training is compared with."""
    fit: Fit = Fit()
    """How the frozen methods are fitted."""
    gate: ClassifierGate = ClassifierGate()
    """When the model goes live."""
    measured: Measured = Measured()
    """Intervals, calibration, prices, and what others have printed."""
    runner: Runner = Threads()
    """Where texts are encoded; the result is the same on each."""

    @model_validator(mode="after")
    def _one_label(self) -> Self:
        """Refuse a method that knows no texts of several labels, where they may have them."""
        if self.labels.multiple and any(method.kind == "setfit" for method in self.methods):
            raise ValueError("setfit learns from texts with one label each; take it out of methods")
        return self

    @model_validator(mode="after")
    def _lasting_base(self) -> Self:
        """Refuse adapters over an encoder that is made on the way: nothing keeps it as their base."""
        if self.pretraining is not None and any(isinstance(m, Lora) and not m.merge for m in self.methods):
            raise ValueError(
                "pretraining makes a base of its own, which an adapter would need and nothing keeps; set merge to true"
            )
        return self


class TuneTagger(Config):
    """Everything `tune-tagger` can be asked to do."""

    ingest: Ingest = Ingest(duplicates="drop")
    """What may go wrong with the texts of `predict`."""
    model: Annotated[str, Common] = EMBEDDED
    """Transformer to start from: an id on the hub, a folder, or `tuned:NAME`."""
    methods: tuple[Parameters, ...] = Field((FullWeights(),), min_length=1)
    """Which weights move; several are compared, the best on validation sentences is kept."""
    training: Training = Training(num_train_epochs=3, learning_rate=2e-4)
    """How long, how fast; LoRA takes ten times the rate, a head alone a hundred times."""
    tuning: TaggerTuning = TaggerTuning()
    """What weights learn from, and what is kept apart."""
    gate: TaggerGate = TaggerGate()
    """When the model goes live."""


class PromptChain(Config):
    """Everything `prompt-chain` can be asked to do."""

    methods: tuple[Approach, ...] = Field((Steps(name="direct"),), min_length=1)
    """Ways to an answer; several are compared on the same questions."""
    generator: ChatModel = LocalModel()
    """Model that is asked; a step may have its own."""
    sampling: Sampling = Sampling()
    """How replies are drawn; votes and trees have their own temperature."""
    asking: AskSettings = AskSettings()
    """How answers are read, and how much may go wrong."""


class ChatSession(Config):
    """Everything `chat-session` can be asked to do."""

    memory: Memory = Automatic()
    """What is remembered from turn to turn."""
    agent: Agent | None = None
    """Which tools the model may use; null for none."""
    generator: ChatModel = LocalModel()
    """Model that is talked to."""
    sampling: Sampling = Sampling()
    """How replies are drawn."""
    chat_prompt: ChatPrompt = ChatPrompt()
    """What stands around the conversation."""
