"""Says what is going on: to a person on the console, and as JSON lines to the supervisor's own log."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape


class Report:
    """Steps with a spinner while they run and a line when they are done; sentences in between."""

    def __init__(self, console: Console, log: Path | None = None) -> None:
        self.console = console
        self._log = log

    @contextmanager
    def step(self, title: str) -> Generator[Callable[[str], None]]:
        """One step. The value is a function that changes what is shown while it runs and beside its tick."""
        detail = ""
        began = time.monotonic()
        with self.console.status(escape(title)) as status:

            def show(text: str) -> None:
                nonlocal detail
                detail = text
                status.update(escape(f"{title}: {text}"))

            try:
                yield show
            except BaseException as error:
                self.console.print(f"[red]✗[/] {escape(title)}")
                self.log("step_failed", step=title, error=type(error).__name__, reason=str(error))
                raise
        seconds = time.monotonic() - began
        shown = f"  [dim]{escape(detail)}[/]" if detail else ""
        self.console.print(f"[green]✓[/] {escape(title)}{shown}  [dim]{seconds:.1f} s[/]", soft_wrap=True)
        self.log("step_done", step=title, detail=detail, seconds=round(seconds, 3))

    def say(self, text: str, event: str, style: str = "", **fields: object) -> None:
        """A sentence for the person, an event with fields for the log."""
        self.console.print(escape(text), style=style, soft_wrap=True)
        self.log(event, **fields)

    def log(self, event: str, **fields: object) -> None:
        """An event for the log only."""
        if self._log is None:
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        line = {"event": event, "timestamp": datetime.now(UTC).isoformat(), "service": "supervisor", **fields}
        with self._log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
