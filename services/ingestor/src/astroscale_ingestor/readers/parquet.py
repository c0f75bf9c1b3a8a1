"""Parquet."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from astroscale_shared.runtime.errors import AstroScaleError
from pyarrow import parquet

from astroscale_ingestor.readers.base import Chunk


class ParquetReader:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = parquet.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise AstroScaleError(
                "not_a_table", f"{path.name} is not a Parquet file: {str(error).splitlines()[0][:200]}"
            ) from error
        names = self.names()
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise AstroScaleError("duplicate_column", f"{path.name} has the column {twice[0]} more than once")

    def names(self) -> list[str]:
        """The schema's names."""
        return list(self._file.schema_arrow.names)

    def rows(self) -> int | None:
        """From the footer."""
        return int(self._file.metadata.num_rows)

    def chunks(self, columns: list[str], size: int) -> Iterator[Chunk]:
        """Columns as they are typed."""
        try:
            for batch in self._file.iter_batches(batch_size=size, columns=columns):
                yield Chunk(batch)
        except (pa.ArrowException, OSError) as error:
            raise AstroScaleError(
                "bad_table", f"{self._path.name} cannot be read on: {str(error).splitlines()[0][:200]}"
            ) from error
