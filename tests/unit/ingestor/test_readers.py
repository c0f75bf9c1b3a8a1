"""Tables are read in chunks; a bad cell or line is kept for its own row's refusal, a bad file is one sentence."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from astroscale_ingestor.readers.csv import CsvReader
from astroscale_ingestor.readers.formats import open_table
from astroscale_shared.runtime.errors import AstroScaleError
from pyarrow import parquet


def csv(folder: Path, data: bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(data)
    return path


def read(path: Path, size: int = 1_000) -> tuple[list[dict[str, Any]], list[str]]:
    reader = open_table(path)
    chunks = list(reader.chunks(reader.names(), size))
    assert all(chunk.batch.num_rows <= size for chunk in chunks)
    rows = [row for chunk in chunks for row in chunk.batch.to_pylist()]
    return rows, [line for chunk in chunks for line in chunk.broken_lines]


def refused(path: Path) -> str:
    with pytest.raises(AstroScaleError) as error:
        read(path)
    assert path.name in error.value.message
    assert "\n" not in error.value.message
    return error.value.code


def test_cells_are_text_and_empty_ones_null(tmp_path: Path) -> None:
    rows, broken = read(csv(tmp_path, b'ra,dec,survey\n1.5,hot,\n007," 2 ",""\n'))
    assert rows == [{"ra": "1.5", "dec": "hot", "survey": None}, {"ra": "007", "dec": " 2 ", "survey": None}]
    assert broken == []


def test_lines_that_do_not_split_into_the_columns_are_kept_as_they_are(tmp_path: Path) -> None:
    rows, broken = read(csv(tmp_path, b"ra,dec\n1\n1,2\n1,2,3\n3,4\n,,\n"))
    assert [row["ra"] for row in rows] == ["1", "3"]
    assert broken == ["1", "1,2,3", ",,"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_byte_order_mark_quoted_newlines_and_blank_lines_are_no_trouble(tmp_path: Path, end: bytes) -> None:
    data = b'\xef\xbb\xbfra,dec,source_id\n1,2,"a\n b, ""c"""\n\n3,4,d'.replace(b"\n", end)
    rows, broken = read(csv(tmp_path, data))
    newline = end.decode()
    assert rows == [
        {"ra": "1", "dec": "2", "source_id": f'a{newline} b, "c"'},
        {"ra": "3", "dec": "4", "source_id": "d"},
    ]
    assert broken == []


def test_a_cell_that_is_no_utf8_shows_its_bytes(tmp_path: Path) -> None:
    rows, _ = read(csv(tmp_path, b"ra,dec,survey\n1,2,caf\xe9\n\xff,2,ok\n"))
    assert [row["survey"] for row in rows] == ["caf\\xe9", "ok"]
    assert rows[1]["ra"] == "\\xff"


def test_a_header_alone_is_a_table_of_no_rows(tmp_path: Path) -> None:
    assert read(csv(tmp_path, b"ra,dec\n")) == ([], [])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_a_table"),
        (b"ra,dec,ra\n1,2,3\n", "duplicate_column"),
        (b"ra,dec,\xe9\n1,2,3\n", "not_a_table"),
    ],
)
def test_a_file_that_is_no_csv_table_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    assert refused(csv(tmp_path, data)) == code


def test_broken_lines_come_with_the_chunk_that_they_are_in(tmp_path: Path) -> None:
    """A resumed run cuts its chunks as before: the parser may read ahead as it likes, over 10 MB here."""
    good = b"%d,%d,a-rather-long-identifier-%030d"
    rows = (b"%d,broken" % i if i % 1_000 == 999 else good % (i % 360, i % 90, i) for i in range(200_000))
    lines = [b"ra,dec,source_id", *rows]
    path = csv(tmp_path, b"\n".join(lines))
    seen = 0
    for chunk in CsvReader(path).chunks(["ra", "source_id"], 500):
        first, seen = seen, seen + chunk.batch.num_rows + len(chunk.broken_lines)
        for line in chunk.broken_lines:
            assert first <= int(line.split(",")[0]) <= seen
    assert seen == 200_000


def star_table() -> pa.Table:
    return pa.table({"ra": [1.0, 2.0, None], "dec": [1, 2, 3], "survey": ["a", None, "c"]})


def test_parquet_is_read_as_it_is_typed(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    parquet.write_table(star_table(), path)
    reader = open_table(path)
    assert (reader.names(), reader.rows()) == (["ra", "dec", "survey"], 3)
    chunks = list(reader.chunks(["survey", "ra"], 2))
    assert [chunk.batch.num_rows for chunk in chunks] == [2, 1]
    assert read(path, 2)[0] == star_table().to_pylist()


@pytest.mark.parametrize("keep", [0, 4, 0.3, 0.9, -1])
def test_a_cut_parquet_file_is_refused(tmp_path: Path, keep: float) -> None:
    whole, path = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    parquet.write_table(star_table(), whole)
    data = whole.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if 0 < keep < 1 else int(keep)])
    assert refused(path) == "not_a_table"


def test_parquet_with_damaged_pages_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.parquet"
    parquet.write_table(pa.table({"ra": [float(i) for i in range(10_000)]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[100:5_000] = b"\xff" * 4_900
    path.write_bytes(data)
    assert refused(path) == "bad_table"


def test_a_file_of_another_kind_or_none_is_said(tmp_path: Path) -> None:
    other = tmp_path / "table.fits"
    other.touch()
    (tmp_path / "folder.csv").mkdir()
    for path, code in (
        (other, "unknown_format"),
        (tmp_path / "absent.csv", "no_file"),
        (tmp_path / "folder.csv", "no_file"),
    ):
        with pytest.raises(AstroScaleError) as error:
            open_table(path)
        assert error.value.code == code
