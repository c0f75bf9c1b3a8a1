"""Fixtures for every test: a real Kafka and Redis, started once, when first asked for."""

from collections.abc import Callable, Generator

import pytest

from tests.support.servers import RunningKafka, running_kafka, running_redis


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Generator[RunningKafka]:
    """One real broker for the session: `kafka.bootstrap_servers`, `kafka.create_topic(stem, partitions, **config)`."""
    with running_kafka(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka: RunningKafka) -> str:
    """Address of the session's broker, as `host:port`."""
    return kafka.bootstrap_servers


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """URL of one real Redis for the session."""
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def make_topic(kafka: RunningKafka) -> Callable[..., str]:
    """Makes fresh topics: `make_topic(stem="test", partitions=1, **config)` returns `<stem>.<uuid>`."""
    return kafka.create_topic


@pytest.fixture
def topic(kafka: RunningKafka) -> str:
    """A fresh topic of one partition."""
    return kafka.create_topic()
