"""FITS, ECSV and VOTable by astropy, which is imported only where such a file is met."""

import importlib.util
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from astroscale_shared.runtime.errors import AstroScaleError

FORMATS: Final = {
    ".fits": "fits",
    ".fit": "fits",
    ".ecsv": "ascii.ecsv",
    ".vot": "votable",
    ".votable": "votable",
}
"""Formats that astropy reads and writes, by suffix, as astropy calls them."""


def require_astropy(suffix: str) -> None:
    """AstroScaleError `not_installed` where files of this suffix need what is not there."""
    if importlib.util.find_spec("astropy") is None:
        raise AstroScaleError(
            "not_installed", f"{suffix} files need the extra astropy: pip install 'astroscale[astropy]'"
        )


def read(source: Path | bytes, kind: str) -> Any:
    """The one table of a file, or of a file's bytes, as astropy's `Table`; bytes in it are text.

    OSError: no such file, or several tables in one, of which nobody said which is meant.
    """
    from astropy.io.fits.verify import VerifyWarning
    from astropy.io.votable.exceptions import VOWarning
    from astropy.table import Table
    from astropy.units import UnitsWarning

    with one_error(), warnings.catch_warnings():
        for about_headers in (UnitsWarning, VerifyWarning, VOWarning):
            warnings.simplefilter("ignore", about_headers)  # what matters is checked by column
        if kind == "fits":
            _require_one_table(source)
        table: Any = Table.read(_opened(source), format=kind)
        table.convert_bytestring_to_unicode()
    return table


@contextmanager
def one_error() -> Generator[None]:
    """Each format's reader and writer fails in its own types; all become OSError: this is no such file."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error


def _opened(source: Path | bytes) -> Path | BytesIO:
    return BytesIO(source) if isinstance(source, bytes) else source


def _require_one_table(source: Path | bytes) -> None:
    """Of a VOTable astropy itself refuses several; of FITS it takes the first and warns."""
    from astropy.io import fits

    with fits.open(_opened(source)) as parts:
        tables = [number for number, part in enumerate(parts) if isinstance(part, fits.BinTableHDU | fits.TableHDU)]
    if len(tables) > 1:
        raise OSError(f"it holds several tables (extensions {', '.join(map(str, tables))}): give a file with one")
