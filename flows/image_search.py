"""Image search: pictures and texts in one space; search both ways, classes without training, near copies.

Here:          python -m flows image-search queries='["a chess knight"]'
By CLIP:       python -m flows image-search encoder.kind=dual encoder.model=clip source.kind=files source.path=photos
Your own:      python -m flows image-search source.kind=files source.path=photos pictures='["photos/one.jpg"]'
On a worker:   prefect deployment run 'image-search/image-search' -p queries='["a chess knight"]'
"""

from prefect import flow

from configs.embed import Embed
from configs.flows_pictures import ImageSearch
from configs.picture_encoders import DualEncoder
from configs.pictures import PictureSource, Symbols, WordShift
from configs.topics import Guided, ZeroShotTopics
from flows.topic_model import check_naming, describe_topics, group_documents
from tasks.classify import class_texts, classify_pictures, probe_pictures, refuse_pictures
from tasks.data.documents import SnapshotRef
from tasks.data.models import Fingerprint
from tasks.data.pictures import (
    ClassifiedPictures,
    FeaturesRef,
    IngestedPictures,
    LearnedHead,
    NearPicturesRef,
    PictureHitsRef,
    ProbedPictures,
)
from tasks.data.placed import AmongTexts, TowerLimits
from tasks.data.run import Outcome
from tasks.data.search import Generation, HitsRef
from tasks.data.topics import TopicMap
from tasks.data.vectors import Pooled, VectorsRef
from tasks.embed import (
    as_vectors,
    describe_encoder,
    embed_colours,
    embed_passages,
    embed_queries,
    encode_pictures,
    find_alike,
    learn_head,
    near_pictures,
    picture_encoder,
    place_dual,
    place_pictures,
    shift_queries,
    tower_limits,
    unit_pictures,
)
from tasks.errors import ContractError, DataError
from tasks.index import index_dense, index_sparse, live_before, publish_generation
from tasks.ingest import (
    FOLDER,
    ingest_pictures,
    ingest_queries,
    is_described,
    kept_columns,
    list_descriptions,
    list_pictures,
    name_of_pictures,
    other_files,
    read_descriptions,
    read_queries,
    table_of,
)
from tasks.launch.publishing import announce_collection, begin_collection
from tasks.report import collection_history
from tasks.report.image_search import ShownPictures, pictures_page, pictures_summary
from tasks.report.names import named
from tasks.retrieve import check_where, retrieve
from tasks.runtime import steps, tracking
from tasks.store.collections import PICTURES

PICTURE_FIELDS = (FOLDER, "width", "height", "pixels")  # what every picture has beside the columns that are kept
NO_TEXTS = (
    "{} pictures are described, and texts find pictures only where at least {} are (head.least); describe more in "
    "source.described, or ask by pictures"
)


def preflight(
    source: PictureSource = Symbols(),
    queries: list[str] | None = None,
    pictures: list[str] | None = None,
    collection: str | None = None,
    config: ImageSearch = ImageSearch(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The folder or its table is not there, a picture asked for cannot be read, an encoder is not here,
            or the collection is one of texts.
    """
    list_pictures(source)
    picture_encoder(config.encoder)
    text_encoder(config)
    if (table := table_of(source)) is not None:
        list_descriptions(table)
    if queries and not is_described(source) and config.encoder.kind == "lite0":
        raise ContractError(NO_TEXTS.format(0, config.head.least))
    if queries:
        ingest_queries(queries)
    if pictures:
        read_queries(pictures)
    if config.shift is not None:
        check_shift(config.shift, config, asked=bool(queries or pictures))
    kept = kept_columns(source)
    check_where(config.retrieve.where, (*PICTURE_FIELDS, *kept))
    if pictures and config.retrieve.where:
        raise ContractError("retrieve.where is for queries of words; leave it out, or leave out pictures")
    check_classes(kept, config)
    check_topics(config)
    name = name_of_pictures(source, collection)
    live = live_before(name)
    if live is not None and live.source != PICTURES:
        raise ContractError(f"the collection {name} holds {live.source}, not pictures; name another with collection=")


def check_shift(shift: WordShift, config: ImageSearch, *, asked: bool) -> None:
    """Check that words move something.

    Raises:
        ContractError: There are no words, nothing is asked, or queries are compared by their words.
    """
    if not shift.words():
        raise ContractError("shift has neither plus nor minus; give one of them words, or leave shift out")
    if not asked:
        raise ContractError("shift moves queries and there are none; give queries or pictures, or leave shift out")
    if config.retrieve.kind != "dense":
        raise ContractError(
            f"shift moves vectors, and retrieve.kind={config.retrieve.kind} compares words too, which it cannot "
            "move; set retrieve.kind=dense, or leave shift out"
        )


def text_encoder(config: ImageSearch) -> Fingerprint:
    """Return what encodes texts: the text tower of a dual encoder, else the encoder of texts.

    Raises:
        FlowError: It is not here, or one is named beside a dual encoder.
    """
    if not isinstance(config.encoder, DualEncoder):
        return describe_encoder(config.embed)
    if config.embed != Embed():
        raise ContractError("embed is set but encoder.kind is dual, which reads texts itself; leave embed out")
    return picture_encoder(config.encoder)


def texts_find(read: IngestedPictures, config: ImageSearch) -> bool:
    """Return whether pictures stand among texts: always by a dual encoder, else where enough are described."""
    return isinstance(config.encoder, DualEncoder) or read.described >= config.head.least


def check_classes(kept: tuple[str, ...], config: ImageSearch) -> None:
    """Check where the classes of pictures stand.

    Args:
        kept: Columns that are kept of the table of descriptions.
        config: Which classes are asked for.

    Raises:
        ContractError: A column is not kept, or classes cannot be put into words.
    """
    if config.classes is not None:
        class_texts(config.classes)
    for name, asked in (("classes", config.classes), ("probe", config.probe)):
        if asked is not None and asked.truth is not None and asked.truth not in (FOLDER, *kept):
            raise ContractError(
                f"{name}.truth is {asked.truth!r}, no column of source.described.keep; name it there, or set it to "
                f"{FOLDER}, the folder a picture lies in"
            )


def put_among_texts(
    read: IngestedPictures, snapshot: SnapshotRef, features: FeaturesRef, encoder: Fingerprint, config: ImageSearch
) -> tuple[Generation | None, AmongTexts | None]:
    """Return the pictures as a collection that texts find, and what put them there; None where too few are described.

    Raises:
        DataError: A description cannot be encoded.
    """
    if not texts_find(read, config):
        return None, None
    texts = embed_passages(read.passages, encoder)
    if texts.rejected.rows:
        raise DataError(f"{texts.rejected.rows} descriptions cannot be encoded; correct them, or take them out")
    learned: AmongTexts
    if isinstance(config.encoder, DualEncoder):
        learned = place_dual(read.documents, features, texts.vectors)
        vectors = learned.held_out
    else:
        learned = learn_head(read.documents, embed_colours(read.pictures), features, texts.vectors, config.head)
        vectors = place_pictures(features, learned.head)
    made = Generation(
        collection="", source=PICTURES, snapshot=snapshot, documents=read.documents,
        passages=read.passages, vectors=vectors, dense=index_dense(vectors, config.index.dense),
        sparse=index_sparse(read.passages, config.index.sparse), fingerprint=encoder,
    )  # fmt: skip
    return made, learned


def search_by_text(made: Generation, queries: list[str], encoder: Fingerprint, config: ImageSearch) -> HitsRef:
    """Rank pictures for texts."""
    asked = ingest_queries(queries)
    with steps.label("queries"):
        return retrieve(made, asked, shifted(embed_queries(asked, encoder), encoder, config), config.retrieve)


def shifted(queries: VectorsRef, encoder: Fingerprint, config: ImageSearch) -> VectorsRef:
    """Return queries, moved towards the words of `shift` and away from others; as they are where it names none."""
    if config.shift is None:
        return queries
    with steps.label("shift"):
        words = embed_queries(ingest_queries(config.shift.words()), encoder)
    return shift_queries(queries, words, config.shift)


def search_by_picture(
    features: FeaturesRef, pictures: list[str], made: Generation | None, learned: AmongTexts | None,
    encoder: Fingerprint, config: ImageSearch,
) -> PictureHitsRef:  # fmt: skip
    """Rank pictures for pictures, by what they show alone or, where words are to be added, among texts.

    Raises:
        DataError: Words are to be added and pictures are not among texts.
    """
    with steps.label("asked"):
        asked = encode_pictures(read_queries(pictures), config.encoder)
        if config.shift is None:
            return find_alike(features, asked, config.alike)
        if made is None or learned is None:
            raise DataError(
                f"shift adds words to pictures, which needs {config.head.least} described ones (head.least) or "
                "encoder.kind=dual"
            )
        among = place_pictures(asked, learned.head) if isinstance(learned, LearnedHead) else as_vectors(asked)
    return find_alike(made.vectors, shifted(among, encoder, config), config.alike)


def tell_apart(
    made: Generation | None, learned: AmongTexts | None, features: FeaturesRef, near: NearPicturesRef,
    encoder: Fingerprint, config: ImageSearch,
) -> ClassifiedPictures | None:  # fmt: skip
    """Return the class of each picture; None where no classes are named, or pictures are not among texts."""
    if made is None or learned is None or config.classes is None:
        return None
    words = ingest_queries(class_texts(config.classes))
    with steps.label("classes"):
        vectors = embed_queries(words, encoder)
    found = classify_pictures(made.documents, made.vectors, learned.held_out, vectors, config.classes)
    if config.classes.none_of_these is None:
        return found
    return refuse_pictures(made.documents, features, near, found, config.classes)


def learn_classes(
    read: IngestedPictures, features: FeaturesRef, near: NearPicturesRef, config: ImageSearch
) -> ProbedPictures | None:
    """Return the class of each picture as learned from those that have one; None where that is not asked for."""
    if config.probe is None:
        return None
    return probe_pictures(read.documents, features, embed_colours(read.pictures), near, config.probe)


def check_topics(config: ImageSearch) -> None:
    """Check that topics can be found as they are asked for.

    Raises:
        FlowError: Texts guide them, or what names them is not here.
    """
    if config.topics is None:
        return
    if isinstance(config.topics.guide, Guided | ZeroShotTopics):
        raise ContractError(
            f"topics.guide.kind={config.topics.guide.kind} draws by texts, and topics of pictures are found by what "
            "pictures show alone; leave it out, or name classes"
        )
    check_naming(config.topics)


def find_picture_topics(
    read: IngestedPictures, features: FeaturesRef, encoder: Fingerprint, config: ImageSearch
) -> TopicMap | None:
    """Cluster pictures by what they show and put clusters into words; None where that was not asked, or few are."""
    if config.topics is None or read.pictures.rows < config.topics.min_documents:
        return None
    pooled = Pooled(documents=read.documents, vectors=unit_pictures(features))
    grouped = group_documents(pooled, config.topics, encoder)
    return describe_topics(pooled, grouped.layout, grouped.clustered.labels, config.topics)


def limits_of(
    read: IngestedPictures, queries: list[str] | None, encoder: Fingerprint, config: ImageSearch
) -> TowerLimits | None:
    """Return what a dual encoder does not read of texts and pictures; None of other encoders."""
    if not isinstance(config.encoder, DualEncoder):
        return None
    sentences = class_texts(config.classes) if config.classes is not None else []
    words = config.shift.words() if config.shift is not None else []
    return tower_limits(read.passages, [*(queries or []), *words, *sentences], encoder)


@flow(name="image-search", flow_run_name=named("queries", "source"))
def image_search(
    source: PictureSource = Symbols(),
    queries: list[str] | None = None,
    pictures: list[str] | None = None,
    collection: str | None = None,
    config: ImageSearch = ImageSearch(),
) -> Outcome:
    """Read pictures, put them among texts, and find them by texts, by pictures and by classes.

    Args:
        source: Where pictures come from.
        queries: Texts to find pictures for.
        pictures: Paths of pictures to find like ones for.
        collection: Name of the collection pictures become; left out, it is made of the folder's name.
        config: How each step is done.
    """
    with tracking.run("image-search", config, source=source, queries=queries, collection=collection) as run:
        name = name_of_pictures(source, collection)
        kept = collection_history.keep(run, name)
        preflight(source, queries, pictures, collection, config)
        begin_collection(name)
        encoder = text_encoder(config)
        snapshot, table = list_pictures(source), table_of(source)
        told = None if table is None else read_descriptions(table, config.ingest)
        read = ingest_pictures(snapshot, None if told is None else told.cells, source)
        if queries and not texts_find(read, config):
            raise DataError(NO_TEXTS.format(read.described, config.head.least))
        with steps.label("pictures"):
            features = encode_pictures(read.pictures, config.encoder)
        near = near_pictures(features, config.head.near_duplicate)
        made, learned = put_among_texts(read, snapshot, features, encoder, config)
        hits = search_by_text(made, queries, encoder, config) if queries and made is not None else None
        alike = search_by_picture(features, pictures, made, learned, encoder, config) if pictures else None
        classes = tell_apart(made, learned, features, near, encoder, config)
        probed = learn_classes(read, features, near, config)
        topics = find_picture_topics(read, features, encoder, config)
        limits = limits_of(read, queries, encoder, config)
        if made is not None:  # last, so that a run that fails leaves the live pictures as they are
            made = publish_generation(made.model_copy(update={"collection": name}), config.keep)
            kept.take_generation(made)
        run.publish(collection=made, pictures=read, near=near, hits=hits, alike=alike, classes=classes,
                    probed=probed, topics=topics)  # fmt: skip
        rows = [read.rejected_rows, *([] if told is None else [told.rejected])]
        asked = (queries or [], hits, pictures or [], alike)
        shown = ShownPictures(name, read, other_files(source), rows, near, made, learned, *asked, classes, probed,
                              config, limits, topics)  # fmt: skip
        page = pictures_page(run, shown)
        announce_collection(name)
        return run.outcome(pictures_summary(shown), page)
