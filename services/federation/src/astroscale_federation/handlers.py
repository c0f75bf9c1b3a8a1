"""Wire in, plain objects out: what each topic's records become."""

from collections.abc import Awaitable, Callable
from typing import Any

from astroscale_shared.runtime import logging
from astroscale_shared.runtime.errors import AstroScaleError

from astroscale_federation import messages, wire
from astroscale_federation.coordinator import Coordinator
from astroscale_federation.messages import CoordinatorStarted, RoundOpened
from astroscale_federation.worker import Worker

Handle = Callable[[Any], Awaitable[None]]


def _unreadable(record: Any, error: AstroScaleError) -> None:
    logging.get("handlers").warning(
        "unreadable", topic=record.topic, partition=record.partition, offset=record.offset, reason=error.message
    )


def commands(coordinator: Coordinator) -> Handle:
    """Commands to the coordinator."""

    async def handle(record: Any) -> None:
        try:
            command = messages.read(messages.COMMANDS, record.value or b"")
        except AstroScaleError as error:
            _unreadable(record, error)
            return
        await coordinator.on_command(command)

    return handle


def notices(coordinator: Coordinator) -> Handle:
    """Workers' notices to the coordinator."""

    async def handle(record: Any) -> None:
        try:
            notice = messages.read(messages.WORKERS, record.value or b"")
        except AstroScaleError as error:
            _unreadable(record, error)
            return
        await coordinator.on_notice(notice)

    return handle


def takeovers(coordinator: Coordinator, superseded: Callable[[str], None]) -> Handle:
    """Another coordinator's start, which ends this one."""

    async def handle(record: Any) -> None:
        value: bytes = record.value or b""
        if not value.startswith(b"{"):
            return  # a round with its tensors, which this process wrote itself
        try:
            message = messages.read(messages.ROUNDS, value)
        except AstroScaleError as error:
            _unreadable(record, error)
            return
        if isinstance(message, CoordinatorStarted) and coordinator.superseded_by(message.instance):
            superseded(message.instance)

    return handle


def rounds(worker: Worker) -> Handle:
    """The rounds topic to a worker."""

    async def handle(record: Any) -> None:
        value: bytes = record.value or b""
        try:
            text, tensors = (value, {}) if value.startswith(b"{") else wire.unpack(value)
            message = messages.read(messages.ROUNDS, text)
        except AstroScaleError as error:
            _unreadable(record, error)
            return
        match message:
            case RoundOpened():
                await worker.on_round(message, tensors)
            case CoordinatorStarted():
                await worker.greet()
            case _:
                pass

    return handle
