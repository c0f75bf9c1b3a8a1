"""Tables in every format and unit give the same stars, or one sentence that says what is wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable.exceptions import VOTableSpecWarning
from astropy.table import MaskedColumn, Table
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_training import units
from astroscale_training.readers import read_columns
from astroscale_training.tables import read_folder, read_table, read_tables
from pyarrow import parquet

HEADER = "source_id,ra,dec,teff,logg,fe_h,snr,parallax,pmra,pmdec,rv_kms,survey"
ROWS = ["a,150,-30,5000,4.5,-0.5,50,5,1.5,-2,10,A", ",151.5,30,,,,,,,,-20.25,"]


def write(folder: Path, text: str, name: str = "stars.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def refused(path: Path, code: str = "bad_training_data") -> AstroScaleError:
    with pytest.raises(AstroScaleError) as error:
        read_table(path)
    assert error.value.code == code
    assert path.name in error.value.message
    return error.value


def table() -> Any:
    """Two stars, the second with nothing but what is needed, in units that are not ours."""
    missing = [False, True]
    return Table(
        {
            "source_id": MaskedColumn(["a", ""], mask=missing),
            "ra": [10.0, 10.1] * u.hourangle,
            "dec": np.deg2rad([-30.0, 30.0]) * u.rad,
            "teff": MaskedColumn([5000, 0], mask=missing, unit="K"),
            "logg": MaskedColumn([2.5, 0.0], mask=missing, unit="dex(m/s2)"),
            "fe_h": MaskedColumn([-0.5, 0.0], mask=missing, unit="dex"),
            "snr": [50.0, np.nan],
            "parallax": MaskedColumn([0.005, 0.0], mask=missing, unit="arcsec"),
            "pmra": MaskedColumn([0.0015, 0.0], mask=missing, unit="arcsec/yr"),
            "pmdec": MaskedColumn([-2.0, 0.0], mask=missing, unit="mas/yr"),
            "rv_kms": [10_000.0, -20_250.0] * u.m / u.s,
            "survey": MaskedColumn(["A", ""], mask=missing),
            "anything": [1, 2],
        }
    )


@pytest.mark.parametrize(("name", "kind"), [("t.fits", "fits"), ("t.ecsv", "ascii.ecsv"), ("t.vot", "votable")])
@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning", "ignore::astropy.utils.exceptions.AstropyUserWarning")
def test_units_of_the_file_become_ours(tmp_path: Path, name: str, kind: str) -> None:
    written = table()
    if kind == "fits":  # its standard has neither hour angles nor logarithms with a unit
        written["ra"].unit, written["logg"].unit = "h", None
        written["logg"] += 2.0
    if kind == "votable":
        written["logg"].unit = "[cm/s2]"
        written["logg"] += 2.0
        with pytest.warns(VOTableSpecWarning):  # astropy's own, about such a unit
            written.write(tmp_path / name, format=kind)
    else:
        written.write(tmp_path / name, format=kind)
    read, expected = read_table(tmp_path / name), read_table(write(tmp_path, "\n".join([HEADER, *ROWS])))
    for column, values in expected.stars.numeric.items():
        assert read.stars.numeric[column] == pytest.approx(values, rel=1e-12, nan_ok=True), column
    assert list(read.stars.source_id) == ["a", None]
    assert list(read.stars.survey) == ["A", None]
    assert any("rv_kms was converted from m" in note for note in read.notes)
    assert not expected.notes


@pytest.mark.parametrize(("name", "kind"), [("t.fits", "fits"), ("t.ecsv", "ascii.ecsv"), ("t.vot", "votable")])
def test_a_table_without_a_star_is_one(tmp_path: Path, name: str, kind: str) -> None:
    columns: dict[str, Any] = {c: np.zeros(0) for c in ("ra", "dec", "rv_kms")} | {"survey": np.zeros(0, dtype="U3")}
    Table(columns).write(tmp_path / name, format=kind)
    assert len(read_table(tmp_path / name).stars) == 0


def test_a_file_of_several_tables_is_refused(tmp_path: Path) -> None:
    parts = [fits.BinTableHDU(Table({c: [1.0] for c in ("ra", "dec", "rv_kms")})) for _ in range(2)]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(tmp_path / "two.fits")
    assert "several tables (extensions 1, 2)" in refused(tmp_path / "two.fits").message


def test_the_bytes_that_are_hashed_are_the_bytes_that_are_read(tmp_path: Path) -> None:
    table().write(tmp_path / "t.ecsv", format="ascii.ecsv")
    data = (tmp_path / "t.ecsv").read_bytes()
    (tmp_path / "t.ecsv").unlink()
    assert read_columns(tmp_path / "t.ecsv", data, {"snr"}).arrays["snr"][0].as_py() == 50.0


def test_parquet_keeps_its_units_in_the_schema(tmp_path: Path) -> None:
    fields = [pa.field(name, pa.float64()) for name in ("ra", "dec")]
    fields += [pa.field("rv_kms", pa.float32(), metadata={"unit": "m/s"}), pa.field("snr", pa.int16())]
    columns = [[1.0, 2.0], [3.0, 4.0], [5_000.0, 6_000.0], [7, None]]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, fields, strict=True)]
    parquet.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), tmp_path / "p.parquet")
    read = read_table(tmp_path / "p.parquet").stars
    assert list(read.numeric["rv_kms"]) == [5.0, 6.0]
    assert read.numeric["snr"] == pytest.approx([7.0, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("column", "unit"),
    [("rv_kms", "mas"), ("parallax", "kpc"), ("ra", "furlong"), ("logg", "cm/s2"), ("fe_h", "K"), ("snr", "km")],
)
def test_a_unit_of_another_kind_is_named_with_its_column(tmp_path: Path, column: str, unit: str) -> None:
    fields = [
        pa.field(c, pa.float64(), metadata={"unit": unit} if c == column else None)
        for c in dict.fromkeys(("ra", "dec", "rv_kms", column))
    ]
    schema = pa.schema(fields)
    parquet.write_table(pa.Table.from_pydict({f.name: [1.0] for f in fields}, schema=schema), tmp_path / "p.parquet")
    error = refused(tmp_path / "p.parquet")
    assert f"{column} has the unit {unit}; allowed is" in error.message
    assert error.fields[0]["field"] == column
    assert error.fields[0]["value"] == unit


def test_what_needs_astropy_says_so_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table().write(tmp_path / "t.ecsv", format="ascii.ecsv")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(AstroScaleError, match=r"astroscale\[astropy\]") as error:
        read_table(tmp_path / "t.ecsv")
    assert error.value.code == "not_installed"
    with pytest.raises(AstroScaleError, match="ra is in rad") as error:
        units.convert("p.parquet", "ra", np.ones(1), "rad")
    assert error.value.code == "not_installed"
    assert units.convert("p.parquet", "rv_kms", np.ones(1), "km/s")[1] is None


def test_absent_columns_are_named_and_those_that_are_there(tmp_path: Path) -> None:
    error = refused(write(tmp_path, "RA,dec,velocity\n1,2,3\n"))
    assert "lacks the column ra, rv_kms; its columns are RA, dec, velocity" in error.message
    assert error.fields[0]["allowed"] == "needed are ra, dec, rv_kms"


def test_a_value_that_is_no_number_is_named_with_column_and_row(tmp_path: Path) -> None:
    error = refused(write(tmp_path, "\n".join([HEADER, ROWS[0], "b,1,2,hot,,,,,,,3,A"])))
    assert "teff is 'hot' in row 2" in error.message


def test_spaces_around_a_number_are_no_offence(tmp_path: Path) -> None:
    read = read_table(write(tmp_path, "ra,dec,rv_kms,snr\n 1 ,2, 3, \n"))
    assert (read.stars.numeric["ra"][0], read.stars.numeric["rv_kms"][0]) == (1.0, 3.0)
    assert np.isnan(read.stars.numeric["snr"][0])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("stars.csv", "ra,ra,dec,rv_kms\n1,1,2,3\n", "ra more than once"),
        ("stars.csv", "ra,dec,rv_kms\n1,2,3\n1,2\n", "cannot be read as csv"),
        ("stars.csv", "", "cannot be read as csv"),
        ("stars.fits", "no FITS", "cannot be read as fits"),
        ("stars.vot", "no XML", "cannot be read as vot"),
        ("stars.parquet", "no Parquet", "cannot be read as parquet"),
        ("stars.xlsx", "no table", "allowed is .csv, .parquet, .fits"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, text: str, said: str) -> None:
    assert said in refused(write(tmp_path, text, name)).message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "absent.csv", "no_training_data").message
    with pytest.raises(AstroScaleError, match="absent") as error:
        read_folder(tmp_path / "absent")
    assert error.value.code == "no_training_data"


def test_a_table_without_surveys_is_one(tmp_path: Path) -> None:
    assert list(read_table(write(tmp_path, "ra,dec,rv_kms\n1,2,3\n", "mine.csv")).stars.survey) == ["mine"]


def test_one_table_twice_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([HEADER, *ROWS]))
    copy = write(tmp_path, path.read_text("utf-8"), "copy.csv")
    (tmp_path / "other").mkdir()
    other = write(tmp_path / "other", "\n".join([HEADER, ROWS[0]]))
    same_stem = tmp_path / "stars.ecsv"
    table().write(same_stem, format="ascii.ecsv")
    pairs = ((path, path), "name"), ((path, copy), "content"), ((path, other), "name"), ((path, same_stem), "name")
    for pair, what in pairs:
        with pytest.raises(AstroScaleError, match=f"have the same {what}") as error:
            read_tables(pair)
        assert error.value.code == "bad_training_data"
    assert len(read_tables((copy, other))) == 2
