"""The audit itself: scan the five topics up to one cut, count, compare."""

import time
from collections.abc import Callable

from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_client.audit import cut as cuts
from astroscale_client.audit.books import Books
from astroscale_client.audit.chain import Chain
from astroscale_client.audit.judge import judge
from astroscale_client.audit.report import AuditReport
from astroscale_client.reader import Reader

Progress = Callable[[str, int], None]
"""(topic that is being read, messages read of it so far)."""


async def run(
    settings: KafkaSettings,
    *,
    wait: float | None = None,
    progress: Progress | None = None,
    chain: Chain | None = None,
) -> AuditReport:
    """Audit the topics that `settings` reach.

    wait: seconds to wait first for everything to be processed. chain: other topics than the system's. AstroScaleError:
    `kafka_unreachable`, `topic_missing`, `open_transaction`.
    """
    began = time.perf_counter()
    chain = chain or Chain()
    async with Reader(settings) as reader:
        in_vain = wait is not None and not await cuts.wait_idle(chain, reader, wait)
        cut = await cuts.take(settings, chain, reader)
        books = Books(cut)
        await _scan(reader, books, cut, progress)
        # Asked last: what expires during the scan has expired.
        begins = {topic: await reader.beginnings(topic) for topic in cut.ends}
    report = judge(books, cut, begins)
    report.waited_in_vain = in_vain
    report.seconds = time.perf_counter() - began
    return report


async def _scan(reader: Reader, books: Books, cut: cuts.Cut, progress: Progress | None) -> None:
    chain = cut.chain
    # Letters before the messages that they speak of: they name rows, and messages that nobody could parse.
    for topic, take in (
        (chain.raw_dlq, books.rejected),
        (chain.raw, books.raw),
        (chain.encoded_dlq, books.refused),
        (chain.encoded, books.encoded),
        (chain.predictions, books.predicted),
    ):
        seen = 0
        async for record in reader.scan(topic, cut.ends[topic]):
            take(record)
            seen += 1
            if progress is not None and seen % 100 == 0:
                progress(topic, seen)
        if progress is not None:
            progress(topic, seen)
        if topic == chain.raw:
            books.close_raw()
