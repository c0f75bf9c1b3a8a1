"""One consistent look at moving topics: which offsets an audit compares.

Downstream before upstream, and what the services have committed before both: then all that is committed must be seen
downstream, and all that is seen downstream has its origin upstream. An open transaction (of a service that was killed)
hides records until the broker ends it, so that an audit waits for that.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from astroscale_shared.messaging import ledger
from astroscale_shared.messaging.contracts import LedgerTotals
from astroscale_shared.messaging.transactions import TRANSACTION_TIMEOUT_MS
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_client.audit.chain import Chain
from astroscale_client.reader import Offsets, Reader

_STABLE_WITHIN_S: Final = 2 * TRANSACTION_TIMEOUT_MS / 1000 + 10


@dataclass(frozen=True, slots=True)
class Cut:
    """chain: what was looked at. ends: by topic, where to stop. encoded_to, scored_to: committed offsets of raw and of
    encoded. totals: the ledger then."""

    chain: Chain
    ends: dict[str, Offsets]
    encoded_to: Offsets
    scored_to: Offsets
    totals: list[LedgerTotals]


async def take(settings: KafkaSettings, chain: Chain, reader: Reader) -> Cut:
    """Take it; AstroScaleError `open_transaction` where one does not end."""
    scored_to = await reader.group_offsets(chain.scoring_group, chain.encoded)
    encoded_to = await reader.group_offsets(chain.preprocessor_group, chain.raw)
    totals = await ledger.read(settings)
    ends = {topic: await reader.last_ends(topic) for topic in chain.downstream_first}
    ends[chain.raw] = await reader.stable_ends(chain.raw)
    for topic in chain.downstream_first:
        await _stable(reader, topic, ends[topic])
    return Cut(chain, ends, encoded_to, scored_to, totals)


async def _stable(reader: Reader, topic: str, ends: Offsets) -> None:
    try:
        async with asyncio.timeout(_STABLE_WITHIN_S):
            # The broker tells no one when a transaction ends: it must be asked.
            while any(stable < ends[p] for p, stable in (await reader.stable_ends(topic)).items()):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise AstroScaleError(
            "open_transaction", f"a transaction on {topic} does not end; audit again later", retryable=True
        ) from error


async def idle(chain: Chain, reader: Reader) -> bool:
    """Whether both services have done all that there is, and no transaction is open between them."""
    for group, topic, produced in (
        (chain.preprocessor_group, chain.raw, chain.encoded),
        (chain.scoring_group, chain.encoded, chain.predictions),
    ):
        if any((await reader.lag(group, topic)).values()):
            return False
        if await reader.last_ends(produced) != await reader.stable_ends(produced):
            return False
    return True


async def wait_idle(chain: Chain, reader: Reader, seconds: float) -> bool:
    """Wait until `idle`; False where it is not within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await idle(chain, reader):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.5)
    except TimeoutError:
        return False
    return True
