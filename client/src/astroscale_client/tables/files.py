"""Opening files: which format, what is wrong with it in one sentence, and an output that replaces nothing by half."""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.astropy_files import FORMATS, require_astropy
from astroscale_shared.stars.columns import NUMERIC, REQUIRED

from astroscale_client.tables import astronomy, parquet, text
from astroscale_client.tables.formats import CSV, PARQUET, Sink, Source, format_of

_SHOWN = 20


class Opened:
    """A source with the file's name in its errors."""

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._source = source
        self.schema = source.schema
        self.rows = source.rows

    def pieces(self) -> Iterator[pa.Table]:
        """Its rows in pieces; AstroScaleError `bad_table` where they cannot be read."""
        with _said(self._path, "read"):
            yield from self._source.pieces()


class Begun:
    """A sink with the file's name in its errors."""

    def __init__(self, path: Path, sink: Sink) -> None:
        self._path = path
        self._sink = sink

    def write(self, piece: pa.Table) -> None:
        """Add rows; AstroScaleError `bad_table` where they cannot be written."""
        with _said(self._path, "written"):
            self._sink.write(piece)


@contextmanager
def open_source(path: Path) -> Generator[Opened]:
    """A file's table; text of a CSV stays text, so that nothing changes on its way through.

    AstroScaleError `bad_table`: not there, not readable, empty, or without ra and dec; `not_installed`: needs astropy.
    """
    kind = format_of(path)
    with _said(path, "read"):
        if not path.exists():
            raise AstroScaleError("bad_table", f"{path} does not exist")
        open_one = {CSV: text.CsvSource, PARQUET: parquet.ParquetSource}.get(kind)
        source: Source = open_one(path) if open_one else astronomy.AstropySource(path, kind)
    try:
        _check_columns(path, source.schema.names)
        yield Opened(path, source)
    finally:
        source.close()


@contextmanager
def open_sink(path: Path, schema: pa.Schema) -> Generator[Begun]:
    """Where rows of this schema are written: the file is there once the block is left in order, else it is as before.

    AstroScaleError `bad_table` where it cannot be written.
    """
    kind = format_of(path)
    part = path.with_name(f".{path.name}.part")
    try:
        with _said(path, "written"):
            open_one = {CSV: text.CsvSink, PARQUET: parquet.ParquetSink}.get(kind)
            sink: Sink = open_one(part, schema) if open_one else astronomy.AstropySink(part, schema, kind)
        try:
            yield Begun(path, sink)
        except BaseException:
            with suppress(pa.ArrowException, OSError):  # what went wrong before is what is said
                sink.close()
            raise
        with _said(path, "written"):
            sink.close()
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def default_output(path: Path) -> Path:
    """`stars.csv` -> `stars.predictions.csv`."""
    return path.with_name(f"{path.stem}.predictions{path.suffix}")


def check_output(source: Path, out: Path) -> None:
    """AstroScaleError where this output would be no use, before any work is done."""
    for path in (source, out):
        if format_of(path) in FORMATS.values():
            require_astropy(path.suffix)
    if out.exists() and source.exists() and out.samefile(source):
        raise AstroScaleError("bad_table", "the output would replace the input: give another --out")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise AstroScaleError("bad_table", f"the folder {out.parent} of the output does not exist or is not writable")


def _check_columns(path: Path, names: list[str]) -> None:
    missing = sorted(REQUIRED.difference(names), reverse=True)
    if missing:
        there = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        known = ", ".join(column.name for column in NUMERIC)
        raise AstroScaleError(
            "bad_table",
            f"{path} has no column {' or '.join(missing)}; its columns are {there or 'none'}; "
            f"those that are read are {known}, by exactly these names",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise AstroScaleError("bad_table", f"{path} has column {twice[0]} more than once")


@contextmanager
def _said(path: Path, how: str) -> Generator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeError) as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise AstroScaleError("bad_table", f"{path} cannot be {how}: {said[0]}") from error
