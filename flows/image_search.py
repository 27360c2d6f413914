"""Image search: pictures and texts in one space; search both ways, classes without training, near copies.

Here:          python -m flows image-search queries='["a chess knight"]'
Your own:      python -m flows image-search source.kind=files source.path=photos pictures='["one.jpg"]'
On a worker:   prefect deployment run 'image-search/image-search' -p queries='["a chess knight"]'
"""

from prefect import flow

from configs.flows_pictures import ImageSearch
from configs.pictures import PictureSource, Symbols
from tasks.classify import class_texts, classify_pictures
from tasks.data.documents import DocumentsRef
from tasks.data.models import Fingerprint
from tasks.data.pictures import ClassifiedPictures, FeaturesRef, IngestedPictures, LearnedHead, PictureHitsRef
from tasks.data.run import Outcome
from tasks.data.search import Generation, HitsRef
from tasks.embed import (
    describe_encoder,
    describe_picture_encoder,
    embed_passages,
    embed_pictures,
    embed_queries,
    find_alike,
    learn_head,
    near_pictures,
    place_pictures,
)
from tasks.errors import DataError
from tasks.index import index_dense, index_sparse, publish_generation
from tasks.ingest import (
    ingest_documents,
    ingest_pictures,
    ingest_queries,
    list_items,
    list_pictures,
    name_of_pictures,
    read_queries,
)
from tasks.report.image_search import ShownPictures, pictures_page, pictures_summary
from tasks.report.names import named
from tasks.retrieve import retrieve
from tasks.runtime import steps, tracking


def preflight(
    source: PictureSource = Symbols(),
    queries: list[str] | None = None,
    pictures: list[str] | None = None,
    collection: str | None = None,
    config: ImageSearch = ImageSearch(),
) -> None:
    """Check what can be checked before any work.

    Raises:
        FlowError: The folder or its table is not there, a picture asked for cannot be read, an encoder is not here.
    """
    name_of_pictures(source, collection)
    list_pictures(source)
    describe_picture_encoder()
    describe_encoder(config.embed)
    if not isinstance(source, Symbols) and source.described is not None:
        list_items(source.described)
    if queries:
        ingest_queries(queries)
    if pictures:
        read_queries(pictures)
    if config.classes is not None:
        class_texts(config.classes)


def read_descriptions(source: PictureSource, encoder: Fingerprint, config: ImageSearch) -> DocumentsRef | None:
    """Return the descriptions of pictures, by the names of their files; None where there are none."""
    if isinstance(source, Symbols) or source.described is None:
        return None
    table = source.described
    return ingest_documents(list_items(table), table, config.ingest, encoder.encoder).documents


def put_among_texts(
    read: IngestedPictures, features: FeaturesRef, encoder: Fingerprint, name: str, config: ImageSearch
) -> tuple[Generation | None, LearnedHead | None]:
    """Return the pictures as a collection that texts find, and the head; None where too few are described."""
    if read.described < config.head.least:
        return None, None
    texts = embed_passages(read.passages, encoder)
    if texts.rejected.rows:
        raise DataError(f"{texts.rejected.rows} descriptions cannot be encoded; correct them, or take them out")
    learned = learn_head(read.documents, read.pictures, features, texts.vectors, config.head)
    vectors = place_pictures(features, learned.head)
    made = Generation(
        collection=name, source="pictures", snapshot=list_pictures(Symbols()), documents=read.documents,
        passages=read.passages, vectors=vectors, dense=index_dense(vectors, config.index.dense),
        sparse=index_sparse(read.passages, config.index.sparse), fingerprint=encoder,
    )  # fmt: skip
    return publish_generation(made, config.keep), learned


def search_by_text(made: Generation | None, queries: list[str], encoder: Fingerprint, config: ImageSearch) -> HitsRef:
    """Rank pictures for texts.

    Raises:
        DataError: Too few pictures are described for texts to find them.
    """
    if made is None:
        raise DataError(
            f"texts find pictures only where at least {config.head.least} are described (head.least); describe more "
            "in source.described, or ask by pictures"
        )
    asked = ingest_queries(queries)
    with steps.label("queries"):
        return retrieve(made, asked, embed_queries(asked, encoder), config.retrieve)


def search_by_picture(features: FeaturesRef, pictures: list[str], config: ImageSearch) -> PictureHitsRef:
    """Rank pictures for pictures."""
    with steps.label("queries"):
        asked = embed_pictures(read_queries(pictures), describe_picture_encoder())
    return find_alike(features, asked, config.alike)


def tell_apart(
    made: Generation | None, learned: LearnedHead | None, encoder: Fingerprint, config: ImageSearch
) -> ClassifiedPictures | None:
    """Return the class of each picture; None where no classes are named, or pictures are not among texts."""
    if made is None or learned is None or config.classes is None:
        return None
    words = ingest_queries(class_texts(config.classes))
    with steps.label("classes"):
        vectors = embed_queries(words, encoder)
    return classify_pictures(made.documents, made.vectors, learned.held_out, vectors, config.classes)


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
        preflight(source, queries, pictures, collection, config)
        encoder, name = describe_encoder(config.embed), name_of_pictures(source, collection)
        read = ingest_pictures(list_pictures(source), read_descriptions(source, encoder, config), source)
        with steps.label("pictures"):
            features = embed_pictures(read.pictures, describe_picture_encoder())
        near = near_pictures(features, config.head.near_duplicate)
        made, learned = put_among_texts(read, features, encoder, name, config)
        hits = search_by_text(made, queries, encoder, config) if queries else None
        alike = search_by_picture(features, pictures, config) if pictures else None
        classes = tell_apart(made, learned, encoder, config)
        run.publish(collection=made, pictures=read, near=near, hits=hits, alike=alike, classes=classes)
        shown = ShownPictures(name, read, near, made, learned, queries or [], hits, pictures or [], alike, classes)
        return run.outcome(pictures_summary(shown), pictures_page(run, shown))
