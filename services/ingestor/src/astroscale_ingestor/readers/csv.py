"""CSV. Values stay text until they are mapped, so that one bad cell refuses one row and not the file."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from astroscale_shared.runtime.errors import AstroScaleError
from pyarrow import csv

from astroscale_ingestor.readers.base import Chunk

_BLOCK_BYTES = 4 << 20


class CsvReader:
    """A CSV file with a header line, UTF-8."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._broken: list[str] = []
        try:
            with csv.open_csv(path, read_options=csv.ReadOptions(block_size=1 << 16)) as probe:
                self._names: list[str] = probe.schema.names
        except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
            raise AstroScaleError("not_a_table", f"{path.name} is not a CSV table: {_line(error)}") from error
        twice = sorted({name for name in self._names if self._names.count(name) > 1})
        if twice:
            raise AstroScaleError("duplicate_column", f"{path.name} has the column {twice[0]} more than once")

    def names(self) -> list[str]:
        """The header's names."""
        return self._names

    def rows(self) -> int | None:
        """A CSV file does not say."""
        return None

    def chunks(self, columns: list[str], size: int) -> Iterator[Chunk]:
        """Text columns, empty = null."""
        opened = csv.open_csv(
            self._path,
            read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=csv.ParseOptions(invalid_row_handler=self._keep),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=columns,
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        try:
            with opened as reader:
                for block in reader:
                    for start in range(0, block.num_rows, size):
                        yield Chunk(block.slice(start, size), self._taken())
                if self._broken:
                    yield Chunk(pa.RecordBatch.from_pylist([], schema=reader.schema), self._taken())
        except pa.ArrowInvalid as error:
            raise AstroScaleError("bad_table", f"{self._path.name} cannot be read on: {_line(error)}") from error

    def _keep(self, row: csv.InvalidRow) -> str:
        self._broken.append(row.text)
        return "skip"

    def _taken(self) -> list[str]:
        taken, self._broken[:] = list(self._broken), []
        return taken


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
