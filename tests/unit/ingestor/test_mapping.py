"""Columns are mapped by what the user says, then by name; a doubt is an error, never a guess."""

import pytest
from astroscale_ingestor.domain.mapping import ColumnMapping, map_columns
from astroscale_shared.runtime.errors import AstroScaleError


def refused(names: list[str], explicit: dict[str, str] | None = None) -> tuple[str, str]:
    with pytest.raises(AstroScaleError) as error:
        map_columns(names, explicit or {})
    return error.value.code, error.value.message


def test_equal_names_are_taken_whatever_their_case_and_spaces() -> None:
    found = map_columns(["RA", " Dec ", "Teff", "mag"], {})
    assert found == ColumnMapping({"ra": "RA", "dec": " Dec ", "teff": "Teff"}, ("mag",))


def test_the_user_is_right_over_equal_names() -> None:
    found = map_columns(["ra", "dec", "teff", "teff_gspphot"], {"teff": "teff_gspphot"})
    assert found.columns["teff"] == "teff_gspphot"
    assert found.unused == ("teff",)


def test_two_columns_of_one_name_are_a_doubt_that_the_user_settles() -> None:
    code, said = refused(["ra", "RA", "dec"])
    assert code == "ambiguous_column"
    assert "ra or RA" in said
    assert "--map ra=COLUMN" in said
    assert map_columns(["ra", "RA", "dec"], {"ra": "RA"}).columns["ra"] == "RA"


@pytest.mark.parametrize(
    ("names", "explicit", "code", "named"),
    [
        (["ra", "dec"], {"mass": "ra"}, "unknown_target", "mass"),
        (["ra", "dec"], {"teff": "temp"}, "unknown_column", "temp"),
        (["ra", "temp"], {}, "missing_column", "dec"),
        (["x"], {}, "missing_column", "dec and ra"),
        ([], {}, "missing_column", "dec and ra"),
    ],
)
def test_what_is_unknown_or_missing_is_named(names: list[str], explicit: dict[str, str], code: str, named: str) -> None:
    found, said = refused(names, explicit)
    assert found == code
    assert named in said


def test_a_wide_table_is_shown_in_part() -> None:
    assert "and 70 more" in refused([f"c{i}" for i in range(100)])[1]


def test_a_mapping_has_one_line_whatever_the_order() -> None:
    assert map_columns(["dec", "ra"], {}).text() == map_columns(["ra", "dec"], {}).text() == "dec=dec,ra=ra"
