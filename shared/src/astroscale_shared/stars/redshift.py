"""Radial velocity and redshift."""

import numpy as np
from numpy.typing import NDArray

SPEED_OF_LIGHT_KMS = 299_792.458
"""Exact by the definition of the metre (SI)."""


def redshift(radial_velocity_kms: NDArray[np.floating]) -> NDArray[np.float64]:
    """Redshift of a radial velocity, z = v / c, as catalogues of stars use it (any shape, km/s in, none out).

    The linear form is the convention of the training tables; at 500 km/s it differs from the relativistic one by 1.4e-6.
    """
    return np.asarray(radial_velocity_kms, dtype=np.float64) / SPEED_OF_LIGHT_KMS
