"""Which reader opens which file."""

from pathlib import Path

from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_ingestor.readers.base import TableReader
from astroscale_ingestor.readers.csv import CsvReader
from astroscale_ingestor.readers.parquet import ParquetReader

SUFFIXES = {".csv": CsvReader, ".parquet": ParquetReader, ".pq": ParquetReader}


def open_table(path: Path) -> TableReader:
    """Open a table by its suffix; AstroScaleError `no_file`, `unknown_format`, `not_a_table`, `duplicate_column`."""
    if not path.is_file():
        raise AstroScaleError("no_file", f"there is no file {path}")
    reader = SUFFIXES.get(path.suffix.lower())
    if reader is None:
        raise AstroScaleError(
            "unknown_format",
            f"{path.name}: the suffix is {path.suffix or 'missing'}; allowed are {', '.join(SUFFIXES)}",
        )
    return reader(path)
