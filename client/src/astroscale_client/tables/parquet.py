"""Parquet: all columns with their types."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from astroscale_client.tables.formats import PIECE_ROWS


class ParquetSource:
    """A Parquet file."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int | None = self._file.metadata.num_rows

    def pieces(self) -> Iterator[pa.Table]:
        """Its rows in order."""
        for batch in self._file.iter_batches(batch_size=PIECE_ROWS):
            yield pa.Table.from_batches([batch])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ParquetSink:
    """A Parquet file, compressed; each piece is a row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def write(self, piece: pa.Table) -> None:
        """Add rows."""
        self._writer.write_table(piece)

    def close(self) -> None:
        """Complete the file."""
        self._writer.close()
