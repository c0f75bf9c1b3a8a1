"""What a training run says on the terminal: the card's own figures and nothing else; 100 columns are enough."""

from collections.abc import Iterable, Sequence

from astroscale_shared.registry import ModelCard
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from astroscale_training.summary import (
    COMPARED,
    accuracy_rows,
    comparison_of,
    comparison_rows,
    interval_rows,
    other_figures,
    zero_point_rows,
)


def print_card(card: ModelCard, console: Console) -> None:
    """Print cuts, zero points, accuracy, calibration and known failures of a card."""
    parts = [_cuts(card), *_zero_points(card), _accuracy(card), _others(card), _intervals(card), *_comparison(card)]
    for part in parts:
        console.print(part, highlight=False)
        console.print()
    for failure in card.known_failures:
        console.print(f"- {failure}", markup=False, highlight=False)
    parity = card.parity
    console.print(
        f"Parity: {parity.max_error_kms:.2g} km/s at most on {parity.rows} rows, allowed {parity.tolerance_kms:g}."
    )


def _cuts(card: ModelCard) -> Table:
    rows = [(file.file, str(file.rows), f"sha256 {file.sha256[:12]}") for file in card.data]
    rows += [(f"- {cut.name}", str(cut.rows), cut.reason) for cut in card.cuts]
    return _table("Rows read and left out", ("table or cut", "rows", "why"), rows, left=(0, 2))


def _zero_points(card: ModelCard) -> Iterable[Table]:
    rows = list(zero_point_rows(card))
    if rows:
        columns = ("survey", "stars", "common", "offset", "left by a fit", "corrected")
        yield _table("Zero points: a survey's velocities minus the others', km/s", columns, rows)


def _accuracy(card: ModelCard) -> Table:
    columns = ("group", "stars", "R2", "unseen sky", "in surveys", "unseen sky")
    rows = [(row.group, str(row.stars), *row.figures) for row in accuracy_rows(card)]
    return _table("Explained variance (R2) of held-out stars ± spread over folds", columns, rows)


def _others(card: ModelCard) -> Table:
    return _table("Other figures on held-out stars", ("figure", "value"), list(other_figures(card)))


def _intervals(card: ModelCard) -> Table:
    columns = ("group", "rows", "in 90 %", "in 68 %", "width of 90 %, km/s", "")
    rows: list[Sequence[str]] = []
    view = ""
    for row in interval_rows(card):
        if row.view != view:
            view = row.view
            rows.append((f"[bold]{escape(view)}[/]", "", "", "", "", ""))
        mark = "" if row.kept else "[red]off[/]"
        rows.append((f"  {escape(row.group)}", str(row.rows), *row.coverage, row.width, mark))
    return _table("Intervals on held-out stars", columns, rows, markup=True)


def _comparison(card: ModelCard) -> Iterable[Table | str]:
    comparison = comparison_of(card)
    if comparison:
        columns = ("candidate", "score", "to the best", *COMPARED, "s a fit")
        title = "Candidates: R2 on shuffled folds / unseen sky"
        yield _table(title, columns, list(comparison_rows(comparison)))
        yield f"{comparison.rule} {comparison.verdict}"


def _table(
    title: str,
    columns: Iterable[str],
    rows: Iterable[Sequence[str]],
    *,
    left: tuple[int, ...] = (0,),
    markup: bool = False,
) -> Table:
    table = Table(title=title, box=None, header_style="bold", title_justify="left", pad_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number in left else "right", no_wrap=number not in left)
    for row in rows:
        table.add_row(*(row if markup else map(escape, row)))
    return table
