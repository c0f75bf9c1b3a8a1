"""What the stream's predictions look like, as metrics, once they are committed."""

import math

import numpy as np
import pytest
from astroscale_inference.domain.drift import Reference
from astroscale_inference.domain.model import Model, load
from astroscale_inference.domain.scored import ScoredRows
from astroscale_inference.domain.statistics import fill, measure
from astroscale_inference.handlers import Score
from astroscale_inference.metrics import InferenceMetrics
from astroscale_preprocessor.handlers import Encode
from astroscale_preprocessor.metrics import PreprocessorMetrics
from astroscale_shared.messaging import codec, topics
from astroscale_shared.messaging.contracts import ARROW
from astroscale_shared.registry import Histogram
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from astroscale_shared.stars.flags import EXTRAPOLATED, names_of
from astroscale_shared.stars.observations import Observations, from_columns

from tests.support.graphs import card, graph
from tests.support.stars import SUN_LIKE, Record, random_stars

NORMAL = (-16.448536, -9.944579, 0.0, 9.944579, 16.448536)
"""Offsets of the five quantiles where the standard deviation is 10 km/s."""


def encoded(stars: Observations) -> Record:
    raw = Record(codec.to_bytes(codec.raw_batch(stars)), [("content-type", ARROW.encode())], offset=7)
    outcome = Encode(PreprocessorMetrics(), batch_size=8192)([raw], "")
    return Record(outcome.outgoing[0].value, topic=topics.ENCODED)


def model(reference: dict[str, Histogram] | None = None, **changed: object) -> Model:
    its_card = card(reference=reference or {})
    return load(graph(**changed), its_card, name="m", version="a" * 12, sha256="0" * 64)  # pyright: ignore[reportArgumentType]


def value(metrics: InferenceMetrics, line: str) -> float:
    for found in metrics.render().decode().splitlines():
        if found.startswith(f"astroscale_inference_{line} "):
            return float(found.split()[-1])
    raise AssertionError(f"there is no {line}")


def sun_likes(n: int, **changed: np.ndarray) -> Observations:
    return from_columns({name: np.full(n, number) for name, number in SUN_LIKE.items()} | changed)


def test_nothing_is_counted_before_the_commit_and_everything_after() -> None:
    metrics = InferenceMetrics()
    teff = np.array([np.nan, 5_800.0, 20_000.0, 20_000.0])
    rv = np.array([0.0, 15.0, np.nan, 40.0])
    stars = sun_likes(4, teff=teff, rv_kms=rv, pmra=np.zeros(4), pmdec=np.full(4, 2_000.0))
    the_model = model(bias=1.0, novelty=(0.0, 0.0, 1.0))  # novelty: (teff - 5000 K) / 1000 K
    outcome = Score(metrics, lambda: the_model)([encoded(stars)], "")
    assert value(metrics, "measured_total") == 0
    assert outcome.observe is not None
    outcome.observe()
    assert value(metrics, 'feature_missing_total{feature="teff"}') == 1
    assert value(metrics, 'feature_missing_total{feature="logg"}') == 0
    assert value(metrics, 'feature_out_of_range_total{feature="teff"}') == 2
    assert value(metrics, 'feature_out_of_range_total{feature="pmdec"}') == 4
    assert value(metrics, "extrapolated_total") == 2
    assert value(metrics, "measured_total") == 3
    assert value(metrics, 'measured_inside_total{interval="90"}') == 2
    assert value(metrics, 'measured_inside_total{interval="68"}') == 1
    assert value(metrics, "tail_probability_count") == 3
    assert value(metrics, 'predicted_velocity_kms_bucket{le="0.0"}') == 0
    assert value(metrics, 'predicted_velocity_kms_bucket{le="25.0"}') == 4
    assert value(metrics, 'interval_width_kms_bucket{le="30.0"}') == 0
    assert value(metrics, 'interval_width_kms_bucket{le="45.0"}') == 4
    assert value(metrics, "interval_width_kms_sum") == pytest.approx(160.0)


def test_the_flag_of_an_extrapolation_goes_out_beside_those_of_the_encoding() -> None:
    stars = sun_likes(2, teff=np.array([5_800.0, 20_000.0]))
    outcome = Score(InferenceMetrics(), lambda: model(novelty=(0.0, 0.0, 1.0)))([encoded(stars)], "")
    flags = codec.from_trusted(outcome.outgoing[0].value).column("flags").to_pylist()
    assert [names_of(flag) for flag in flags] == [[], ["out_of_range_teff", "extrapolated"]]
    silent = Score(InferenceMetrics(), lambda: model())([encoded(stars)], "")
    flags = codec.from_trusted(silent.outgoing[0].value).column("flags").to_numpy()
    assert not (flags & EXTRAPOLATED).any()


def test_rows_that_were_refused_are_in_no_figure() -> None:
    metrics = InferenceMetrics()
    stars = sun_likes(3, teff=np.array([5_800.0, 199_999.0, 5_800.0]), rv_kms=np.zeros(3))
    outcome = Score(metrics, lambda: model(weights=(0.0, 0.0, 3e38)))([encoded(stars)], "")
    assert outcome.observe is not None
    outcome.observe()
    predicted = value(metrics, "rows_predicted_total")
    assert predicted < 3
    assert value(metrics, "measured_total") == predicted
    assert value(metrics, 'predicted_velocity_kms_bucket{le="+Inf"}') == predicted


def test_drift_is_asked_against_the_card_of_the_model_in_service() -> None:
    stars = random_stars(3_000, missing=0.0)
    teff = encode(stars).features[:, FEATURE_NAMES.index("teff")]
    deciles = tuple(float(q) for q in np.quantile(teff, np.arange(1, 10) / 10))
    alike = {"teff": Histogram(edges=deciles, shares=(0.1,) * 10, missing=0.0)}
    other = {"teff": Histogram(edges=deciles, shares=(0.55, *((0.05,) * 9)), missing=0.9)}
    metrics = InferenceMetrics()
    serving = [model(alike)]
    score = Score(metrics, lambda: serving[0])
    assert math.isnan(value(metrics, 'feature_drift_psi{feature="teff"}'))

    def batch(rows: int) -> None:
        outcome = score([encoded(stars.take(np.arange(rows)))], "")
        assert outcome.observe is not None
        outcome.observe()

    batch(3_000)
    assert value(metrics, 'feature_drift_psi{feature="teff"}') < 0.01
    assert value(metrics, 'feature_missing_drift_psi{feature="teff"}') < 0.01
    assert math.isnan(value(metrics, 'feature_drift_psi{feature="logg"}'))
    serving[0] = model(other)
    batch(500)
    assert math.isnan(value(metrics, 'feature_drift_psi{feature="teff"}')), "the old model's rows do not count"
    batch(3_000)
    assert value(metrics, 'feature_drift_psi{feature="teff"}') > 0.25
    assert value(metrics, 'feature_missing_drift_psi{feature="teff"}') > 0.25


def test_where_the_quantiles_are_right_tails_are_uniform_and_intervals_hold_what_they_promise() -> None:
    """The whole way: measured velocities go in with the stars, the tail probability and the coverage come out."""
    n = 4_000
    rv = np.random.default_rng(5).normal(30.0, 10.0, n)
    metrics = InferenceMetrics()
    outcome = Score(metrics, lambda: model(bias=30.0, offsets=NORMAL))([encoded(sun_likes(n, rv_kms=rv))], "")
    assert outcome.observe is not None
    outcome.observe()
    tails = np.sort(codec.floats(codec.from_trusted(outcome.outgoing[0].value).column("tail_probability")))
    # Kolmogorov-Smirnov: 1.63 / sqrt(n) is the 1 % level.
    assert np.abs(tails - (np.arange(n) + 0.5) / n).max() < 1.63 / math.sqrt(n)
    within = 3.0 / math.sqrt(n)
    assert value(metrics, "tail_probability_sum") / n == pytest.approx(0.5, abs=within)
    for edge in (0.1, 0.5, 0.9):
        assert value(metrics, f'tail_probability_bucket{{le="{edge}"}}') / n == pytest.approx(edge, abs=within)
    assert value(metrics, 'measured_inside_total{interval="90"}') / n == pytest.approx(0.9, abs=within)
    assert value(metrics, 'measured_inside_total{interval="68"}') / n == pytest.approx(0.68, abs=within)


def test_batches_add_up_to_what_they_are_together() -> None:
    the_model = model(weights=(50.0, 20.0))
    parts: list[ScoredRows] = []
    for seed, rows in ((1, 100), (2, 0), (3, 333)):
        stars = random_stars(rows, seed)
        made = encode(stars)
        rv = stars.numeric["rv_kms"]
        parts.append(ScoredRows(made.features, made.flags, rv, np.full(rows, np.nan), the_model.score(made.features)))
    reference = Reference({})
    whole, each = measure(parts, reference), [measure([part], reference) for part in parts]
    assert whole.rows == sum(one.rows for one in each) == 433
    assert whole.flags.tolist() == sum(one.flags for one in each).tolist()  # pyright: ignore[reportAttributeAccessIssue]
    assert len(whole.flags) == 2 * len(INPUTS)
    assert whole.inside == {level: sum(one.inside[level] for one in each) for level in whole.inside}
    assert whole.velocity.counts.sum() == whole.rows


def test_a_bin_holds_its_upper_edge() -> None:
    filled = fill(np.array([0.0, 1.0]), np.array([-1.0, 0.0, 0.5, 1.0, 1.5]))
    assert filled.counts.tolist() == [2, 2, 1]
    assert filled.sum == 2.0
