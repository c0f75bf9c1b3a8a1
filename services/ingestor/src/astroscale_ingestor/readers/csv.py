"""CSV. Values stay text until they are mapped, so that one bad cell refuses one row and not the file."""

from collections import deque
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
        try:
            skip = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=lambda _: "skip")
            with csv.open_csv(path, read_options=csv.ReadOptions(block_size=_BLOCK_BYTES), parse_options=skip) as probe:
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
        convert = csv.ConvertOptions(
            # Bytes, not text: one cell that is not UTF-8 would end the file.
            column_types=dict.fromkeys(columns, pa.binary()),
            include_columns=columns,
            strings_can_be_null=True,
            null_values=[""],
        )
        broken: deque[csv.InvalidRow] = deque()

        def keep(row: csv.InvalidRow) -> str:
            broken.append(row)
            return "skip"

        try:
            with csv.open_csv(
                self._path,
                # One thread: only then broken lines have numbers, and a resumed run must cut its chunks as before.
                read_options=csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
                parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=keep),
                convert_options=convert,
            ) as reader:
                line = 1  # the header's
                for block in reader:
                    for start in range(0, block.num_rows, size):
                        rows = block.slice(start, size)
                        line += rows.num_rows
                        before = _taken(broken, line)
                        line += len(before)
                        yield Chunk(_as_text(rows), before)
                if broken:
                    none = pa.RecordBatch.from_pylist([], schema=reader.schema)
                    yield Chunk(_as_text(none), [row.text for row in broken])
        except pa.ArrowInvalid as error:
            raise AstroScaleError("bad_table", f"{self._path.name} cannot be read on: {_line(error)}") from error


def _taken(broken: deque[csv.InvalidRow], line: int) -> list[str]:
    """The broken lines among the first `line` good ones and themselves. The parser reads ahead, by how much depends on
    the moment; which chunk holds a line may not."""
    taken: list[str] = []
    while broken and (broken[0].number or 0) <= line + len(taken) + 1:
        taken.append(broken.popleft().text)
    return taken


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


def _as_text(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([_text(column) for column in batch.columns], names=batch.schema.names)


def _text(column: pa.Array) -> pa.Array:
    """Bytes as text; a cell that is not UTF-8 shows its bytes escaped."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        cells = [None if c is None else c.decode("utf-8", "backslashreplace") for c in column.to_pylist()]
        return pa.array(cells, type=pa.string())
