"""What is sent to inference is what the raw topic's contract says."""

import numpy as np
import pytest
from astroscale_gateway.relay import message_of
from astroscale_shared.messaging import codec
from astroscale_shared.stars.columns import INPUTS
from astroscale_shared.stars.observations import from_columns

NAN = float("nan")


@pytest.mark.parametrize(
    "rows",
    [
        [(200.12, -47.33, 5800.0, 4.3, 0.0, 100.0, 7.2, NAN, NAN)],
        [(0.0, 90.0, *[NAN] * 7), (359.9, -90.0, 1.0, -5.0, 5.0, 0.0, -1000.0, 1.5, -2.5)],
    ],
)
def test_the_same_batch_as_of_observations(rows: list[tuple[float, ...]]) -> None:
    table = np.array(rows)
    stars = from_columns({column.name: table[:, i] for i, column in enumerate(INPUTS)})
    assert codec.from_trusted(message_of(rows)).equals(codec.raw_batch(stars), check_metadata=True)
