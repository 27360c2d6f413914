"""Tasks of `embed` for models that read texts and pictures: vectors of pictures, and how descriptions find them."""

from collections.abc import Sequence

import numpy as np

from configs.picture_encoders import DualEncoder, Lite0WithHead, PictureEncoder
from tasks.data.documents import DocumentsRef, PassagesRef
from tasks.data.evaluation import Measure, MeasuresRef
from tasks.data.models import Fingerprint
from tasks.data.pictures import FeaturesRef, PicturesRef
from tasks.data.placed import PlacedPictures, TowerLimits
from tasks.data.vectors import VectorsRef
from tasks.embed.task_pictures import describe_picture_encoder, embed_pictures, encoded
from tasks.runtime import steps
from tasks.runtime.steps import step
from tasks.store import objects


def picture_encoder(config: PictureEncoder) -> Fingerprint:
    """Say what decides the vectors of pictures, without loading a network.

    Raises:
        ModelError: The model is not here, is of another kind, or torchvision is broken.
        ContractError: The precision or device asked for is not there.
    """
    if isinstance(config, Lite0WithHead):
        return describe_picture_encoder()
    from tasks.models import device
    from tasks.models.vision import dual_files

    described = dual_files.describe(config.model)
    dual_files.require_sound_torchvision()
    return Fingerprint(encoder=described, numerics=device.choose(config.precision, config.device, "encoder"))


def encode_pictures(pictures: PicturesRef, config: PictureEncoder) -> FeaturesRef:
    """Return the vectors of pictures by the encoder asked for; encode only what no flow has encoded before."""
    if isinstance(config, DualEncoder):
        return embed_dual_pictures(pictures, picture_encoder(config), config)
    return embed_pictures(pictures, describe_picture_encoder())


@step(name="embed-dual-pictures", libraries=("torch", "transformers", "pillow", "safetensors"), device_of=("encoder",))
def embed_dual_pictures(pictures: PicturesRef, encoder: Fingerprint, config: DualEncoder) -> FeaturesRef:
    """Return the vectors of pictures in the space of texts; encode only what no flow has encoded before.

    Args:
        pictures: N working copies.
        encoder: What decides vectors.
        config: How many go through the model together.

    Raises:
        DataError: A vector is gone since it was encoded.
    """
    from tasks.models.vision import dual

    # texts share this cache; none begins with the zero character
    return encoded(
        pictures, encoder, "\0picture", lambda copies, tell: dual.features(encoder, copies, config.batch_size, tell)
    )


@step(name="embed-as-vectors", libraries=("numpy",))
def as_vectors(features: FeaturesRef) -> VectorsRef:
    """Return the vectors of pictures by a dual encoder as vectors among texts, where they stand already.

    Args:
        features: (N, D) unit-length rows.
    """
    return objects.save_array(VectorsRef, np.asarray(objects.load_array(features)))


@step(name="embed-place-dual", libraries=("numpy",))
def place_dual(documents: DocumentsRef, features: FeaturesRef, texts: VectorsRef) -> PlacedPictures:
    """Return pictures among texts, and how often the own description of a picture finds it among all.

    Args:
        documents: N pictures as documents.
        features: (N, D) of them by the picture tower.
        texts: (N, D) of their descriptions by the text tower.
    """
    from tasks.embed.dual_recall import ranks_among_all, recalls

    said = objects.load_table(documents, ["text"])["text"].to_pylist()
    rows = np.flatnonzero([bool(text) for text in said])
    vectors = np.asarray(objects.load_array(features))
    measures = recalls(ranks_among_all(vectors, objects.load_array(texts)[rows], rows), len(vectors))
    steps.log_metrics(pictures=len(vectors), described=len(rows))
    steps.log_measures("pictures", measures)
    return PlacedPictures(
        held_out=objects.save_array(VectorsRef, vectors), measures=objects.save_rows(MeasuresRef, Measure, measures)
    )


@step(name="embed-tower-limits", libraries=("transformers", "tokenizers"))
def tower_limits(passages: PassagesRef, texts: Sequence[str], encoder: Fingerprint) -> TowerLimits:
    """Count the texts that are longer than the text tower reads: what stands behind its limit finds nothing.

    Args:
        passages: N pictures with their descriptions.
        texts: Queries, words of `shift` and sentences about classes.
        encoder: The dual encoder.
    """
    from tasks.models.encoders import base
    from tasks.models.vision import dual_files

    limit, said = encoder.encoder.max_tokens, objects.load_table(passages, ["text"])["text"].to_pylist()
    descriptions, others = (
        sum(length > limit for length in base.count_tokens(encoder.encoder, some)) for some in (said, texts)
    )
    steps.log_metrics(limit=limit, descriptions=descriptions, texts=others)
    side, copies = dual_files.side_read(encoder.encoder.model), dual_files.COPY_SIDE
    return TowerLimits(tokens=limit, descriptions=descriptions, texts=others, side=side, copies=copies)
