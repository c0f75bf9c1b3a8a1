"""A real S3 server in a thread, with one bucket."""

import uuid
from collections.abc import Generator
from contextlib import contextmanager

import httpx
from astroscale_shared.runtime.settings import RegistrySettings
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

BUCKET = "astroscale-test"


@contextmanager
def running_s3() -> Generator[str]:
    """Yields the server's address."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        httpx.put(f"http://{host}:{port}/{BUCKET}").raise_for_status()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def bucket_settings(endpoint: str) -> RegistrySettings:
    """A prefix of its own in the bucket."""
    return RegistrySettings(
        root=f"s3://{BUCKET}/{uuid.uuid4().hex}/models",
        s3_endpoint=endpoint,
        s3_region="us-east-1",
        s3_access_key="test-key",
        s3_secret_key=SecretStr("test-secret"),
    )
