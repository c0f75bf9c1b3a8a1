"""AstroScale's Python client, and the `astroscale` command.

from astroscale_client import AstroScale

with AstroScale("http://127.0.0.1:8080") as scale:
    star = scale.predict(ra=200.12, dec=-47.33, teff=5800, logg=4.3, fe_h=0.0, snr=100, parallax=7.2)
    print(star.radial_velocity_kms, star.interval.lower_kms, star.interval.upper_kms)
"""

from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_client.api import AstroScale
from astroscale_client.prediction import Interval, Model, Prediction
from astroscale_client.wire import RefusedError

__all__ = ["AstroScale", "AstroScaleError", "Interval", "Model", "Prediction", "RefusedError"]
