"""An announcement remembers what its slot said before, and no more than that."""

from datetime import UTC, datetime

from astroscale_shared.registry.announcement import MAX_PREVIOUS, ModelAnnouncement


def said(digit: str) -> ModelAnnouncement:
    return ModelAnnouncement(
        slot="default",
        name="m",
        version=digit * 12,
        sha256=digit * 64,
        address=f"m/{digit * 12}",
        encoding_version=1,
        published_at=datetime(2025, 1, 2, tzinfo=UTC),
    )


def past(announcement: ModelAnnouncement) -> str:
    return "".join(one.version[0] for one in announcement.previous)


def test_the_past_is_kept_newest_first() -> None:
    third = said("3").after(said("2").after(said("1").after(None)))
    assert past(third) == "21"
    assert third.previous[0].sha256 == "2" * 64
    assert ModelAnnouncement.from_bytes(third.to_bytes()) == third


def test_the_same_version_again_is_no_step() -> None:
    second = said("2").after(said("1"))
    assert past(said("2").after(second)) == "1"


def test_a_version_may_come_back() -> None:
    assert past(said("1").after(said("2").after(said("1")))) == "21"


def test_the_past_is_bounded() -> None:
    last = said("0")
    for digit in "123456789":
        last = said(digit).after(last)
    assert past(last) == "87654321"[:MAX_PREVIOUS]
