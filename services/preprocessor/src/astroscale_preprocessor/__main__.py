"""`python -m astroscale_preprocessor`."""

from astroscale_shared.runtime.process import serve
from astroscale_shared.runtime.settings import KafkaSettings

from astroscale_preprocessor.app import build_app
from astroscale_preprocessor.settings import PreprocessorSettings


async def main() -> None:
    """Build and run."""
    await build_app(PreprocessorSettings.load(), KafkaSettings.load()).run()


if __name__ == "__main__":
    serve("preprocessor", main, level=lambda: PreprocessorSettings.load().log_level)
