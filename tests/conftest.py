"""Fixtures for every test: a real Kafka and Redis, started once, when first asked for."""

import gc
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import structlog

from tests.support.servers import RunningKafka, running_kafka, running_redis
from tests.support.system import Stack, running_system

_START_ALLOWANCE_S = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by what they use; the time-out of one that may be the first to start servers allows for that."""
    for item in items:
        fixtures: list[str] = getattr(item, "fixturenames", [])
        if {"kafka", "own_kafka", "stack"} & set(fixtures):
            item.add_marker(pytest.mark.kafka)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(_START_ALLOWANCE_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows what the services said last where a test of the whole system failed."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if report.failed and isinstance(stack, Stack):
        for log in sorted((stack.state_dir / "logs").glob("*.log")):
            report.sections.append((f"end of {log.name}", stack.log(log.stem)))
    return report


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


@pytest.fixture(autouse=True)
def logs_as_before() -> Generator[None]:
    """A command that is called in this process sets up logging for itself, and would hush the tests after it."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def tidied() -> Generator[None]:
    """Collects garbage after a test that fences producers: the client forgets failed futures, which asyncio logs with
    their trace when they are collected. Python 3.11 parses source for a trace, and cannot where it is parsing already."""
    yield
    gc.collect()


@pytest.fixture
def make_topic(kafka: RunningKafka) -> Callable[..., str]:
    """Makes fresh topics: `make_topic(stem="test", partitions=1, **config)` returns `<stem>.<uuid>`."""
    return kafka.create_topic


@pytest.fixture
def topic(kafka: RunningKafka) -> str:
    """A fresh topic of one partition."""
    return kafka.create_topic()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """The whole system, once for the session, without the sample: gateway_url, kafka_bootstrap, redis_url,
    registry_root, state_dir, env, pids, kill(name), wait_restarted(name, old_pid), log(name)."""
    folder: Path = tmp_path_factory.mktemp("system") / "state"
    with running_system(folder, "--no-sample") as running:
        yield running
