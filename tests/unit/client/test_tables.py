"""Tables in files: nothing changes on its way through, nothing is dropped, and no output replaces another by half."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Column, MaskedColumn, Table
from astroscale_client import results, tables
from astroscale_shared.runtime.errors import AstroScaleError

CSV = """source_id,ra,dec,teff,note,fe_h
000123,1.5,-2.0,5800,plain,
9007199254740993,2.5,2.0,nan,,-0.5
,abc, 3.0 ,null,ünï,1e-1
"""
QUOTED = 'id,ra,dec,note\n1,1.5,2,"a, b"\n2,2.5,3,"say ""hi"""\n'


def read(path: Path) -> pa.Table:
    with tables.open_source(path) as source:
        return pa.concat_tables([source.schema.empty_table(), *source.pieces()])


def write(table: pa.Table, path: Path) -> None:
    with tables.open_sink(path, table.schema) as sink:
        sink.write(table)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "stars.csv"
    path.write_text(CSV, "utf-8")
    return path


def test_a_csv_comes_out_byte_by_byte(csv: Path, tmp_path: Path) -> None:
    write(read(csv), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text("utf-8") == CSV


def test_text_is_quoted_where_it_must_be(tmp_path: Path) -> None:
    path = tmp_path / "stars.csv"
    path.write_text(QUOTED, "utf-8")
    assert read(path).column("note").to_pylist() == ["a, b", 'say "hi"']
    write(read(path), tmp_path / "out.csv")
    assert read(tmp_path / "out.csv").equals(read(path))


def test_a_csv_is_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "stars.csv"
    path.write_text("ra,dec\n" + "".join(f"{i % 360},{i % 90}\n" for i in range(300_000)), "utf-8")
    with tables.open_source(path) as source:
        pieces = list(source.pieces())
    assert max(piece.num_rows for piece in pieces) == tables.PIECE_ROWS
    assert pa.concat_tables(pieces).column("ra").to_pylist() == [str(i % 360) for i in range(300_000)]


def test_a_parquet_is_read_in_pieces_and_keeps_its_types(tmp_path: Path) -> None:
    source = pa.table(
        {"id": pa.array(range(9_000), pa.int64()), "ra": pa.array([1.5] * 9_000, pa.float32()), "dec": [1] * 9_000}
    )
    pq.write_table(source, tmp_path / "stars.parquet")
    with tables.open_source(tmp_path / "stars.parquet") as opened:
        assert opened.rows == 9_000
        pieces = list(opened.pieces())
    assert [piece.num_rows for piece in pieces] == [4_000, 4_000, 1_000]
    write(pa.concat_tables(pieces), tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").equals(source)


def test_nested_columns_become_text_in_csv(tmp_path: Path) -> None:
    write(pa.table({"ra": [1.0], "dec": [2.0], "list": [[1, 2]]}), tmp_path / "out.csv")
    assert read(tmp_path / "out.csv").column("list").to_pylist() == ["[1, 2]"]


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "vot"])
def test_what_astropy_writes_comes_in_and_goes_out(tmp_path: Path, suffix: str) -> None:
    made = Table(
        {
            "source_id": [1, 2**60 + 1],
            "name": ["HIP 1", "b"],
            "ra": [1.5, 2.5],
            "dec": np.array([-1.0, np.nan], dtype=np.float32),
            "count": MaskedColumn([7, 0], mask=[False, True]),
            "bands": [[1.0, 2.0], [3.0, 4.0]],
        }
    )
    made.replace_column("ra", Column([1.5, 2.5], unit="deg"))
    path, out = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # astropy's remarks on our own test file
        made.write(path, format={"ecsv": "ascii.ecsv", "vot": "votable"}.get(suffix, suffix))
    table = read(path)
    assert table.column("source_id").to_pylist() == [1, 2**60 + 1]
    assert table.column("name").to_pylist() == ["HIP 1", "b"]
    assert table.column("count").to_pylist() == [7, None]
    result = table.append_column("error", pa.array([None, "why"]))
    write(result, out)
    back = read(out)
    assert back.column("bands").to_pylist() == [[1.0, 2.0], [3.0, 4.0]]
    assert back.column("count").to_pylist() == [7, None]
    assert back.column("error").to_pylist()[1] == "why"
    assert back.schema.field("ra").metadata == {b"unit": b"deg"}
    assert back.column("source_id").to_pylist() == [1, 2**60 + 1]


def test_what_needs_astropy_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    path = tmp_path / "stars.fits"
    path.touch()
    for action in (lambda: read(path), lambda: tables.check_output(path, tmp_path / "out.csv")):
        with pytest.raises(AstroScaleError, match=r"pip install 'astroscale\[astropy\]'"):
            action()


def test_a_column_of_our_names_is_kept_beside_ours() -> None:
    schema = results.schema(pa.schema([(name, pa.string()) for name in ("ra", "dec", "flags", "flags_input", "q05")]))
    assert schema.names[:5] == ["ra", "dec", "flags_input_input", "flags_input", "q05_input"]
    assert schema.names[5:] == [name for name in results.ADDED if name != "tail_probability"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "teff,ra\n1,2\n", "has no column dec; its columns are teff, ra; those that are read are ra, dec, teff"),
        ("t.csv", "a,b\n1,2\n", "has no column ra or dec"),
        ("t.csv", "ra,dec,ra\n1,2,3\n", "has column ra more than once"),
        ("t.csv", "", "cannot be read"),
        ("t.csv", "ra,dec\n1,2,3\n", "cannot be read"),
        ("t.parquet", "no parquet", "cannot be read"),
        ("t.fits", "no fits", "cannot be read"),
        ("t.ecsv", "no ecsv", "cannot be read"),
        ("t.vot", "no votable", "cannot be read"),
        ("t.txt", "", "is none of the formats: .csv, .parquet, and by astropy .fits"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(AstroScaleError, match=said) as raised:
        read(path)
    assert "\n" not in raised.value.message


def test_a_file_of_several_tables_is_refused(tmp_path: Path) -> None:
    parts = [fits.BinTableHDU(Table({"ra": [1.0], "dec": [2.0]})) for _ in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "two.fits")
    with pytest.raises(AstroScaleError, match=r"two\.fits cannot be read: it holds several tables \(extensions 1, 2\)"):
        read(tmp_path / "two.fits")


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    for name in ("none.csv", "none.parquet", "none.fits"):
        with pytest.raises(AstroScaleError, match="does not exist"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.fits"])
def test_an_output_that_fails_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.write_text("before", "utf-8")
    piece = pa.table({"ra": [1.0]})

    def broken() -> None:
        with tables.open_sink(out, piece.schema) as sink:
            sink.write(piece)
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError, match="on the way"):
        broken()
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [(name, "before")]


def test_the_output_never_replaces_the_input(csv: Path) -> None:
    with pytest.raises(AstroScaleError, match="would replace the input"):
        tables.check_output(csv, csv.parent / "." / "stars.csv")
    with pytest.raises(AstroScaleError, match="does not exist or is not writable"):
        tables.check_output(csv, csv.parent / "nowhere" / "out.csv")
    assert tables.default_output(csv).name == "stars.predictions.csv"
