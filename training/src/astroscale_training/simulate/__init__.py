"""A mock catalogue: stars that do not exist, so that the system has something to stream anywhere."""

from astroscale_training.simulate.catalogue import simulate, write_csv

__all__ = ["simulate", "write_csv"]
