"""How surprising a measured velocity is: a matter of the stars, which training judges its models by too."""

from astroscale_shared.stars.surprise import NORMAL_SCORES, tail_probability

__all__ = ["NORMAL_SCORES", "tail_probability"]
