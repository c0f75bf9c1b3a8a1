"""`python -m astroscale_inference`."""

import uvloop
from astroscale_shared.runtime.process import serve
from astroscale_shared.runtime.settings import KafkaSettings, RegistrySettings

from astroscale_inference.app import build_app
from astroscale_inference.settings import InferenceSettings


async def main() -> None:
    """Build and run."""
    await build_app(InferenceSettings.load(), KafkaSettings.load(), RegistrySettings.load()).run()


if __name__ == "__main__":
    serve("inference", main, uvloop.new_event_loop, level=lambda: InferenceSettings.load().log_level)
