"""An archive's own table."""

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from astroscale_federation import tables
from astroscale_shared.runtime.errors import AstroScaleError

CSV = """source_id,ra,dec,teff,fe_h,parallax,rv_kms,survey,clean,note
1,10,20,5800,,7.2,-5,APOGEE_x,1,fine
2,400,20,5800,0,7.2,-5,APOGEE_x,1,no such place
3,10,21,5800,0,7.2,,APOGEE_y,1,no velocity
4,11,22,5800,0.1,7.2,3,HARPS,1,fine
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "stars.csv"
    path.write_text(CSV)
    return path


def test_valid_stars_with_a_velocity_are_read(table: Path) -> None:
    stars, left_out = tables.read(table)
    assert (list(stars.source_id), left_out) == (["1", "4"], 2)


def test_surveys_are_chosen_by_name_or_pattern(table: Path) -> None:
    assert list(tables.read(table, ["APOGEE*"])[0].source_id) == ["1"]
    assert list(tables.read(table, ["HARPS", "none"])[0].source_id) == ["4"]


def test_parquet_reads_the_same(table: Path) -> None:
    parquet = table.with_suffix(".parquet")
    pq.write_table(pa_csv.read_csv(table), parquet)
    ours, theirs = tables.read(table)[0], tables.read(parquet)[0]
    assert list(ours.source_id) == list(theirs.source_id)
    assert [*ours.numeric["teff"]] == [*theirs.numeric["teff"]]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ra,dec\n1,2\n", "no column rv_kms"),
        ("ra,dec,rv_kms\n1,2,fast\n", "fast"),
        ("ra,dec,rv_kms,survey\n1,2,3,A\n", "no survey B; it has A"),
        ("ra,dec,rv_kms\n1,2,3\n", "no column survey"),
        ("", "Empty"),
    ],
)
def test_a_table_that_will_not_do_says_why(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "stars.csv"
    path.write_text(text)
    with pytest.raises(AstroScaleError, match=says) as raised:
        tables.read(path, ["B"])
    assert raised.value.code == "bad_table"


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(AstroScaleError, match="there is no table"):
        tables.read(tmp_path / "none.csv")


def test_numbers_written_as_text_in_parquet_are_read(tmp_path: Path) -> None:
    path = tmp_path / "stars.parquet"
    pq.write_table(pa.table({"ra": ["1.5"], "dec": [2], "rv_kms": [3.0]}), path)
    assert tables.read(path)[0].numeric["ra"][0] == 1.5
