import hashlib
import json

import pytest
from pydantic import ValidationError

from tasks.data.answers import Citation
from tasks.data.base import Ref, Value
from tasks.data.documents import PassagesRef
from tasks.data.models import Encoder, Fingerprint, Numerics, Scorer
from tasks.data.run import Outcome
from tasks.data.vectors import Shard, VectorsRef

PASSAGES = PassagesRef(digest="d1", rows=3, shape=(3, 8))
ENCODER = Encoder(
    model="m", revision="r", weights="w", tokenizer="t", pooling="mean", normalize=True, max_tokens=8, width=3
)


def test_every_value_is_known_by_its_class_name() -> None:
    assert Value.registry["PassagesRef"] is PassagesRef
    assert Value.registry["Citation"] is Citation
    assert Value.registry["Outcome"] is Outcome


def test_a_reference_counts_by_kind_and_digest_alone() -> None:
    assert PASSAGES.cache_key() == {"ref": "passages", "digest": "d1"}


def test_a_plain_value_counts_by_all_its_fields() -> None:
    assert Numerics(precision="fp32", engine="torch-cpu").cache_key() is None


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="Instance is frozen"):
        PASSAGES.digest = "d2"


def test_a_value_takes_no_unknown_field() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        PassagesRef(digest="d1", rows=3, path="x")  # type: ignore[call-arg]


def test_a_reference_of_one_kind_is_no_reference_of_another() -> None:
    with pytest.raises(ValidationError, match="Input should be 'vectors'"):
        VectorsRef.model_validate(PASSAGES.model_dump())


@pytest.mark.parametrize("kind", [c for c in Value.registry.values() if issubclass(c, Ref) and c is not Ref])
def test_every_kind_of_reference_survives_json(kind: type[Ref]) -> None:
    made = kind(kind=kind.model_fields["kind"].default, digest="d", rows=2, shape=(2, 4), dtype="float32")
    assert kind.model_validate(json.loads(made.model_dump_json())) == made


def test_the_kinds_of_references_all_differ() -> None:
    kinds = [c.model_fields["kind"].default for c in Value.registry.values() if issubclass(c, Ref) and c is not Ref]
    assert len(set(kinds)) == len(kinds)


def test_an_encoder_counts_as_the_sum_of_all_fields_but_its_names() -> None:
    fields = ENCODER.model_dump_json(exclude={"model", "revision", "base_url", "processor", "settings"})
    assert ENCODER.cache_key() == ENCODER.identity == hashlib.sha256(fields.encode()).hexdigest()
    of_pictures = ENCODER.model_copy(update={"processor": "p"})
    fields = of_pictures.model_dump_json(exclude={"model", "revision", "base_url", "settings"})
    assert of_pictures.identity == hashlib.sha256(fields.encode()).hexdigest() != ENCODER.identity
    assert ENCODER.model_copy(update={"settings": "s"}).identity not in (ENCODER.identity, of_pictures.identity)


def test_a_fingerprint_counts_as_its_digest() -> None:
    made = Fingerprint(encoder=ENCODER, numerics=Numerics(precision="fp32", engine="torch-cpu"))
    text = f"{ENCODER.identity} torch-cpu exact"
    assert made.cache_key() == made.digest == hashlib.sha256(text.encode()).hexdigest()


def test_what_was_stored_as_exact_is_read_as_fp32_and_keeps_its_digests() -> None:
    stored = {"precision": "exact", "engine": "torch-cpu", "reason": "as configured"}
    numerics = Numerics.model_validate(stored)
    assert (numerics.precision, numerics.stored_precision) == ("fp32", "exact")
    assert Numerics.model_validate_json(json.dumps(stored)) == numerics
    made = Fingerprint(encoder=ENCODER.model_copy(update={"width": 4}), numerics=numerics)
    assert made.digest == "742c385297b8beaf00ab729a493b459e9545cc20c0d5a6378c3a8195e058bd88"
    scorer = Scorer(model="m", revision="r", weights="w", tokenizer="t", settings="s", max_tokens=8, numerics=numerics)
    assert scorer.cache_key() == "3b899cfc7c8d44992e63a329a7fcf0758065b4d4ba90042338a2af272b8e8b58"
    half = numerics.model_copy(update={"precision": "bf16"})
    assert half.stored_precision == "bf16"


def test_a_second_value_of_one_name_is_refused_with_both_modules() -> None:
    with pytest.raises(TypeError, match=r"has the name of tasks\.data\.vectors\.Shard but step records know"):
        type("Shard", (Value,), {"__module__": "tasks.elsewhere"})
    assert Value.registry["Shard"] is Shard
