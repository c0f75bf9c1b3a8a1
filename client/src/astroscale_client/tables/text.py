"""CSV: every column as text, so that nothing changes on its way through."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from astroscale_client.tables.formats import slices

_BLOCK_BYTES: Final = 1 << 20


class CsvSource:
    """A CSV file with a header line, UTF-8."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            header = pa_csv.open_csv(file, pa_csv.ReadOptions(block_size=_BLOCK_BYTES)).schema.names
        self.schema = pa.schema([pa.field(name, pa.string()) for name in header])
        self.rows: int | None = None
        self._reader = pa_csv.open_csv(
            path,
            pa_csv.ReadOptions(block_size=_BLOCK_BYTES),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )

    def pieces(self) -> Iterator[pa.Table]:
        """Its rows in order."""
        for batch in self._reader:
            yield from slices(pa.Table.from_batches([batch]))

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


class CsvSink:
    """A CSV file; a missing value is an empty field. Text is quoted in pieces where some of it must be."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = pa.schema([f.with_type(pa.string()) if _is_rich(f.type) else f for f in schema])
        self._file = path.open("wb")
        names = pa.Table.from_arrays([pa.array([name], type=pa.string()) for name in schema.names], names=schema.names)
        self._append(names)

    def write(self, piece: pa.Table) -> None:
        """Add rows; lists and the like as their text, which is all that a CSV can hold."""
        if not piece.num_rows:
            return
        columns = [
            pa.array([None if v is None else str(v) for v in column.to_pylist()], type=pa.string())
            if _is_rich(column.type)
            else column
            for column in piece.columns
        ]
        self._append(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Complete the file."""
        self._file.close()

    def _append(self, table: pa.Table) -> None:
        # Arrow quotes all text or none; a column of numbers in quotes is read as text by some.
        style = "needed" if any(_needs_quotes(column) for column in table.columns) else "none"
        # In one chunk: for an empty one among others, Arrow writes what was left in its buffer.
        pa_csv.write_csv(
            table.combine_chunks(), self._file, pa_csv.WriteOptions(include_header=False, quoting_style=style)
        )


def _needs_quotes(column: pa.ChunkedArray) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    text = column.cast(kind)
    special = pc.MatchSubstringOptions('[",\r\n]')
    return bool(pc.call_function("any", [pc.call_function("match_substring_regex", [text], special)]).as_py())


def _is_rich(kind: pa.DataType) -> bool:
    return pa.types.is_nested(kind)
