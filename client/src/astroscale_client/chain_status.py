"""Where the stream stands, by the ledger's own totals: quick, and as true as the services' counters.

`astroscale audit` recounts the same from the topics.
"""

import asyncio
import os
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import httpx
import orjson
from astroscale_shared.messaging import ledger, topics
from astroscale_shared.messaging.ledger import StageTotals
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_client import where, wire
from astroscale_client.reader import Reader

_PROBE_TIMEOUT_S: Final = 2.0
_DEFAULT_PORTS: Final = {
    "ingestor": ("INGESTOR", 9101),
    "preprocessor": ("PREPROCESSOR", 9102),
    "inference": ("INFERENCE", 9103),
    "federation": ("FEDERATION", 9104),
}


@dataclass(slots=True)
class Kind:
    """Rows of one kind: new ones (`first`), or of messages that were re-driven or replayed onto the topic."""

    rows_in: int
    rows_out: int
    rows_rejected: int


@dataclass(slots=True)
class Stage:
    """One step of the stream, rows of all kinds together. lag counts `lag_unit` (messages of the raw topic, rows of the
    encoded one). offsets_expired: what retention took before it was read."""

    topic: str
    service: str
    rows_in: int
    rows_out: int
    rows_rejected: int
    rejected_by: dict[str, int]
    messages: int
    lag: int
    lag_unit: str
    adds_up: bool
    offsets_expired: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict[str, Kind])


@dataclass(slots=True)
class Probe:
    """What a service answers on /readyz. `ready` is None where nothing answers."""

    name: str
    url: str
    ready: bool | None
    reasons: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Status:
    """The two stages, and whether every row is accounted for."""

    stages: list[Stage]
    services: list[Probe]

    @property
    def adds_up(self) -> bool:
        """Both stages add up, and inference has not had more rows than were encoded."""
        return all(stage.adds_up for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"adds_up": self.adds_up}


async def read(settings: KafkaSettings, *, url: str | None = None) -> Status:
    """The status now; AstroScaleError `kafka_unreachable` or `topic_missing`."""
    async with Reader(settings) as reader:
        # Downstream first: what inference has counted was counted by the preprocessor before.
        lag = await reader.lag(topics.PREPROCESSOR_GROUP, topics.RAW)
        totals = await ledger.read(settings)
    services = await probe_all(url)
    return Status(stages_of(ledger.add_up(totals), sum(lag.values())), services)


def stages_of(totals: dict[str, StageTotals], raw_lag: int) -> list[Stage]:
    """The stages of the ledger's sums; a service that has done nothing yet has zeros."""
    encode = totals.get("preprocessor", StageTotals())
    score = totals.get("inference", StageTotals())
    waiting = ledger.waiting(totals)
    return [
        _stage(topics.RAW, "preprocessor", encode, raw_lag, "messages", adds_up=encode.adds_up),
        _stage(topics.ENCODED, "inference", score, max(0, waiting), "rows", adds_up=score.adds_up and waiting >= 0),
    ]


def _stage(topic: str, service: str, totals: StageTotals, lag: int, unit: str, *, adds_up: bool) -> Stage:
    return Stage(
        topic=topic,
        service=service,
        rows_in=totals.rows_in,
        rows_out=totals.rows_out,
        rows_rejected=totals.rows_rejected,
        rejected_by=dict(sorted(totals.rejected_by.items(), key=lambda item: -item[1])),
        messages=totals.messages,
        lag=lag,
        lag_unit=unit,
        adds_up=adds_up,
        offsets_expired=totals.offsets_expired,
        kinds={k: Kind(of.rows_in, of.rows_out, of.rows_rejected) for k, of in totals.kinds.items()},
    )


async def probe_all(url: str | None = None) -> list[Probe]:
    """The gateway, and the services of the system in this folder, else those on their usual ports that answer."""
    gateway = where.gateway_url(url)
    found = where.running()
    if found is not None:
        known = {service.name: service.url for service in found.services if service.url.startswith("http")}
    else:
        known = {name: _usual(section, port) for name, (section, port) in _DEFAULT_PORTS.items()}
    if gateway not in known.values():
        known = {**known, "gateway": gateway}
    async with httpx.AsyncClient(timeout=_PROBE_TIMEOUT_S, mounts=wire.DIRECT_ASYNC) as client:
        probes = await asyncio.gather(*(_probe(client, name, address) for name, address in known.items()))
    return [p for p in probes if found is not None or p.ready is not None or p.name == "gateway"]


def _usual(section: str, port: int) -> str:
    return f"http://127.0.0.1:{os.environ.get(f'ASTROSCALE_{section}__METRICS_PORT') or port}"


async def _probe(client: httpx.AsyncClient, name: str, url: str) -> Probe:
    try:
        answer = await client.get(f"{url}/readyz")
        document = orjson.loads(answer.content)
        return Probe(name, url, bool(document["ready"]), [str(reason) for reason in document["reasons"]])
    except httpx.HTTPError as error:
        return Probe(name, url, None, [f"does not answer ({type(error).__name__})"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Probe(name, url, None, ["something else answers there"])
