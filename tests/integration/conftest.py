"""Fixtures of several files here."""

import pytest

from tests.support.pair import Pair
from tests.support.servers import RunningKafka


@pytest.fixture
def pair(kafka: RunningKafka, tidied: None) -> Pair:
    """A topic in with four partitions, a topic out and a group, all fresh."""
    return Pair.fresh(kafka)
