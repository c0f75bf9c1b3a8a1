"""Tables in memory, for `AstroScale.predict_table`."""

from typing import Any

import pyarrow as pa
from astroscale_shared.runtime.errors import AstroScaleError
from astroscale_shared.stars.columns import REQUIRED

from astroscale_client import pipeline, pool, results
from astroscale_client.tables.formats import slices


async def predict(data: Any, options: pool.Options, concurrency: int) -> pa.Table:
    """What pyarrow makes a table of, with its predictions beside it. AstroScaleError `bad_table`, or the gateway's."""
    try:
        table = data if isinstance(data, pa.Table) else pa.table(data)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise AstroScaleError("bad_table", f"this is no table: {error}") from error
    missing = sorted(REQUIRED.difference(table.column_names), reverse=True)
    if missing:
        raise AstroScaleError("bad_table", f"the table has no column {' or '.join(missing)}")
    schema = results.schema(table.schema)
    done: list[pa.Table] = []
    async with pool.connected(options, concurrency) as requests:
        await pipeline.run(
            slices(table),
            requests.table,
            in_flight=concurrency,
            take=lambda piece, answer: done.append(results.beside(piece, answer, schema)),
        )
    return pa.concat_tables([schema.empty_table(), *done])
