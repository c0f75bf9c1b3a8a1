"""An ingest in a process of its own, to be killed or watched: `python -c PROGRAM servers file chunk_rows`."""

from typing import Final

PROGRAM: Final = """
import asyncio, sys
from pathlib import Path
from astroscale_ingestor.ingest import ingest, plan
from astroscale_shared.runtime.settings import KafkaSettings
asyncio.run(ingest(KafkaSettings(bootstrap_servers=sys.argv[1]), plan(Path(sys.argv[2])), chunk_rows=int(sys.argv[3]),
                   on_progress=lambda state: print(state.rows, flush=True)))
"""
"""Says how many rows are committed, a line each time."""
