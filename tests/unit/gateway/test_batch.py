"""POST /predict/batch as its callers see it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from astroscale_gateway.schemas import BatchStar, PredictBatchResponse
from astroscale_gateway.tables import ROUNDS
from astroscale_shared.messaging import codec
from astroscale_shared.messaging.contracts import ANSWER_SCHEMA, ARROW
from astroscale_shared.runtime.errors import AstroScaleError
from pydantic import SecretStr, ValidationError

from tests.support.pipes import until
from tests.unit.gateway.conftest import Gateway
from tests.unit.gateway.fakes import VERSION, FakeTransport, reply_to, velocity_of
from tests.unit.gateway.test_predict import settled

URL = "/predict/batch"


def stream(columns: Mapping[str, Any], *, compression: str | None = None) -> bytes:
    """An Arrow IPC stream of these columns."""
    table = pa.table(dict(columns))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


async def send(client: httpx.AsyncClient, columns: Mapping[str, Any], **options: Any) -> pa.Table:
    """The rows that an Arrow stream is answered with."""
    response = await client.post(URL, content=stream(columns, **options), headers={"content-type": ARROW})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == ARROW
    return pa.ipc.open_stream(response.content).read_all()


def sky(n: int) -> dict[str, list[float]]:
    return {"ra": [float(i % 360) for i in range(n)], "dec": [float(i % 90) for i in range(n)]}


def stars(n: int) -> list[dict[str, float]]:
    return [{"ra": ra, "dec": dec} for ra, dec in zip(*sky(n).values(), strict=True)]


def with_version(value: bytes, version: str) -> bytes:
    """A reply that another version of the model has made."""
    batch = codec.from_trusted(reply_to(value))
    word = pa.DictionaryArray.from_arrays(pa.array([0] * batch.num_rows, pa.int32()), pa.array([version]))
    index = batch.schema.get_field_index("model_version")
    return codec.to_bytes(batch.set_column(index, batch.schema.field(index), word))


async def test_each_star_of_an_array_is_answered_as_a_lone_one(gateway: Gateway, star: dict[str, Any]) -> None:
    asked = [star, {**star, "teff": 30_000, "fe_h": None}, {"ra": 1, "dec": 2}]
    async with gateway() as client:
        await settled(client)
        response = await client.post(URL, json=asked)
        alone = (await client.post("/predict", json=asked[1])).json()
    said = response.json()
    assert response.status_code == 200
    PredictBatchResponse.model_validate(said, strict=True)
    assert said["refused"] == []
    assert said["model"] == {"name": "default", "version": VERSION, "encoding_version": 1}
    assert said["request_id"] == response.headers["x-request-id"]
    one = said["predictions"][1]
    assert one.pop("tail_probability") is None
    assert one == {name: alone[name] for name in one}
    assert said["predictions"][2]["flags"] == [f"missing_{n}" for n in ("teff", "logg", "fe_h", "snr", "parallax")]


async def test_a_bad_star_is_refused_alone(gateway: Gateway) -> None:
    bad: list[Any] = [
        {"ra": 361, "dec": 2, "teff": "hot"},
        {"ra": 1},
        {"ra": 1, "dec": 2, "temperature": 5},
        [1, 2],
        None,
    ]
    async with gateway() as client:
        await settled(client)
        said = (await client.post(URL, json=[stars(1)[0], *bad, {"ra": 5, "dec": 5}])).json()
    PredictBatchResponse.model_validate(said, strict=True)
    assert [p is not None for p in said["predictions"]] == [True, *[False] * 5, True]
    assert said["predictions"][6]["radial_velocity_kms"] == pytest.approx(velocity_of(5, 5))
    assert [r["row"] for r in said["refused"]] == [1, 2, 3, 4, 5]
    assert [f["message"] for f in said["refused"][0]["fields"]] == [
        "ra is 361; allowed is a number in [0, 360) deg",
        'teff is "hot"; allowed is a number in (0, 200000] K or null',
    ]
    assert said["refused"][1]["message"] == "dec is missing"
    assert "temperature is no field; allowed are ra, dec" in said["refused"][2]["message"]
    assert said["refused"][3]["message"] == "a star is a JSON object, this is an array"


async def test_keys_that_come_twice_and_numbers_that_are_none_are_named(gateway: Gateway) -> None:
    content = b'[{"ra": 1, "dec": 2, "ra": 3}, {"ra": NaN, "dec": 2}, {"ra": 7, "dec": 2}]'
    async with gateway() as client:
        await settled(client)
        said = (await client.post(URL, content=content, headers={"content-type": "application/json"})).json()
    assert [r["message"].split(";")[0] for r in said["refused"]] == ["ra is there more than once", "ra is NaN"]
    assert said["predictions"][2]["radial_velocity_kms"] == pytest.approx(velocity_of(7, 2))


async def test_the_description_and_the_reader_agree(gateway: Gateway, star: dict[str, Any]) -> None:
    cases: list[dict[str, Any]] = [
        star,
        {"ra": 1, "dec": 2},
        {**star, "pmra": 1.0, "pmdec": None, "rv_kms": -12.5},
        {**star, "rv_kms": None},
        {**star, "ra": 360},
        {**star, "teff": 0},
        {**star, "dec": None},
        {**star, "source_id": "x"},
        {"ra": 1},
    ]

    def valid(case: dict[str, Any]) -> bool:
        try:
            BatchStar.model_validate(case)
        except ValidationError:
            return False
        return True

    async with gateway() as client:
        await settled(client)
        said = (await client.post(URL, json=cases)).json()
    assert [p is not None for p in said["predictions"]] == [valid(case) for case in cases]


async def test_an_arrow_stream_is_answered_with_one(gateway: Gateway) -> None:
    columns = {**sky(3), "teff": pa.array([5800, None, 30_000], pa.int32()), "pmra": pa.nulls(3)}
    async with gateway() as client:
        await settled(client)
        said = await send(client, columns)
    assert said.schema.equals(ANSWER_SCHEMA, check_metadata=True)
    assert said.column("radial_velocity_kms").to_pylist() == pytest.approx([velocity_of(i, i) for i in range(3)])
    assert said.column("error").null_count == 3
    assert [flags & 4 for flags in said.column("flags").to_pylist()] == [0, 4, 0]
    assert set(said.column("model_version").to_pylist()) == {VERSION}


async def test_a_bad_row_of_a_stream_is_refused_alone(gateway: Gateway) -> None:
    columns = {
        "ra": [1.0, 400.0, None, 4.0],
        "dec": [1.0, 2.0, 3.0, 4.0],
        "teff": [float("nan"), 1.0, 1.0, float("inf")],
    }
    async with gateway() as client:
        await settled(client)
        said = await send(client, columns)
    assert said.column("error").to_pylist() == [
        None,
        "ra is 400; allowed is [0, 360) deg",
        "ra is missing; it is required, allowed is [0, 360) deg",
        "teff is inf; allowed is (0, 200000] K",
    ]
    for name in said.column_names[:-1]:
        assert said.column(name).is_valid().to_pylist() == [name != "tail_probability", False, False, False], name


async def test_a_table_without_any_good_row_asks_nobody(gateway: Gateway) -> None:
    transport = FakeTransport()
    async with gateway(transport) as client:
        await settled(client)
        response = await client.post(URL, json=[{"ra": 400, "dec": 1}])
        arrow = await send(client, {"ra": [400.0], "dec": [1.0]})
    assert response.json()["model"] is None
    PredictBatchResponse.model_validate(response.json(), strict=True)
    assert arrow.column("model_name").to_pylist() == [None]
    assert transport.rows == []


@pytest.mark.parametrize("measured", [[-7.0, 5000.0, None, 3.0], ["fast", True, {}, 1e400]])
async def test_a_measured_velocity_has_no_part_in_the_prediction(gateway: Gateway, measured: Sequence[Any]) -> None:
    seen: list[pa.RecordBatch] = []
    transport = FakeTransport()

    def listening(value: bytes) -> bytes:
        seen.append(codec.from_trusted(value))
        return reply_to(value)

    transport.reply = listening
    content = [{**star, "rv_kms": rv} for star, rv in zip(stars(4), measured, strict=True)]
    async with gateway(transport) as client:
        await settled(client)
        without = (await client.post(URL, json=stars(4))).json()
        body = str(content).replace("'", '"').replace("None", "null").replace("True", "true").replace("inf", "1e400")
        response = await client.post(URL, content=body, headers={"content-type": "application/json"})
    assert response.json()["predictions"] == without["predictions"]
    assert seen[0].drop_columns(["rv_kms"]).equals(seen[1].drop_columns(["rv_kms"]))
    allowed = [v if isinstance(v, float) and abs(v) <= 3000 else None for v in measured]
    assert seen[1].column("rv_kms").to_pylist() == allowed


async def test_messages_are_bounded_and_few_are_under_way(gateway: Gateway) -> None:
    transport = FakeTransport()
    transport.gate.clear()
    async with gateway(transport, table_rows_a_message=100, table_messages_in_flight=3) as client:
        await settled(client)
        asking = asyncio.create_task(send(client, sky(950)))
        await until(lambda: len(transport.rows) == 3, "messages under way")
        await asyncio.sleep(0.05)
        assert transport.rows == [100, 100, 100]
        transport.gate.set()
        said = await asking
    assert sum(transport.rows) == 950
    assert max(transport.rows) == 100
    expected = [velocity_of(i % 360, i % 90) for i in range(950)]
    assert said.column("radial_velocity_kms").to_pylist() == pytest.approx(expected, rel=1e-5)


async def test_a_lone_star_is_answered_while_a_table_waits(gateway: Gateway, star: dict[str, Any]) -> None:
    transport = FakeTransport()
    transport.waits = lambda rows: rows > 1
    async with gateway(transport, table_rows_a_message=10) as client:
        await settled(client)
        transport.gate.clear()
        asking = asyncio.create_task(send(client, sky(30)))
        await until(lambda: bool(transport.rows), "messages under way")
        assert (await client.post("/predict", json=star)).status_code == 200
        assert not asking.done()
        transport.gate.set()
        assert (await asking).num_rows == 30


async def test_one_answer_is_by_one_model(gateway: Gateway) -> None:
    """The model is changed after the second of five messages: what the old one said is asked for again."""
    transport = FakeTransport()
    versions = iter(["aaaaaaaaaaaa"] * 2)
    transport.reply = lambda value: with_version(value, next(versions, "bbbbbbbbbbbb"))
    async with gateway(transport, table_rows_a_message=10, table_messages_in_flight=1) as client:
        await settled(client)
        said = await send(client, sky(50))
    assert set(said.column("model_version").to_pylist()) == {"bbbbbbbbbbbb"}
    assert transport.rows == [10] * 7
    assert said.column("radial_velocity_kms").to_pylist() == pytest.approx([velocity_of(i, i) for i in range(50)])


async def test_a_model_that_never_stays_is_said(gateway: Gateway) -> None:
    transport = FakeTransport()
    numbers = iter(range(1_000_000))
    transport.reply = lambda value: with_version(value, f"{next(numbers):012x}")
    async with gateway(transport, table_rows_a_message=10) as client:
        await settled(client)
        response = await client.post(URL, json=stars(50))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "model_changing")
    assert response.headers["retry-after"] == "1"
    assert len(transport.rows) <= 5 * ROUNDS


async def test_a_star_that_the_model_cannot_do_is_refused_alone(gateway: Gateway) -> None:
    transport = FakeTransport()

    def fail(value: bytes) -> AstroScaleError | None:
        bad = 13.0 in codec.from_trusted(value).column("ra").to_pylist()
        return AstroScaleError("not_finite_prediction", "the model gave no finite value") if bad else None

    transport.fail = fail
    async with gateway(transport, table_rows_a_message=64) as client:
        await settled(client)
        said = await send(client, sky(100))
    errors = said.column("error").to_pylist()
    assert [i for i, error in enumerate(errors) if error] == [13]
    assert errors[13] == "the model gave no finite value"


async def test_a_lost_message_is_sent_again(gateway: Gateway) -> None:
    transport = FakeTransport()
    lost = iter([AstroScaleError("deadline_exceeded", "lost", retryable=True)])
    transport.fail = lambda _value: next(lost, None)
    async with gateway(transport) as client:
        await settled(client)
        said = await send(client, sky(5))
    assert transport.rows == [5, 5]
    assert said.column("error").null_count == 5


async def test_the_deadline_of_a_table(gateway: Gateway) -> None:
    transport = FakeTransport()
    transport.gate.clear()
    async with gateway(transport, table_deadline_seconds=0.2, deadline_seconds=0.05) as client:
        await settled(client)
        response = await client.post(URL, json=stars(2))
    assert (response.status_code, response.json()["error"]["code"]) == (504, "deadline_exceeded")
    assert len(transport.rows) > 1


async def test_too_many_tables_at_once(gateway: Gateway) -> None:
    transport = FakeTransport()
    transport.gate.clear()
    async with gateway(transport, table_max_waiting=2) as client:
        await settled(client)
        asking = [asyncio.create_task(send(client, sky(5))) for _ in range(2)]
        await until(lambda: len(transport.rows) == 2, "messages under way")
        refused = await client.post(URL, json=stars(1))
        metrics = (await client.get("/metrics")).text
        transport.gate.set()
        await asyncio.gather(*asking)
        after = await client.post(URL, json=stars(1))
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "busy")
    assert "astroscale_gateway_tables_waiting 2.0" in metrics
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"{", "application/json", 422, "bad_json"),
        (b"{}", "application/json", 422, "not_an_array"),
        (b"[]", "application/json", 422, "no_stars"),
        (b"[" + b"{}," * 20 + b"{}]", "application/json", 413, "too_many_rows"),
        (b" " * 4_097, "application/json", 413, "body_too_large"),
        (b"[]", "text/csv", 415, "unsupported_media_type"),
        (b"[]", "", 415, "unsupported_media_type"),
        (b"no stream", ARROW, 422, "bad_table"),
        (stream(sky(0)), ARROW, 422, "no_stars"),
        (stream(sky(21)), ARROW, 413, "too_many_rows"),
        (stream({"ra": [1.0], "dec": [1.0], "note": pa.array(["x" * 50_000])}, compression="zstd"), ARROW, 413, "too_large"),
        (stream({**sky(1), "source_id": ["a"]}), ARROW, 422, "invalid_table"),
        (stream({**sky(1), "teff": ["hot"]}), ARROW, 422, "invalid_table"),
    ],
)  # fmt: skip
async def test_bodies_that_are_not_read(gateway: Gateway, content: bytes, kind: str, status: int, code: str) -> None:
    async with gateway(table_max_rows=20, table_max_body_bytes=4_096) as client:
        response = await client.post(URL, content=content, headers={"content-type": kind} if kind else {})
    assert response.status_code == status, response.text
    assert response.json()["error"]["code"] == code


async def test_unknown_columns_are_named(gateway: Gateway) -> None:
    table = pa.Table.from_arrays([pa.array([1.0])] * 4, names=["ra", "dec", "temperature", "dec"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    async with gateway() as client:
        response = await client.post(URL, content=sink.getvalue().to_pybytes(), headers={"content-type": ARROW})
    fields = response.json()["error"]["fields"]
    assert [field["field"] for field in fields] == ["dec", "temperature"]
    assert fields[1]["message"].startswith("temperature is no column; allowed are ra, dec, teff")


async def test_before_the_way_is_open(gateway: Gateway) -> None:
    transport = FakeTransport()
    async with gateway(transport) as client:
        await settled(client)
        transport.running = False
        response = await client.post(URL, json=stars(1))
    assert (response.status_code, response.json()["error"]["code"]) == (503, "starting")


async def test_the_key_and_the_method(gateway: Gateway) -> None:
    async with gateway(api_key=SecretStr("open-sesame")) as client:
        await settled(client)
        wrong = await client.post(URL, json=stars(1))
        right = await client.post(URL, json=stars(1), headers={"x-api-key": "open-sesame"})
        method = await client.get(URL)
    assert (wrong.status_code, right.status_code, method.status_code) == (401, 200, 405)


async def test_other_origins_by_settings(gateway: Gateway) -> None:
    async with gateway(cors_origins=("https://a.example",)) as client:
        await settled(client)
        answer = await client.post(URL, json=stars(1), headers={"origin": "https://a.example"})
        refused = await client.post(URL, json={}, headers={"origin": "https://a.example"})
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert (answer.status_code, refused.status_code) == (200, 422)


async def test_it_is_measured(gateway: Gateway) -> None:
    async with gateway() as client:
        await settled(client)
        await client.post(URL, json=[*stars(3), {"ra": 400, "dec": 1}])
        text = (await client.get("/metrics")).text
    assert 'astroscale_gateway_requests_total{route="/predict/batch",status="200"} 1.0' in text
    assert 'astroscale_gateway_table_rows_total{outcome="predicted"} 3.0' in text
    assert 'astroscale_gateway_table_rows_total{outcome="refused"} 1.0' in text
    assert "astroscale_gateway_tables_waiting 0.0" in text


async def test_what_inference_says_wrongly_may_pass(gateway: Gateway) -> None:
    transport = FakeTransport()
    replies = iter([b"nothing", codec.to_bytes(pa.RecordBatch.from_pydict({"a": np.zeros(1)}))])
    transport.reply = lambda value: next(replies, reply_to(value))
    async with gateway(transport) as client:
        await settled(client)
        codes = [(await client.post(URL, json=stars(1))).status_code for _ in range(3)]
    assert codes == [503, 503, 200]
