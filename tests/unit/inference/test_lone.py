"""A lone star's request is read the short way as it is read the long way, or not at all."""

import numpy as np
import pyarrow as pa
import pytest
from astroscale_inference import predictions
from astroscale_inference.domain.model import load
from astroscale_inference.lone import LoneReplies, LoneStars
from astroscale_shared.messaging import codec, raw
from astroscale_shared.messaging.contracts import ARROW, CONTENT_TYPE
from astroscale_shared.stars.columns import NUMERIC
from astroscale_shared.stars.encoding import encode
from astroscale_shared.stars.observations import Observations

from tests.support.graphs import card, graph
from tests.support.stars import one, random_stars


def message(stars: Observations) -> bytes:
    return codec.to_bytes(codec.raw_batch(stars))


def nameless(stars: Observations) -> Observations:
    none = np.full(len(stars), None, dtype=np.object_)
    return Observations(stars.numeric, none, none)


def long_way(value: bytes) -> Observations:
    return raw.parse(value, {CONTENT_TYPE: ARROW}).stars


def after(value: bytes) -> LoneStars:
    lone = LoneStars()
    lone.learn(value, long_way(value))
    return lone


def test_nothing_is_read_before_something_was_learnt() -> None:
    assert LoneStars().read(message(nameless(one()))) is None
    assert LoneStars().read(None) is None


def test_values_are_those_of_the_long_way() -> None:
    stars = nameless(random_stars(300, seed=4, missing=0.1))
    lone = LoneStars()
    short = 0
    for i in range(len(stars)):
        value = message(stars.take(np.array([i])))
        expected = long_way(value)
        read = lone.read(value)
        if read is not None:
            short += 1
            for column in NUMERIC:
                assert np.array_equal(read.numeric[column.name], expected.numeric[column.name], equal_nan=True)
            assert list(read.source_id) == list(read.survey) == [None]
        lone.learn(value, expected)
    assert short > 30


@pytest.mark.parametrize("seed", range(8))
def test_another_byte_than_a_number_s_goes_the_long_way(seed: int) -> None:
    value = message(nameless(one(fe_h=-0.31)))  # no number is made of zeros, which are everywhere
    lone = after(value)
    read = lone.read(value)
    assert read is not None
    numbers = {value.index(np.float64(v[0]).tobytes()) for v in read.numeric.values() if not np.isnan(v[0])}
    covered = {place + k for place in numbers for k in range(8)}
    rng = np.random.default_rng(seed)
    for place in rng.choice(sorted(set(range(len(value))) - covered), 100, replace=False):
        spoiled = bytearray(value)
        spoiled[place] ^= 1 << int(rng.integers(8))
        assert lone.read(bytes(spoiled)) is None


@pytest.mark.parametrize("cut", [0, 1, 8, 100])
def test_a_truncated_message_goes_the_long_way(cut: int) -> None:
    value = message(nameless(one()))
    assert after(value).read(value[:cut]) is None
    assert after(value).read(value + b"\0") is None


def test_a_star_with_a_name_is_not_learnt() -> None:
    named = message(random_stars(1, missing=0.0))
    assert after(named).read(named) is None


def test_other_schemas_are_not_learnt() -> None:
    batch = pa.RecordBatch.from_pydict({"ra": [1.0], "dec": [2.0]})
    value = codec.to_bytes(batch)
    assert after(value).read(value) is None


def test_several_stars_are_not_learnt() -> None:
    value = message(nameless(random_stars(2, seed=1)))
    assert after(value).read(value) is None


def test_replies_are_those_of_the_long_way_whatever_the_model() -> None:
    replies = LoneReplies()
    models = [
        load(graph(bias=bias, weights=(7.0, 3.0)), card(), name="default", version=version * 12, sha256="0" * 64)
        for bias, version in ((30.0, "a"), (-12.5, "b"))
    ]
    stars = random_stars(60, seed=9)
    nothing = np.array([np.nan])
    for i in range(len(stars)):
        model = models[i % 3 // 2]
        encoded = encode(stars.take(np.array([i])))
        scores = model.score(encoded.features)
        long = codec.to_bytes(predictions.reply(model, scores, flags=encoded.flags, measured=nothing))
        assert replies.write(model, scores, encoded.flags) == long
