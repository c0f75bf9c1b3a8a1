"""What dead letters say, as documents for other programs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from astroscale_shared.messaging.letters import Refused
from astroscale_shared.messaging.reasons import Reason
from astroscale_shared.messaging.receipts import Receipts

from astroscale_client import moments


@dataclass(slots=True)
class OfReason:
    """Rows and messages that one reason refused, and how many of the rows have been re-driven."""

    reason: str
    rows: int = 0
    messages: int = 0
    redriven: int = 0

    @property
    def description(self) -> str:
        """What the code means; empty of one that this version does not know."""
        return Reason(self.reason).description if self.reason in list(Reason) else ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "reason": self.reason,
            "rows": self.rows,
            "messages": self.messages,
            "redriven": self.redriven,
            "description": self.description,
        }


def by_reason(messages: Iterable[Refused], given: Receipts) -> list[OfReason]:
    """The most frequent first."""
    found: dict[str, OfReason] = {}
    for message in messages:
        done = given.rows(message)
        for code, rows in message.rows.items():
            of = found.setdefault(code, OfReason(code))
            of.rows += len(rows)
            of.messages += 1
            of.redriven += sum(row in done for row in rows) if done else 0
    return sorted(found.values(), key=lambda of: -of.rows)


def redriven(message: Refused, given: Receipts) -> int:
    """How many of a message's refused rows have been re-driven."""
    done = given.rows(message)
    return sum(row in done for row in message.chosen()) if done else 0


def entry(message: Refused, given: Receipts) -> dict[str, Any]:
    """One message, for JSON."""
    head, first = message.head, message.example
    return {
        "position": message.position,
        "time": moments.shown(message.at_ms),
        "topic": head.topic,
        "partition": head.partition,
        "offset": head.offset,
        "rows_total": head.rows_total,
        "rows_refused": message.refused,
        "reasons": {code: len(rows) for code, rows in message.rows.items()},
        "first": None if first is None else first.model_dump(),
        "hop": head.hop,
        "origin": head.origin,
        "letters": len(message.offsets),
        "whole": message.whole,
        "redriven": redriven(message, given),
    }


def document(messages: Sequence[Refused], given: Receipts, unreadable: int, limit: int) -> dict[str, Any]:
    """The newest `limit` messages, oldest of them first, and all reasons."""
    return {
        "messages": len(messages),
        "unreadable": unreadable,
        "letters": [entry(message, given) for message in messages[-limit:]],
        "reasons": [of.to_dict() for of in by_reason(messages, given)],
    }
