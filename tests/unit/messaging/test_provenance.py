"""Headers of re-drives and replays: written, read back, and refused where they are malformed."""

import pytest
from astroscale_shared.messaging import headers, provenance
from astroscale_shared.messaging.provenance import FIRST, Provenance
from astroscale_shared.runtime.errors import AstroScaleError
from hypothesis import given
from hypothesis import strategies as st


def there_and_back(of: Provenance) -> Provenance:
    return provenance.read(headers.read(provenance.write(of)))


rows = st.none() | st.sets(st.integers(0, 999_999), min_size=1, max_size=40).map(
    lambda found: provenance.runs(sorted(found))
)


@given(st.integers(0, provenance.MOST_HOPS), rows, st.none() | st.just("night-7"))
def test_what_is_written_is_read(hop: int, named: tuple[range, ...] | None, replay_id: str | None) -> None:
    of = Provenance(provenance.position("astro.observations.raw.v1", 3, 41), hop, named, replay_id)
    assert there_and_back(of) == of


def test_a_first_copy_has_no_headers() -> None:
    assert provenance.write(FIRST) == []
    assert provenance.read({"run-id": "7", "origin": "of somebody else's"}) == FIRST


@pytest.mark.parametrize(
    ("of", "kind"),
    [(FIRST, "first"), (Provenance("t-0-1", hop=1), "redrive"), (Provenance("t-0-1", hop=1, replay_id="r"), "replay")],
)
def test_rows_are_counted_by_kind(of: Provenance, kind: str) -> None:
    assert of.kind == kind


def test_named_rows_are_those_of_the_message() -> None:
    assert FIRST.named(3).tolist() == [True, True, True]
    assert Provenance(hop=1, rows=provenance.runs((1, 7))).named(3).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("astro-hop", "-1"),
        ("astro-hop", "1"),
        ("astro-hop", "101"),
        ("astro-hop", "1.5"),
        ("astro-hop", "\u00b2"),
        ("astro-rows", ""),
        ("astro-rows", "3-1"),
        ("astro-rows", "2,2"),
        ("astro-rows", "0-99999999"),
        ("astro-rows", "1,x"),
        ("astro-origin", ""),
        ("astro-replay", "r" * 65),
    ],
)
def test_a_malformed_header_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(AstroScaleError, match=name) as error:
        provenance.read({name: value})
    assert error.value.code == "bad_provenance"


def test_a_header_of_few_bytes_that_names_a_million_rows_stays_small() -> None:
    of = provenance.read({"astro-rows": "0-999999"})
    assert of.rows == (range(1_000_000),)
    assert of.named(3).all()
