"""scikit-learn's gradient boosting, behind one function: deterministic, and exact in float32."""

from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits


class Trees(Protocol):
    """A fitted ensemble of trees."""

    def predict(self, X: NDArray[np.float32]) -> NDArray[np.float64]:  # noqa: N803 - scikit-learn's name
        """float64 [N] of float32 [N, F]."""
        ...


def fit_trees(
    features: NDArray[np.float32],
    target: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    trees: int,
    leaves: int,
    smallest_leaf: int,
    learning_rate: float,
    bins: int = 255,
) -> Trees:
    """Least-squares boosting on float32 [N, F], NaN = missing; target and weight float64 [N].

    One thread: sums over threads would round differently with their number. No validation split, no chance: the same
    data give the same trees. A feature that is missing everywhere is never asked for.
    """
    # The binning of scikit-learn has no answer to a feature without values; one of zeros is never split.
    features = np.where(np.isnan(features).all(axis=0), np.float32(0.0), features)
    model = HistGradientBoostingRegressor(
        max_iter=trees,
        max_bins=bins,
        max_leaf_nodes=leaves,
        min_samples_leaf=smallest_leaf,
        learning_rate=learning_rate,
        l2_regularization=5.0,
        early_stopping=False,  # pyright: ignore[reportArgumentType]
        random_state=0,
    )
    with threadpool_limits(limits=1):
        model.fit(features, target, sample_weight=weight)
    snap_thresholds(model)
    return cast("Trees", model)


def snap_thresholds(model: HistGradientBoostingRegressor) -> None:
    """Round each threshold down to float32.

    For a float32 x and any t, x <= t is x <= (the largest float32 not above t): the trees decide as before, and the
    exported graph, whose thresholds are float32, decides the same.
    """
    for stage in model._predictors:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        for predictor in stage:
            exact = predictor.nodes["num_threshold"]
            near = exact.astype(np.float32)
            near = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)
            predictor.nodes["num_threshold"] = near
