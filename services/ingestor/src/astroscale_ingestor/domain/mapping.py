"""Which column of a table is which column of an observation. An ambiguity is an error, never a guess."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import NUMERIC, REQUIRED, TEXT

TARGETS = (*TEXT, *(column.name for column in NUMERIC))


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """target -> the table's own column name, for the targets that the table has; and the columns left aside."""

    columns: Mapping[str, str]
    unused: tuple[str, ...]

    def text(self) -> str:
        """One stable line, part of a run's identity."""
        return ",".join(f"{target}={self.columns[target]}" for target in sorted(self.columns))


def map_columns(names: Sequence[str], explicit: Mapping[str, str]) -> ColumnMapping:
    """Map by the explicit pairs (target -> column), then by equal names, upper and lower case alike.

    AstroScaleError: `unknown_target`, `unknown_column`, `ambiguous_column`, `missing_column` (ra or dec).
    """
    for target, column in explicit.items():
        if target not in TARGETS:
            raise AstroScaleError("unknown_target", f"--map {target}={column}: targets are {', '.join(TARGETS)}")
        if column not in names:
            raise AstroScaleError("unknown_column", f"--map {target}={column}: the table has {_shown(names)}")
    found = dict(explicit)
    for target in TARGETS:
        if target in found:
            continue
        same = [name for name in names if name.strip().lower() == target]
        if len(same) > 1:
            raise AstroScaleError(
                "ambiguous_column", f"{target} could be {' or '.join(same)}; say which with --map {target}=COLUMN"
            )
        if same:
            found[target] = same[0]
    lacking = sorted(REQUIRED - found.keys())
    if lacking:
        raise AstroScaleError(
            "missing_column",
            f"no column for {' and '.join(lacking)}; the table has {_shown(names)}; say which with --map ra=COLUMN",
        )
    used = set(found.values())
    return ColumnMapping(found, tuple(name for name in names if name not in used))


def _shown(names: Sequence[str]) -> str:
    shown = ", ".join(names[:30])
    return shown + (f" and {len(names) - 30} more" if len(names) > 30 else "")
