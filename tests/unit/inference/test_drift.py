"""Drift: small where the stream looks like the training stars, large where it does not, silent where it cannot say."""

import math

import numpy as np
import pytest
from astroscale_inference.domain.drift import FLOOR, MIN_ROWS, WINDOW_ROWS, Reference, Window, stability_index
from astroscale_shared.registry import Histogram
from astroscale_shared.stars.encoding import FEATURE_NAMES
from numpy.typing import NDArray

TEFF = FEATURE_NAMES.index("teff")
DECILES = tuple(float(q) for q in np.quantile(np.linspace(0, 1, 100_001), np.arange(1, 10) / 10))
UNIFORM = Histogram(edges=DECILES, shares=(0.1,) * 10, missing=0.2)


def tensor(teff: NDArray[np.floating]) -> NDArray[np.float32]:
    features = np.full((len(teff), len(FEATURE_NAMES)), np.nan, dtype=np.float32)
    features[:, TEFF] = teff
    return features


def stars(n: int, seed: int, *, shift: float = 0.0, missing: float = 0.2) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    teff = rng.uniform(size=n) + shift
    teff[rng.random(n) < missing] = np.nan
    return tensor(teff)


def window(*batches: NDArray[np.float32]) -> Window:
    reference = Reference({"teff": UNIFORM})
    made = Window(reference)
    for batch in batches:
        made.add(reference.count(batch), len(batch))
    return made


def test_the_index_is_that_of_the_definition() -> None:
    assert stability_index((0.5, 0.5), (0.5, 0.5)) == 0.0
    assert stability_index((0.5, 0.5), (0.8, 0.2)) == pytest.approx(0.3 * math.log(1.6) - 0.3 * math.log(0.4))
    assert stability_index((0.8, 0.2), (0.5, 0.5)) == pytest.approx(stability_index((0.5, 0.5), (0.8, 0.2)))


def test_an_empty_bin_is_large_and_finite() -> None:
    found = stability_index((0.5, 0.5), (1.0, 0.0))
    assert found == pytest.approx(0.5 * math.log(2.0) + (FLOOR - 0.5) * math.log(FLOOR / 0.5))
    assert found < math.inf


def test_bins_are_closed_below_and_the_missing_are_counted_apart() -> None:
    reference = Reference({"teff": Histogram(edges=(0.0, 0.0, 1.0), shares=(0.25, 0.0, 0.25, 0.5), missing=0.0)})
    values = np.array([-5.0, 0.0, 0.5, 1.0, 9.0, np.inf, -np.inf, np.nan, np.nan])
    (counts,) = reference.count(tensor(values))
    assert counts.tolist() == [2, 0, 2, 3, 2]


def test_edges_are_those_of_float32_where_the_tensor_is() -> None:
    edge = float(np.float32(0.1))
    reference = Reference({"teff": Histogram(edges=(edge,), shares=(0.5, 0.5), missing=0.0)})
    (counts,) = reference.count(tensor(np.array([0.1, np.nextafter(np.float32(0.1), np.float32(0))])))
    assert counts.tolist() == [1, 1, 0]


def test_the_same_stars_do_not_drift() -> None:
    found = window(stars(5_000, 1))
    assert found.values("teff") < 0.02
    assert found.absence("teff") < 0.01


def test_other_stars_drift() -> None:
    assert window(stars(5_000, 1, shift=0.3)).values("teff") > 0.25
    gone = window(stars(5_000, 1, missing=0.7))
    assert gone.absence("teff") > 0.25
    assert gone.values("teff") < 0.02, "those that are there are as they were"


def test_nothing_is_said_of_few_rows_or_few_values_or_other_inputs() -> None:
    assert math.isnan(window(stars(MIN_ROWS - 1, 1)).values("teff"))
    assert math.isnan(window(stars(MIN_ROWS - 1, 1)).absence("teff"))
    assert not math.isnan(window(stars(MIN_ROWS, 1)).values("teff"))
    few = window(stars(5_000, 1, missing=0.99))
    assert math.isnan(few.values("teff"))
    assert few.absence("teff") > 0.25
    assert math.isnan(few.values("logg"))


def test_old_rows_fade() -> None:
    old, new = stars(WINDOW_ROWS, 1, shift=0.5), stars(WINDOW_ROWS, 2)
    drifted = window(old).values("teff")
    after = window(old, *([new] * 4))
    assert drifted > 1.0
    assert 0.0 < after.values("teff") < 0.05


def test_a_large_batch_weighs_what_its_rows_would_weigh_one_after_the_other() -> None:
    big = stars(8 * WINDOW_ROWS, 1, shift=0.5)
    at_once, in_turn = window(big), window(*np.split(big, 400))
    assert at_once.values("teff") == pytest.approx(in_turn.values("teff"), rel=0.05)
    new = stars(3 * WINDOW_ROWS, 2)
    assert window(big, new).values("teff") < 0.1


def test_an_input_that_no_training_star_had_has_no_value_drift() -> None:
    reference = Reference({"teff": Histogram(edges=(0.5,), shares=(0.0, 0.0), missing=1.0)})
    found = Window(reference)
    found.add(reference.count(stars(5_000, 1)), 5_000)
    assert math.isnan(found.values("teff"))
    assert found.absence("teff") > 0.25
