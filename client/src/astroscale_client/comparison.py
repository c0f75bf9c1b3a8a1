"""Two models by their cards: what each says of itself, side by side."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from astroscale_shared.registry import Calibration, Metric, ModelCard

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. onnx_bytes: the size of its graph."""

    card: ModelCard
    onnx_bytes: int


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric of both. difference: b - a. `spread` is the standard deviation over the folds, of each."""

    name: str
    a: Metric | None
    b: Metric | None

    @property
    def unit(self) -> str:
        """The first one's unit, else the second's."""
        one = self.a or self.b
        return one.unit if one else "-"

    @property
    def difference(self) -> float | None:
        """b - a, where both have it in the same unit."""
        if self.a is None or self.b is None or self.a.unit != self.b.unit:
            return None
        return self.b.value - self.a.value


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """How an interval of one level keeps its promise for one group of stars."""

    pattern: str
    level: float
    a: Calibration | None
    b: Calibration | None


@dataclass(frozen=True, slots=True)
class DataRow:
    """A table that one or both learnt from. same: whether both mean the same bytes."""

    file: str
    a_sha256: str | None
    b_sha256: str | None

    @property
    def same(self) -> bool:
        """Whether both learnt from it, byte for byte."""
        return self.a_sha256 is not None and self.a_sha256 == self.b_sha256


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that two cards have in common, and what only one has. counts: stars of each survey, by a and b."""

    a: Side
    b: Side
    metrics: tuple[MetricRow, ...]
    calibration: tuple[CalibrationRow, ...]
    counts: dict[str, tuple[int, int]]
    data: tuple[DataRow, ...]

    @property
    def same_data(self) -> bool | None:
        """Whether both learnt from the same bytes: only then do their figures compare like with like.

        None where a card does not say from which.
        """
        if not (self.a.card.data and self.b.card.data):
            return None
        return all(row.same for row in self.data)

    def to_document(self) -> dict[str, Any]:
        """JSON for other programs."""
        return {
            "a": _side(self.a),
            "b": _side(self.b),
            "same_data": self.same_data,
            "same_encoding": self.a.card.encoding_version == self.b.card.encoding_version,
            "metrics": {
                row.name: {"unit": row.unit, "a": _plain(row.a), "b": _plain(row.b), "difference": row.difference}
                for row in self.metrics
            },
            "calibration": [
                {"pattern": row.pattern, "level": row.level, "a": _plain(row.a), "b": _plain(row.b)}
                for row in self.calibration
            ],
            "counts_per_survey": {survey: {"a": a, "b": b} for survey, (a, b) in self.counts.items()},
            "data": [asdict(row) | {"same": row.same} for row in self.data],
        }


def compare(a: Side, b: Side) -> Comparison:
    """Put two cards side by side, in the order of the first."""
    first, second = a.card, b.card
    calibration_a, calibration_b = _by_group(first), _by_group(second)
    data_a = {one.file: one.sha256 for one in first.data}
    data_b = {one.file: one.sha256 for one in second.data}
    return Comparison(
        a,
        b,
        tuple(
            MetricRow(name, first.metrics.get(name), second.metrics.get(name))
            for name in _union(first.metrics, second.metrics)
        ),
        tuple(
            CalibrationRow(*group, calibration_a.get(group), calibration_b.get(group))
            for group in _union(calibration_a, calibration_b)
        ),
        {
            survey: (first.counts_per_survey.get(survey, 0), second.counts_per_survey.get(survey, 0))
            for survey in _union(first.counts_per_survey, second.counts_per_survey)
        },
        tuple(DataRow(file, data_a.get(file), data_b.get(file)) for file in _union(data_a, data_b)),
    )


def _by_group(card: ModelCard) -> dict[tuple[str, float], Calibration]:
    return {(row.pattern, row.level): row for row in card.calibration}


def _union(a: Mapping[_Key, object], b: Mapping[_Key, object]) -> list[_Key]:
    return list(dict.fromkeys((*a, *b)))


def _plain(part: Metric | Calibration | None) -> dict[str, Any] | None:
    return part.model_dump(mode="json") if part else None


def _side(side: Side) -> dict[str, Any]:
    card = side.card
    return {
        "name": card.name,
        "version": card.version,
        "model_type": card.model_type,
        "trained_at": card.trained_at,
        "encoding_version": card.encoding_version,
        "normalization": card.normalization,
        "onnx_bytes": side.onnx_bytes,
        "known_failures": list(card.known_failures),
    }
