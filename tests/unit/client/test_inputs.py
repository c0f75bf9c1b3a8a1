"""The inputs in a table's rows: numbers, what is missing, and why a row is refused."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astroscale_client import inputs

NAN = float("nan")


def numbers(columns: dict[str, Any]) -> dict[str, list[float | None]]:
    found = inputs.of_table(pa.table(columns))
    return {name: [None if v != v else v for v in values.tolist()] for name, values in found.numbers.items()}


def test_text_is_read_as_numbers_and_words_for_nothing_as_missing() -> None:
    assert numbers(
        {
            "ra": ["1.5", " 2.5 ", "+3", "4e0"],
            "dec": ["-1", "0", "1", "2"],
            "teff": ["5800", "nan", "NULL", ""],
            "fe_h": [None, "N/A", "--", "None"],
        }
    ) == {
        "ra": [1.5, 2.5, 3.0, 4.0],
        "dec": [-1.0, 0.0, 1.0, 2.0],
        "teff": [5800.0, None, None, None],
        "fe_h": [None] * 4,
    }


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None], pa.int64()),
        pa.array([1, NAN], pa.float32()),
        pa.array([Decimal("1.0"), None], pa.decimal128(5, 1)),
        pa.array(["1", "nan"]).dictionary_encode(),
        pa.array(["1", None], pa.large_string()),
    ],
)
def test_columns_of_any_numeric_type(values: pa.Array) -> None:
    assert numbers({"ra": values, "dec": [2, 3]})["ra"] == [1.0, None]


def test_a_row_with_something_else_is_refused_alone_with_every_reason() -> None:
    found = inputs.of_table(
        pa.table({"ra": ["1", "abc", "3"], "dec": ["1", "2", "1_0"], "teff": ["", "hot", "5"], "name": ["a", "b", "c"]})
    )
    assert found.rows.tolist() == [0]
    assert {name: values.tolist()[0] for name, values in found.numbers.items() if name != "teff"} == {"ra": 1, "dec": 1}
    assert found.refused == {
        1: 'ra is "abc"; allowed is a number in [0, 360) deg; '
        'teff is "hot"; allowed is a number in (0, 200000] K or null',
        2: 'dec is "1_0"; allowed is a number in [-90, 90] deg',
    }


def test_a_column_of_another_kind_is_refused_by_its_values() -> None:
    found = inputs.of_table(pa.table({"ra": [1.0], "dec": [2.0], "snr": [[1, 2]]}))
    assert found.refused == {0: 'snr is "[1, 2]"; allowed is a number in [0, 1e+06] or null'}


def test_a_measured_velocity_that_cannot_be_one_counts_as_none() -> None:
    table = {"ra": ["1"] * 5, "dec": ["1"] * 5}
    found = inputs.of_table(pa.table({**table, "rv_kms": ["-20.5", "fast", "9999", "", "inf"]}))
    assert len(found.rows) == 5
    assert np.array_equal(found.numbers["rv_kms"], [-20.5, NAN, NAN, NAN, NAN], equal_nan=True)
    without = inputs.of_table(pa.table(table))
    for name in ("ra", "dec"):
        assert found.numbers[name].tobytes() == without.numbers[name].tobytes()
