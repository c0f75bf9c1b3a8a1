"""Rows with inputs taken away look as if they had never been there."""

from typing import Any

import numpy as np
import pytest
from astroscale_shared.stars.encoding import FEATURE_NAMES, encode
from astroscale_training.features import MASKABLE, mask, patterns
from astroscale_training.normalize import fit_scaler
from astroscale_training.settings import Normalization


def test_physics_features_go_with_the_inputs_they_need(fitted: Any) -> None:
    stars = fitted.data.stars
    everywhere = np.ones(len(stars), dtype=np.bool_)
    features = encode(mask(stars, {"parallax": everywhere})).features
    gone = {name for name, column in zip(FEATURE_NAMES, features.T, strict=True) if np.isnan(column).all()}
    assert gone == {"parallax", "log_distance", "radius", "height", "rotation", "radial", "v_l", "v_b"}
    assert not np.isnan(stars.numeric["parallax"]).all()


def test_pattern_bits_are_the_missing_inputs(fitted: Any) -> None:
    stars = fitted.data.stars
    expected = sum(np.isnan(stars.numeric[name]).astype(np.int64) << bit for bit, name in enumerate(MASKABLE))
    assert np.array_equal(patterns(encode(stars).features), expected)


def test_stars_come_first_and_each_copy_lost_something(fitted: Any) -> None:
    rows, n = fitted.rows, len(fitted.data)
    assert np.array_equal(rows.star[:n], np.arange(n))
    assert rows.natural.sum() == n
    lost = rows.pattern[n:] & ~rows.pattern[:n][rows.star[n:]]
    assert (lost != 0).all()
    assert (rows.pattern[:n][rows.star[n:]] & ~rows.pattern[n:] == 0).all(), "nothing comes back"


@pytest.mark.parametrize("kind", ["standard", "robust", "none"])
def test_scaler_keeps_missing_values_and_float32(fitted: Any, kind: Normalization) -> None:
    features = fitted.rows.features
    scaled = fit_scaler(features, kind).apply(features)
    assert scaled.dtype == np.float32
    assert np.array_equal(np.isnan(scaled), np.isnan(features))
    if kind == "none":
        assert np.array_equal(scaled, features, equal_nan=True)
    elif kind == "standard":
        assert np.allclose(np.nanmean(scaled, axis=0), 0.0, atol=1e-3)
        assert np.allclose(np.nanstd(scaled, axis=0), 1.0, atol=1e-3)
    else:
        assert np.allclose(np.nanmedian(scaled, axis=0), 0.0, atol=1e-3)


def test_constant_and_empty_features_are_left_alone() -> None:
    features = np.full((5, 2), np.nan, dtype=np.float32)
    features[:, 0] = 3.0
    for kind in ("standard", "robust"):
        scaled = fit_scaler(features, kind).apply(features)
        assert np.array_equal(scaled[:, 0], np.zeros(5, dtype=np.float32))
        assert np.isnan(scaled[:, 1]).all()
