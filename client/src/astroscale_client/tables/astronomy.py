"""FITS, ECSV and VOTable, by astropy where it is installed: read and written whole. Between its tables and Arrow's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from astroscale_shared.stars import astropy_files

from astroscale_client.tables.formats import slices

_UNIT: Final = b"unit"


class AstropySource:
    """The table of a file, in memory. Units of columns are kept for an output that has them."""

    def __init__(self, path: Path, kind: str) -> None:
        astropy_files.require_astropy(path.suffix)
        self._table = _read(path, kind)
        self.schema: pa.Schema = self._table.schema
        self.rows: int | None = self._table.num_rows

    def pieces(self) -> Iterator[pa.Table]:
        """Its rows in order."""
        return slices(self._table)

    def close(self) -> None:
        """Nothing is open."""


class AstropySink:
    """A file that is written at its end: these formats say at their beginning how many rows there are."""

    def __init__(self, path: Path, schema: pa.Schema, kind: str) -> None:
        astropy_files.require_astropy(path.suffix)
        self._path, self._schema, self._kind = path, schema, kind
        self._pieces: list[pa.Table] = []

    def write(self, piece: pa.Table) -> None:
        """Add rows."""
        self._pieces.append(piece)

    def close(self) -> None:
        """Write the file."""
        _write(pa.concat_tables([self._schema.empty_table(), *self._pieces]), self._path, self._kind)


def _read(path: Path, kind: str) -> pa.Table:
    found = astropy_files.read(path, kind)
    arrays = {str(name): _array(found[name]) for name in found.colnames}
    units = {str(name): getattr(found[name], "unit", None) for name in found.colnames}
    fields = [
        pa.field(name, array.type, metadata={_UNIT: str(units[name]).encode()} if units[name] is not None else None)
        for name, array in arrays.items()
    ]
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields))


def _array(column: Any) -> pa.Array:
    values = np.ma.asarray(column) if hasattr(column, "dtype") else None
    if values is None or values.dtype.kind not in "biufUO":
        return pa.array([str(value) for value in column], type=pa.string())
    if values.ndim > 1:
        return pa.array(values.tolist())
    if values.dtype.kind in "UO":
        return pa.array([None if value is None else str(value) for value in values.tolist()], type=pa.string())
    native = np.ascontiguousarray(values.data.astype(values.dtype.newbyteorder("=")))
    mask = np.ma.getmaskarray(values)
    return pa.array(native, mask=mask if mask.any() else None)


def _write(table: pa.Table, path: Path, kind: str) -> None:
    from astropy.table import Table

    columns = {field.name: _column(table.column(i), field) for i, field in enumerate(table.schema)}
    with astropy_files.one_error():
        Table(columns).write(path, format=kind, overwrite=True)


def _column(column: pa.ChunkedArray, field: pa.Field) -> Any:
    from astropy.table import Column, MaskedColumn

    unit = (field.metadata or {}).get(_UNIT, b"").decode() or None
    kind = column.type
    absent = column.is_null().to_numpy(zero_copy_only=False)
    if pa.types.is_floating(kind):
        return Column(column.to_numpy(zero_copy_only=False), unit=unit)  # NaN is their missing value
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        filled = column.fill_null(False if pa.types.is_boolean(kind) else 0)
        values = filled.to_numpy(zero_copy_only=False)
        return MaskedColumn(values, mask=absent, unit=unit) if absent.any() else Column(values, unit=unit)
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind):
        rows = column.to_pylist()
        if rows and None not in rows and len({len(row) for row in rows}) == 1:
            return Column(np.array(rows), unit=unit)
    texts = ["" if value is None else str(value) for value in column.to_pylist()]
    return Column(np.array(texts, dtype=np.str_), unit=unit)
