"""Star tables in files: read in pieces where the format allows, written whole or not at all."""

from astroscale_client.tables.files import Opened, check_output, default_output, open_sink, open_source
from astroscale_client.tables.formats import PIECE_ROWS

__all__ = ["PIECE_ROWS", "Opened", "check_output", "default_output", "open_sink", "open_source"]
