"""What a training run says on the terminal: the card's own figures."""

from astroscale_shared.registry import ModelCard
from rich.console import Console
from rich.table import Table


def print_card(card: ModelCard, console: Console) -> None:
    """Print cuts, accuracy and calibration of a card."""
    console.print(_cuts(card), _metrics(card), _calibration(card))
    parity = card.parity
    console.print(
        f"Parity: {parity.max_error_kms:.2g} km/s at most on {parity.rows} rows, allowed {parity.tolerance_kms:g}."
    )


def _cuts(card: ModelCard) -> Table:
    table = Table(title="Rows read and left out")
    table.add_column("table or cut")
    table.add_column("rows", justify="right")
    table.add_column("why")
    for file in card.data:
        table.add_row(file.file, str(file.rows), f"sha256 {file.sha256[:12]}")
    for cut in card.cuts:
        table.add_row(f"- {cut.name}", str(cut.rows), cut.reason)
    return table


def _metrics(card: ModelCard) -> Table:
    table = Table(title="Accuracy on held-out stars")
    for name in ("figure", "value", "spread", "stars"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    for name, metric in card.metrics.items():
        unit = "" if metric.unit == "-" else f" {metric.unit}"
        spread = "" if metric.spread is None else f"{metric.spread:.3f}"
        table.add_row(name, f"{metric.value:.3f}{unit}", spread, str(metric.rows or ""))
    return table


def _calibration(card: ModelCard) -> Table:
    table = Table(title="90 % interval on held-out stars")
    for name in ("inputs", "rows", "coverage", "spread", "mean width, km/s"):
        table.add_column(name, justify="left" if name == "inputs" else "right")
    for row in card.calibration:
        spread = "" if row.coverage_spread is None else f"{row.coverage_spread:.3f}"
        table.add_row(row.pattern, str(row.rows), f"{row.coverage:.3f}", spread, f"{row.mean_width_kms:.1f}")
    return table
