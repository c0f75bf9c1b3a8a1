"""Structured logs: one JSON object a line on standard error; an event's name and fields."""

import json
import logging
import sys
import time

import orjson
import structlog


def configure(service: str, level: str = "info") -> None:
    """Set up structlog and the standard library's logging for this process."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(serializer=_dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name, _name_service(service)],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    handler.addFilter(_OncePerMinute())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


class _OncePerMinute(logging.Filter):
    """Lets one line of each kind pass a minute, with the count of those held back.

    The Kafka client logs each retry; with many small transactions the broker asks for several a second, and a line each
    would bury the one that matters. A failure that goes on still shows, once a minute, with its number.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, str], float] = {}
        self._held: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = (record.name, str(record.msg))
        now = time.monotonic()
        if now - self._passed.get(kind, float("-inf")) < 60.0:
            self._held[kind] = self._held.get(kind, 0) + 1
            return False
        if len(self._passed) > 1_000:
            self._passed.clear()
        self._passed[kind] = now
        held = self._held.pop(kind, 0)
        if held:
            record.msg, record.args = f"{record.getMessage()} ({held} more of this kind in the last minute)", None
        return True


def _name_service(service: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.setdefault("service", service)
        return event

    return add


def _dumps(value: object, **_: object) -> str:
    try:
        return orjson.dumps(value, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a whole number beyond 64 bits, half a surrogate pair: a line is never lost over its content
        return json.dumps(value, default=repr, skipkeys=True)


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that names its part of the service."""
    return structlog.get_logger(part=name)
