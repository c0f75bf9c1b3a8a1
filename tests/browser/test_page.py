"""The page as a person uses it: opened through the gateway, in a real browser, at three widths."""

import re
from collections.abc import Callable
from typing import cast

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

WIDTHS = (375, 768, 1440)
VELOCITY = re.compile(r"\d[\d,]*\.\d\s*km/s")
WAIT_MS = 15_000


def violations(page: Page) -> list[str]:
    """Rule, target and advice of each thing that axe finds wrong."""
    response = cast("dict[str, list[dict[str, object]]]", Axe().run(page).response)  # pyright: ignore[reportUnknownMemberType]
    return [f"{found['id']}: {found['help']} {found['nodes']}" for found in response["violations"]]


def answer(page: Page) -> Locator:
    return page.get_by_role("region", name="Prediction", exact=True)


def predict(page: Page, preset: str) -> None:
    page.get_by_role("button", name=preset).click()
    page.get_by_role("button", name="Estimate velocity").click()
    expect(answer(page)).to_have_attribute("aria-busy", "false", timeout=WAIT_MS)
    expect(answer(page).get_by_role("heading", name="Radial velocity")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_from_preset_to_result(open_page: Callable[[int], Page], width: int) -> None:
    page = open_page(width)
    expect(page).to_have_title(re.compile("line-of-sight velocity"))
    expect(page.get_by_test_id("model-status")).to_contain_text("Serving model", timeout=WAIT_MS)
    assert violations(page) == []

    predict(page, "Sun-like")

    result = answer(page)
    expect(result).to_contain_text(VELOCITY)
    expect(result.get_by_role("heading", name="90 % interval")).to_be_visible()
    expect(result).to_contain_text("139 pc")
    expect(result.get_by_role("heading", name="Radial velocity")).to_be_in_viewport()
    expect(page.get_by_role("status")).to_contain_text("kilometres per second")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("preset", ["Sun-like", "Hot blue", "Red giant", "Metal-poor", "White dwarf"])
def test_every_preset_gives_a_velocity(open_page: Callable[[int], Page], preset: str) -> None:
    page = open_page(1440)
    predict(page, preset)
    expect(answer(page)).to_contain_text(VELOCITY)


def test_what_is_missing_or_extreme_is_said(open_page: Callable[[int], Page]) -> None:
    page = open_page(1440)
    predict(page, "White dwarf")
    result = answer(page)
    expect(result).to_contain_text("Metallicity is missing")
    expect(result).to_contain_text("Effective temperature lies outside")


def test_position_alone_is_enough(open_page: Callable[[int], Page]) -> None:
    page = open_page(1440)
    page.get_by_label("Right ascension").fill("200.12")
    page.get_by_label("Declination").fill("-47.33")
    page.keyboard.press("Enter")
    result = answer(page)
    expect(result).to_contain_text(VELOCITY, timeout=WAIT_MS)
    expect(result).to_contain_text("No parallax was given")


def test_a_wrong_value_is_marked_and_gets_the_cursor(open_page: Callable[[int], Page]) -> None:
    page = open_page(375)
    page.get_by_role("button", name="Sun-like").click()
    right_ascension = page.get_by_label("Right ascension")
    right_ascension.fill("360")
    page.get_by_role("button", name="Estimate velocity").click()
    expect(right_ascension).to_be_focused()
    expect(right_ascension).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Must be from 0 to below 360 deg.")).to_be_visible()
    assert violations(page) == []


def test_a_gateway_out_of_reach_is_said_and_tried_again(open_page: Callable[[int], Page]) -> None:
    page = open_page(1440)
    page.route("**/predict", lambda route: route.abort())
    page.get_by_role("button", name="Red giant").click()
    page.get_by_role("button", name="Estimate velocity").click()
    expect(page.get_by_role("alert")).to_contain_text("The gateway cannot be reached")
    assert violations(page) == []
    page.unroute("**/predict")
    page.get_by_role("button", name="Try again").click()
    expect(answer(page)).to_contain_text(VELOCITY, timeout=WAIT_MS)


def test_the_last_predictions_survive_a_reload(open_page: Callable[[int], Page]) -> None:
    page = open_page(768)
    predict(page, "Sun-like")
    predict(page, "Red giant")
    page.reload()
    kept = page.get_by_role("region", name="Last predictions").get_by_role("listitem")
    expect(kept).to_have_count(2)
    kept.last.get_by_role("button").click()
    expect(page.get_by_label("Effective temperature")).to_have_value("5800")
    expect(answer(page)).to_contain_text(VELOCITY)
    assert violations(page) == []


@pytest.mark.parametrize("width", [375, 1440])
def test_the_serving_model_says_how_often_it_was_right(open_page: Callable[[int], Page], width: int) -> None:
    page = open_page(width)
    page.get_by_text("about it").click()
    about = page.get_by_role("region", name="Calibration")
    expect(about).to_be_in_viewport()
    expect(about).to_contain_text("aim 90 %")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.keyboard.press("Escape")
    expect(about).to_be_hidden()
