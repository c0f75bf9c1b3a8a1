"""A small search of hyper-parameters, inside the training sample only."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from astroscale_training.candidates.base import Floats, Sample
from astroscale_training.folds import learning_share

LEAVES: Final = (8, 31)
MOST_TREES: Final = 400
_JUDGED_SHARE: Final = 0.2


Regressor = Callable[[NDArray[Any]], Floats]
"""float64 [N] of inputs [N, K]."""


def searched_trees(sample: Sample, inputs: NDArray[Any], target: Floats, weight: Floats, seed: int) -> Regressor:
    """Histogram boosting of target float64 [N] on inputs [N, K]; NaN = missing.

    Leaves and number of trees are those that did best on a fifth of the sample, left out for this; then all of it is
    fitted.
    """
    kept = learning_share(sample.same_star, 1.0 - _JUDGED_SHARE, seed)
    # A column without any value cannot be cut into bins.
    columns = np.flatnonzero(~np.isnan(inputs[kept]).all(axis=0))
    inputs = inputs[:, columns]
    best: tuple[float, int, int] | None = None
    with threadpool_limits(limits=1):
        for leaves in LEAVES:
            model = _trees(leaves, MOST_TREES, early=True)
            model.fit(
                inputs[kept],
                target[kept],
                sample_weight=weight[kept],
                X_val=inputs[~kept],
                y_val=target[~kept],
                sample_weight_val=weight[~kept],
            )
            # The scores begin before the first tree, and go on for some trees beyond the best.
            found = (float(np.max(model.validation_score_)), leaves, max(1, int(np.argmax(model.validation_score_))))
            best = found if best is None else max(best, found)
        assert best is not None  # noqa: S101 - there is a setting to try
        chosen = _trees(best[1], best[2], early=False)
        chosen.fit(inputs, target, sample_weight=weight)
    return lambda inputs: np.asarray(chosen.predict(inputs[:, columns]), dtype=np.float64)


def _trees(leaves: int, trees: int, *, early: bool) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        max_iter=trees,
        max_leaf_nodes=leaves,
        min_samples_leaf=40,
        learning_rate=0.08,
        l2_regularization=5.0,
        early_stopping=early,  # pyright: ignore[reportArgumentType]
        n_iter_no_change=15,
        random_state=0,
    )
