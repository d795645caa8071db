"""The page in a real browser: it draws, it can be worked with mouse and keys, and it asks for nothing.

Needs Chromium (``apt-get install chromium``); skipped where there is none, but in continuous integration.
"""

from __future__ import annotations

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from sensic.evaluation import tables
from sensic.evaluation.report import load_published, write_report
from tests.evaluation import found
from tests.evaluation.report import pictures

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NEEDED = os.environ.get("CI", "").lower() == "true"
HOSTILE = '<img src="http://127.0.0.1:9/x" onerror="document.title = 1">'

pytestmark = pytest.mark.skipif(CHROMIUM is None and not NEEDED, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    results = found.results({**found.RATIOS, HOSTILE: {"x265:medium": 1.0, "sensic": 0.75, "svtav1:8": 0.5}})
    return write_report(
        results, folder / "out", pictures=pictures.keep(results, folder / "p"), published=load_published()
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None, "chromium is required here: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The open report. Whatever a test does: nothing is asked for, and nothing is complained of."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(report.as_uri())
    yield page
    title = page.title()
    page.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]
    assert title == "Evaluation against x265:medium"


def colours(locator: Locator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    with Image.open(io.BytesIO(locator.screenshot())) as picture:
        return np.asarray(picture.convert("RGB"))


def grey_at(stage: Locator, across: float) -> int:
    """The level of a stage's picture at a share of its width, a quarter from the top."""
    picture = colours(stage)
    return int(picture[picture.shape[0] // 4, round(across * (picture.shape[1] - 1))].mean())


def test_everything_is_drawn(page: Page) -> None:
    expect(page.locator("h1")).to_contain_text("sensic needs")
    expect(page.locator("#panels figure")).to_have_count(3)
    expect(page.locator("#panels .line")).to_have_count(9)
    expect(page.locator("#strip .dot")).to_have_count(6)
    expect(page.locator("#time svg")).to_have_count(2)
    expect(page.locator("#points tbody tr")).to_have_count(15)
    expect(page.locator("#published tbody tr")).to_have_count(len(load_published()))
    expect(page.locator("#failures tbody tr")).to_have_count(2)


def test_names_are_shown_as_they_are(page: Page) -> None:
    expect(page.locator("#deltas tbody th").nth(2)).to_have_text(HOSTILE)
    expect(page.locator("#panels img, #deltas img, #clip img")).to_have_count(0)


@pytest.mark.parametrize("metric", ["psnr_y", "psnr_yuv", "ssim"])
@pytest.mark.parametrize("anchor", ["x265:medium", "svtav1:8"])
def test_the_table_follows_metric_and_anchor(page: Page, metric: str, anchor: str) -> None:
    page.select_option("#metric", metric)
    page.select_option("#anchor", anchor)
    expected = tables.deltas(found.results(), anchor, metric)
    for row, clip in enumerate(expected.cells):
        shown = page.locator("#deltas tbody tr").nth(row).locator("td")
        for column, cell in enumerate([expected.cells[clip][coder] for coder in ("sensic", *shown_others(anchor))]):
            assert cell.high is not None
            expect(shown.nth(column)).to_contain_text(tables.percent(cell.percent))
            expect(shown.nth(column)).to_contain_text(f"–{cell.high:.{3 if metric == 'ssim' else 1}f}")
    label = {"psnr_y": "PSNR Y, dB", "psnr_yuv": "PSNR YUV 6:1:1, dB", "ssim": "SSIM"}[metric]
    expect(page.locator("#panels svg .label").nth(1)).to_have_text(label)


def shown_others(anchor: str) -> list[str]:
    return [coder for coder in ("x265:medium", "svtav1:8") if coder != anchor]


def test_the_slider_wipes_between_two_pictures(page: Page) -> None:
    stage = page.locator("#stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    assert box is not None
    for image in stage.locator("img").all():
        assert image.bounding_box() == pytest.approx(box, abs=1)
    assert (grey_at(stage, 0.3), grey_at(stage, 0.7)) == (pictures.GREY["sensic"], pictures.GREY["x265:medium"])
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"], steps=5)
    page.mouse.up()
    assert (grey_at(stage, 0.1), grey_at(stage, 0.3)) == (pictures.GREY["sensic"], pictures.GREY["x265:medium"])
    assert 18 <= int(page.locator("#wipe-slider").input_value()) <= 22


def test_the_slider_goes_by_keys_and_flips(page: Page) -> None:
    slider, stage = page.get_by_role("slider"), page.locator("#stage")
    expect(slider).to_have_accessible_name("Wipe between sensic and x265:medium")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("51")
    page.keyboard.press("End")
    assert grey_at(stage, 0.9) == pictures.GREY["sensic"]
    page.get_by_role("button", name="Flip").click()
    assert grey_at(stage, 0.1) == pictures.GREY["x265:medium"]


def test_the_difference_is_four_times_what_it_is(page: Page) -> None:
    page.get_by_label("Right").select_option("svtav1:8")
    page.get_by_role("button", name="difference").click()
    distance = pictures.GREY["svtav1:8"] - pictures.GREY["sensic"]
    assert grey_at(page.locator("#stage"), 0.5) == pytest.approx(4 * distance, abs=2)


def test_coders_can_be_hidden(page: Page) -> None:
    button = page.get_by_role("button", name="svtav1:8")
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#panels .line")).to_have_count(6)
    button.press("Enter")
    expect(page.locator("#panels .line")).to_have_count(9)


def test_curves_are_enlarged_and_closed_by_keys(page: Page) -> None:
    page.locator("#panels button").first.press("Enter")
    expect(page.locator("dialog h3")).to_have_text("a")
    assert page.locator("dialog svg").evaluate("e => e.clientWidth") > 800
    expect(page.locator("dialog .end")).to_have_text(["svtav1:8", "x265:medium", "sensic"])
    page.locator("dialog .line path:not(.stroke)").last.hover(force=True)
    expect(page.locator("dialog #tip")).to_contain_text("setting")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()


def test_a_clip_is_chosen_for_time_table_and_pictures(page: Page) -> None:
    page.select_option("#clip-name", "1")
    expect(page.locator("#points tbody td:nth-of-type(4)").first).to_have_text("2\u202f000")  # bytes of sensic, clip b
    expect(page.locator("#wipe").get_by_label("Clip")).to_have_value("1")
    page.select_option("#level", "4")  # the anchor's largest file, 16,000 bytes; ours nearest is 16,000 of 32,000
    expect(page.locator("#time-note")).to_contain_text("sensic at 25")


def test_pointing_at_a_point_tells_its_figures(page: Page) -> None:
    page.locator("#panels .line path:not(.stroke)").first.hover(force=True)
    expect(page.locator("#tip")).to_be_visible()
    expect(page.locator("#tip")).to_contain_text(re.compile(r"setting \d+.*dB PSNR Y.*bits per pixel.*frames/s"))
    page.locator("#time svg").first.hover(position={"x": 400, "y": 60})
    expect(page.locator("#tip")).to_contain_text(re.compile(r"frame \d+"))


def test_commands_are_shown(page: Page) -> None:
    page.locator("#commands summary").nth(1).click()
    expect(page.locator("#commands pre").nth(1)).to_contain_text("x265:medium --crf 40 in.mkv out.mkv")


def test_it_fits_a_narrow_screen(page: Page) -> None:
    page.set_viewport_size({"width": 375, "height": 740})
    page.wait_for_timeout(400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_it_has_a_light_and_a_dark_face(page: Page, tmp_path: Path) -> None:
    for scheme, brighter_than, darker_than in (("light", 225, 256), ("dark", -1, 60)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_timeout(100)
        page.screenshot(path=tmp_path / f"{scheme}.png", full_page=True)
        with Image.open(tmp_path / f"{scheme}.png") as picture:
            levels = np.asarray(picture.convert("L"))
        assert brighter_than < np.median(levels) < darker_than
        assert levels.std() > 8  # something is on it
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(252, 252, 250)"
