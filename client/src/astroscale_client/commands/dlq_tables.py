"""Dead letters as a person reads them."""

from collections.abc import Sequence
from typing import Any

from astroscale_shared.messaging import headers, letters
from astroscale_shared.messaging.contracts import DeadLetter, RejectedRow
from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.receipts import Receipts
from astroscale_shared.messaging.redrive import Original
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from astroscale_client import moments
from astroscale_client.dlq import summary
from astroscale_client.output import number


def list_tables(messages: Sequence[Refused], given: Receipts, limit: int) -> RenderableType:
    """The newest messages, and the reasons of all."""
    if not messages:
        return Text("no dead letters")
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("position", "refused at (UTC)", "rows", "reasons", "first of them", "hop", "re-driven"):
        shown.add_column(name, justify="right" if name in ("rows", "hop") else "left", overflow="fold")
    for message in messages[-limit:]:
        shown.add_row(
            message.position,
            moments.shown(message.at_ms),
            f"{number(message.refused)} of {number(message.head.rows_total)}",
            _plain(", ".join(message.rows)),
            _plain(_first(message.example)),
            str(message.head.hop),
            _redriven(message, given),
        )
    return Group(shown, Text(), reasons_table(summary.by_reason(messages, given)))


def reasons_table(reasons: Sequence[summary.OfReason]) -> Table:
    """How many rows each reason refused."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("reason", "rows", "messages", "re-driven", ""):
        shown.add_column(name, justify="left" if name in ("reason", "") else "right", overflow="fold")
    for of in reasons:
        numbers = (number(of.rows), number(of.messages), number(of.redriven))
        shown.add_row(_plain(of.reason), *numbers, Text(of.description, style="dim"))
    return shown


def letter_tables(
    message: Refused, parts: Sequence[DeadLetter], original: Original | None, given: Receipts, limit: int
) -> RenderableType:
    """One message: where it is from, its refused rows, itself."""
    head = message.head
    about = Table.grid(padding=(0, 2))
    about.add_column(style="dim", no_wrap=True)
    about.add_column(overflow="fold")
    for name, said in (
        (
            "letter",
            f"{message.position}, refused {moments.shown(message.at_ms)} by {head.service} {head.service_version}",
        ),
        ("message", f"{head.topic} partition {head.partition} offset {head.offset}"),
        ("origin", f"{head.origin}, re-driven {head.hop} times before" if head.hop else head.origin),
        ("rows", f"{number(message.refused)} refused of {number(head.rows_total)}"),
        ("re-driven", _redriven(message, given)),
        (
            "key",
            "none" if original is None or original.key is None else original.key.decode("utf-8", "backslashreplace"),
        ),
        *((f"header {name}", value) for name, value in (headers.read(original.headers) if original else {}).items()),
    ):
        about.add_row(_plain(name), _plain(said))
    rows = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("row", "reason", "field", "value", "detail"):
        rows.add_column(name, justify="right" if name == "row" else "left", overflow="fold")
    refused = [row for part in parts for row in part.rejected]
    for row in refused[:limit]:
        rows.add_row(number(row.row), *(_plain(x or "") for x in (row.code, row.field, row.value, row.detail)))
    more = [Text(f"... and {number(len(refused) - limit)} more", style="dim")] if len(refused) > limit else []
    return Group(about, Text(), rows, *more, Text(), _message(original))


def shown_document(
    message: Refused, parts: Sequence[DeadLetter], original: Original | None, given: Receipts
) -> dict[str, Any]:
    """The same for other programs."""
    return {
        **summary.entry(message, given),
        "service": message.head.service,
        "service_version": message.head.service_version,
        "rejected": [row.model_dump() for part in parts for row in part.rejected],
        "headers": headers.read(original.headers) if original else message.head.headers,
        "bytes": None if original is None else len(original.value),
        "text": None if original is None else letters.text(original.value, 1 << 20),
    }


def _message(original: Original | None) -> RenderableType:
    if original is None:
        return Text("the message is not whole any more", style="yellow")
    size = f"the message, {number(len(original.value))} bytes"
    shown = letters.text(original.value)
    if shown is None:
        return Text(f"{size}, is no text: `astroscale dlq export --raw` writes it to a file", style="dim")
    return Group(Text(f"{size}:", style="dim"), Text(shown))


def _first(row: RejectedRow | None) -> str:
    if row is None:
        return ""
    if row.field is None:
        return row.detail[:60]
    return f"{row.field} = {row.value}" if row.value is not None else row.field


def _redriven(message: Refused, given: Receipts) -> str:
    done = summary.redriven(message, given)
    if not done:
        return "no"
    return "yes" if done == message.refused else f"{number(done)} of {number(message.refused)}"


def _plain(text: str) -> Text:
    return Text(letters.printable(text))
