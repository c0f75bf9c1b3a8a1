"""What a file of a table gives and takes, and which file is of which format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.astropy_files import FORMATS

PIECE_ROWS: Final = 4_000
"""Rows of a piece: a few messages to inference, and well below what the gateway takes at a time."""

CSV: Final = "csv"
PARQUET: Final = "parquet"


class Source(Protocol):
    """A table that is there. schema: of all its pieces. rows: None where only reading tells."""

    schema: pa.Schema
    rows: int | None

    def pieces(self) -> Iterator[pa.Table]:
        """Its rows in order, at most PIECE_ROWS at a time; pyarrow's errors where they cannot be read."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...


class Sink(Protocol):
    """A table that is being written."""

    def write(self, piece: pa.Table) -> None:
        """Add rows; pyarrow's errors where they cannot be written."""
        ...

    def close(self) -> None:
        """Complete the file."""
        ...


def format_of(path: Path) -> str:
    """`csv`, `parquet`, or astropy's name of the format; AstroScaleError `bad_table`."""
    suffix = path.suffix.lower()
    if suffix in (".csv", ".parquet"):
        return suffix[1:]
    if suffix not in FORMATS:
        raise AstroScaleError(
            "bad_table", f"{path} is none of the formats: .csv, .parquet, and by astropy {', '.join(FORMATS)}"
        )
    return FORMATS[suffix]


def slices(table: pa.Table) -> Iterator[pa.Table]:
    """A table's rows in pieces."""
    for start in range(0, table.num_rows, PIECE_ROWS):
        yield table.slice(start, PIECE_ROWS)
