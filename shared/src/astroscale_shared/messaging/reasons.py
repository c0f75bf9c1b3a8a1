"""Why a row or a message is refused: the one list of codes that dead letters, totals and metrics use."""

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A code, and what it says to whoever reads a letter."""

    description: str

    def __new__(cls, code: str, description: str) -> Self:
        """A str that is the code."""
        made = str.__new__(cls, code)
        made._value_ = code
        made.description = description
        return made

    EMPTY_MESSAGE = "empty_message", "the message has no bytes"
    NOT_UTF8 = "not_utf8", "text that is not UTF-8, or half a surrogate pair"
    BAD_JSON = "bad_json", "not JSON, or a broken line of JSON lines"
    BAD_ARROW = "bad_arrow", "not a readable Arrow IPC stream"
    BAD_CODEC = "bad_codec", "compressed by a codec that cannot be read here, or damaged under it"
    BAD_PROVENANCE = "bad_provenance", "headers of a re-drive or replay that cannot be read"
    TOO_MANY_ROWS = "too_many_rows", "more rows than one message may have"
    TOO_LARGE = "too_large", "more bytes, once unfolded, than one message may have"
    WRONG_TYPE = "wrong_type", "a value or column of another type"
    TOO_LONG = "too_long", "a text with more characters than allowed"
    DUPLICATE_COLUMN = "duplicate_column", "a column that is there more than once"
    BROKEN_LINE = "broken_line", "a line of a table that did not split into its columns"
    NOT_AN_OBJECT = "not_an_object", "a star that is not a JSON object"
    NOT_FINITE = "not_finite", "a number that is not finite"
    MISSING_REQUIRED = "missing_required", "a star without ra or dec"
    OUT_OF_RANGE = "out_of_range", "a value outside its allowed range"
    WRONG_ENCODING = "wrong_encoding", "another encoding version than the model's"
    WRONG_COLUMNS = "wrong_columns", "not the columns of an encoded batch"
    NOT_FINITE_PREDICTION = "not_finite_prediction", "the model's answer is not a finite number"
