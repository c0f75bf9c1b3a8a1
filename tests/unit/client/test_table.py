"""Tables in files: nothing changes on its way through, nothing is dropped."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astroscale_client import table
from astroscale_client.prediction import Prediction
from astroscale_client.wire import RefusedError
from astroscale_shared.runtime.errors import AstroScaleError

from tests.unit.client.fake_gateway import prediction_of

CSV = '''source_id,ra,dec,teff,note,fe_h
000123,1.5,-2.0,5800,"a, b",
9007199254740993,2.5,2.0,nan,,-0.5
,abc, 3.0 ,null,"say ""hi""",1e-1
'''


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "stars.csv"
    path.write_text(CSV, "utf-8")
    return path


def scored(rows: int) -> list[Prediction | AstroScaleError]:
    return [Prediction.from_dict(prediction_of({"ra": float(i), "teff": None})) for i in range(rows)]


def test_inputs_are_numbers_none_or_the_text_that_is_no_number(csv: Path) -> None:
    assert table.stars(table.read(csv)) == [
        {"ra": 1.5, "dec": -2.0, "teff": 5800.0, "fe_h": None},
        {"ra": 2.5, "dec": 2.0, "teff": None, "fe_h": -0.5},
        {"ra": "abc", "dec": 3.0, "teff": None, "fe_h": 0.1},
    ]


def test_every_column_and_row_comes_out_as_it_went_in(csv: Path, tmp_path: Path) -> None:
    source = table.read(csv)
    out = tmp_path / "out.csv"
    table.write(table.with_results(source, [*scored(2), RefusedError("invalid_star", "ra is 'abc', \"no\"")]), out)
    read = table.read(out)
    assert read.column("source_id").to_pylist() == ["000123", "9007199254740993", None]
    assert read.column("note").to_pylist() == ["a, b", None, 'say "hi"']
    assert read.column("fe_h").to_pylist() == [None, "-0.5", "1e-1"]
    assert read.column("radial_velocity_kms").to_pylist() == ["0", "1", None]
    assert read.column("flags").to_pylist() == ["missing_teff", "missing_teff", None]
    assert read.column("error").to_pylist() == [None, None, "ra is 'abc', \"no\""]
    assert read.column_names == ["source_id", "ra", "dec", "teff", "note", "fe_h", *table.ADDED]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    source = tmp_path / "stars.parquet"
    pq.write_table(
        pa.table({"id": pa.array([1, 2], pa.int64()), "ra": pa.array([1, None], pa.float32()), "dec": [1, 2]}), source
    )
    read = table.read(source)
    assert table.stars(read) == [{"ra": 1.0, "dec": 1.0}, {"ra": None, "dec": 2.0}]
    out = tmp_path / "out.parquet"
    table.write(table.with_results(read, scored(2)), out)
    written = pq.read_table(out)
    assert written.schema.field("id").type == pa.int64()
    assert written.schema.field("q05").type == pa.float64()
    assert written.column("error").null_count == 2


def test_nested_columns_become_text_in_csv(tmp_path: Path) -> None:
    read = pa.table({"ra": [1.0], "dec": [2.0], "list": [[1, 2]]})
    out = tmp_path / "out.csv"
    table.write(table.with_results(read, scored(1)), out)
    assert table.read(out).column("list").to_pylist() == ["[1, 2]"]


def test_a_column_of_our_names_is_kept_beside_ours() -> None:
    source = pa.table({"ra": [1.0], "dec": [2.0], "flags": ["mine"]})
    done = table.with_results(source, scored(1))
    assert done.column("flags_input").to_pylist() == ["mine"]
    assert done.column("flags").to_pylist() == ["missing_teff"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "teff,ra\n1,2\n", "has no column dec; its columns are teff, ra"),
        ("t.csv", "a,b\n1,2\n", "has no column ra or dec"),
        ("t.csv", "ra,dec,ra\n1,2,3\n", "has column ra more than once"),
        ("t.csv", "", "cannot be read"),
        ("t.csv", "ra,dec\n1,2,3\n", "cannot be read"),
        ("t.parquet", "no parquet", "cannot be read"),
        ("t.fits", "", "is neither .csv nor .parquet"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(AstroScaleError, match=said) as raised:
        table.read(path)
    assert "\n" not in raised.value.message


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(AstroScaleError, match="does not exist"):
            table.read(tmp_path / name)


def test_the_output_never_replaces_the_input(csv: Path) -> None:
    with pytest.raises(AstroScaleError, match="would replace the input"):
        table.check_output(csv, csv.parent / "." / "stars.csv")
    with pytest.raises(AstroScaleError, match="does not exist or is not writable"):
        table.check_output(csv, csv.parent / "nowhere" / "out.csv")
    assert table.default_output(csv).name == "stars.predictions.csv"
