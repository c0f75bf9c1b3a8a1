"""The compose job `sample`: streams the sample catalogue, unless this Kafka has had it.

`docker compose up` runs a job that has ended again, so the job itself has to know. What it asks is Kafka's own progress
topic: a new volume gets the sample again, an image built anew does not repeat it.
"""

import asyncio
import os
import sys
from pathlib import Path

from astroscale_ingestor import progress
from astroscale_shared.messaging.clients import wait_for_broker
from astroscale_shared.runtime.settings import KafkaSettings

SAMPLE = Path("/app/data/sample/mock_catalogue.csv")


async def streamed(kafka: KafkaSettings) -> bool:
    """Whether a run over the sample has been finished."""
    await wait_for_broker(kafka)
    return any(run.finished and run.file == SAMPLE.name for run in (await progress.read(kafka)).values())


def main() -> int:
    """Becomes the ingest where there is something to do; its exit code is then the job's."""
    if not asyncio.run(streamed(KafkaSettings.load())):
        os.execv(sys.executable, [sys.executable, "-m", "astroscale_ingestor", "ingest", str(SAMPLE)])  # noqa: S606
    sys.stdout.write(f"{SAMPLE.name} has been streamed before\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
