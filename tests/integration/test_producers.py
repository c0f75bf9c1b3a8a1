"""Any producer is welcome: the examples of docs/producers.md are run, and what they send arrives encoded."""

import asyncio
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Generator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from astroscale_local.kafka import jars
from astroscale_shared.messaging import clients, codec, deadletters, topics
from astroscale_shared.messaging.contracts import DeadLetter
from astroscale_shared.messaging.provisioning import create_topics
from astroscale_shared.runtime.settings import KafkaSettings

from tests.support.pipes import until
from tests.support.servers import RunningKafka, in_thread
from tests.support.services import Service, running_service

PAGE = (Path(__file__).parents[2] / "docs" / "producers.md").read_text("utf-8")
CODECS = ("gzip", "snappy", "lz4", "zstd")


@pytest.fixture(scope="module")
def settings(kafka: RunningKafka) -> KafkaSettings:
    found = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    in_thread(lambda: asyncio.run(create_topics(found)))
    return found


@pytest.fixture(scope="module", autouse=True)
def preprocessor(settings: KafkaSettings, tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    with running_service("preprocessor", settings, tmp_path_factory.mktemp("preprocessor")) as service:
        yield service


def examples(language: str, settings: KafkaSettings) -> list[str]:
    """The page's code blocks of a language, with this broker's address."""
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert found
    return [text.replace("localhost:9092", settings.bootstrap_servers) for text in found]


def named(text: str, mark: str) -> tuple[str, list[str]]:
    """The example with its source ids made unique, and those."""
    ids: list[str] = re.findall(r"(?:from|in)-(?:python|columns|kcat|java)[-\d]*", text)
    assert ids
    return re.sub(r"((?:from|in)-(?:python|columns|kcat|java))", rf"\1-{mark}", text), [
        re.sub(r"^((?:from|in)-[a-z]+)", rf"\1-{mark}", one) for one in ids
    ]


async def encoded(settings: KafkaSettings, ids: set[str]) -> bool:
    """Whether all these stars are on the encoded topic."""
    found: set[str] = set()
    for record in await clients.read_to_end(settings, topics.ENCODED):
        found |= ids & set(codec.from_trusted(record.value).column("source_id").to_pylist())
    return found == ids


def run(*argv: str, stdin: str | None = None) -> None:
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", [0, 1], ids=["json", "columns"])
async def test_the_python_examples(settings: KafkaSettings, example: int) -> None:
    code, ids = named(examples("python", settings)[example], uuid.uuid4().hex)
    await asyncio.to_thread(run, sys.executable, "-c", code)
    await until(lambda: encoded(settings, set(ids)), f"{ids} encoded")


@pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed (Debian: apt install kcat)")
async def test_the_kcat_example(settings: KafkaSettings) -> None:
    code, ids = named(examples("sh", settings)[0], uuid.uuid4().hex)
    await asyncio.to_thread(run, "sh", "-c", code)
    await until(lambda: encoded(settings, set(ids)), f"{ids} encoded")


def has_compiler() -> bool:
    java = shutil.which("java")
    if java is None:
        return False
    return (
        "jdk.compiler" in subprocess.run([java, "--list-modules"], capture_output=True, text=True, check=False).stdout
    )


@pytest.mark.skipif(not has_compiler(), reason="no JDK: `java Produce.java` needs its compiler")
async def test_the_java_example(settings: KafkaSettings, tmp_path: Path) -> None:
    code, ids = named(examples("java", settings)[0], uuid.uuid4().hex)
    (tmp_path / "Produce.java").write_text(code)
    classpath = ":".join(str(jar) for jar in await asyncio.to_thread(jars.fetch))
    await asyncio.to_thread(run, "java", "-cp", classpath, str(tmp_path / "Produce.java"))
    await until(lambda: encoded(settings, set(ids)), f"{ids} encoded")


async def test_every_codec_comes_through_and_a_refused_star_takes_only_itself_along(
    settings: KafkaSettings, preprocessor: Service
) -> None:
    mark = uuid.uuid4().hex
    fields = "astroscale_preprocessor_unknown_fields_total"
    before = preprocessor.metric(fields)
    for name in CODECS:
        stars = [{"source_id": f"{mark}-{name}-{i}", "ra": 10.0 + i, "dec": 91.0 if i == 2 else 5.0} for i in range(4)]
        stars[3]["mood"] = "blue"
        async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers, compression_type=name) as producer:
            # Long enough to be worth packing: a batch that does not shrink is sent as it is.
            lines = b"\n".join(orjson.dumps(star) for star in stars) + b"\n" * 5_000
            await producer.send_and_wait(topics.RAW, lines)
    good = {f"{mark}-{name}-{i}" for name in CODECS for i in (0, 1, 3)}
    await until(lambda: encoded(settings, good), "the good stars of every codec encoded")
    assert preprocessor.metric(fields) - before == len(CODECS)
    letters = [DeadLetter.model_validate_json(r.value) for r in await clients.read_to_end(settings, topics.RAW_DLQ)]
    ours = [letter for letter in letters if mark.encode() in deadletters.join([letter])]
    assert [[(row.row, row.field, row.value) for row in one.rejected] for one in ours] == [[(2, "dec", "91")]] * 4
    assert all("[-90, 90] deg" in row.detail for one in ours for row in one.rejected)
