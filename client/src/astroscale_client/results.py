"""A table and its predictions beside it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA, QUANTILES
from astroscale_shared.stars.columns import RV_KMS
from astroscale_shared.stars.flags import names_of

from astroscale_client.inputs import Inputs

TAIL: Final = "tail_probability"
_TEXTS: Final = ("flags", "model_name", "model_version", "error")
_FIELDS: Final = tuple(
    pa.field(f.name, pa.string(), metadata=None) if f.name in _TEXTS else pa.field(f.name, f.type)
    for f in ANSWER_SCHEMA
)
ADDED: Final = tuple(f.name for f in _FIELDS)
"""What is added to a table, in this order; the tail probability only where a velocity was measured."""


def schema(source: pa.Schema) -> pa.Schema:
    """The columns of the result: those of the table, then ours.

    A column of the table that has the name of one of ours is kept as `<name>_input`.
    """
    names = set(source.names)
    fields: list[pa.Field] = []
    for one in source:
        name: str = one.name
        while name in ADDED or (name != one.name and name in names):
            name += "_input"
        names.add(name)
        fields.append(one.with_name(name))
    return pa.schema([*fields, *(f for f in _FIELDS if f.name != TAIL or RV_KMS.name in source.names)])


def answer_of(inputs: Inputs, answer: pa.RecordBatch | None) -> pa.RecordBatch:
    """The answer to the rows that were asked for (None: to none) as one of all rows, with the reasons of the others."""
    if answer is not None and not inputs.refused:
        return answer
    places = np.full(inputs.size, -1, dtype=np.int64)
    places[inputs.rows] = np.arange(len(inputs.rows))
    there = answer if answer is not None else pa.RecordBatch.from_pylist([], schema=ANSWER_SCHEMA)
    whole = there.take(pa.array(places, mask=places < 0))
    errors = whole.column("error").to_pylist()
    for row, reason in inputs.refused.items():
        errors[row] = reason
    return whole.set_column(whole.num_columns - 1, "error", pa.array(errors, type=pa.string()))


def beside(table: pa.Table, answer: pa.RecordBatch, result: pa.Schema) -> pa.Table:
    """The table with the columns of its answer, by `schema`; where a row was refused, only `error` is filled."""
    made = {name: answer.column(name) for name in ADDED}
    made["flags"] = flag_names(made["flags"])
    for name in ("model_name", "model_version"):
        made[name] = made[name].cast(pa.string())
    ours = result.names[table.num_columns :]
    return pa.Table.from_arrays([*table.columns, *(made[name] for name in ours)], schema=result)


def flag_names(flags: pa.Array) -> pa.Array:
    """uint32 bits as their names, with semicolons between."""
    known = flags.dictionary_encode()
    words = pa.array([";".join(names_of(bits)) for bits in known.dictionary.to_pylist()], type=pa.string())
    return words.take(known.indices)


_WIDTH_STEP_KMS: Final = 0.1
_WIDTH_BINS: Final = 50_000
_MOST_REASONS: Final = 1_000


@dataclass(slots=True)
class Tally:
    """What became of the rows so far, in bounded memory."""

    rows: int = 0
    refused: int = 0
    reasons: Counter[str] = field(default_factory=Counter[str])
    flags: Counter[str] = field(default_factory=Counter[str])
    models: set[str] = field(default_factory=set[str])
    _widths: Any = field(default_factory=lambda: np.zeros(_WIDTH_BINS, dtype=np.int64))

    def add(self, answer: pa.RecordBatch) -> None:
        """Count the rows of one answer."""
        good = answer.filter(answer.column("error").is_null())
        self.rows += answer.num_rows
        self.refused += answer.num_rows - good.num_rows
        for reason in answer.column("error").drop_null().to_pylist():
            if reason in self.reasons or len(self.reasons) < _MOST_REASONS:
                self.reasons[reason] += 1
        for counted in good.column("flags").value_counts().to_pylist():
            for name in names_of(counted["values"]):
                self.flags[name] += counted["counts"]
        for counted in set(zip(*(good.column(n).to_pylist() for n in ("model_name", "model_version")), strict=True)):
            self.models.add(" ".join(counted))
        width = good.column(QUANTILES[-1]).to_numpy() - good.column(QUANTILES[0]).to_numpy()
        bins = np.clip(width / _WIDTH_STEP_KMS, 0, _WIDTH_BINS - 1).astype(np.int64)
        self._widths += np.bincount(bins, minlength=_WIDTH_BINS)

    @property
    def median_width_kms(self) -> float | None:
        """Of the 90 % interval, to 0.1 km/s."""
        total = int(self._widths.sum())
        if not total:
            return None
        return round(float(np.searchsorted(self._widths.cumsum(), (total + 1) // 2)) * _WIDTH_STEP_KMS, 1)

    def summary(self) -> Mapping[str, Any]:
        """For people and programs."""
        return {
            "rows": self.rows,
            "predicted": self.rows - self.refused,
            "refused": self.refused,
            "refused_because": dict(self.reasons.most_common(5)),
            "flagged": dict(self.flags.most_common()),
            "median_interval_width_kms": self.median_width_kms,
            "models": sorted(self.models),
        }
