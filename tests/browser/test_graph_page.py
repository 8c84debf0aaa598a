"""The Graph tab in a real browser, on the backend in memory: by mouse, by keyboard, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.edit_conflict import draft_of
from webapp.ui import build_app, launch_options

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

HOSTILES = (
    '"><img src=x onerror="window.hacked=1">${window.hacked=2}{{constructor}}`',
    "</script><script>window.hacked=3</script>",
    'javascript:window.hacked=4//<a href="javascript:window.hacked=5">href</a>',
)
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
WHERE = """id => {
    const holder = document.querySelector('.itr-canvas');
    const {network} = holder, box = holder.getBoundingClientRect();
    const at = network.canvasToDOM(network.getPosition(id));
    return [box.x + at.x, box.y + at.y];
}"""


@dataclass
class Site:
    """The page's address, and the backend behind it."""

    address: str
    backend: FakeBackend

    def start_anew(self) -> None:
        """The examples and nothing else."""
        self.backend.rows.clear()
        self.backend.numbers.clear()
        for example in self.backend.examples():
            self.backend.add_triplet(example.draft)
        self.backend.history.clear()
        self.backend.undone.clear()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    backend = FakeBackend(tmp_path_factory.mktemp("graph-page"), delay_s=0.0)
    app = build_app(lambda _: backend)
    app.queue(max_size=32)
    _, address, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield Site(address, backend)
    app.close()


@pytest.fixture
def backend(site: Site) -> FakeBackend:
    site.start_anew()
    return site.backend


@pytest.fixture
def page(browser: Any, site: Site, backend: FakeBackend) -> Iterator[Any]:
    """A page that fails the test for a console error."""
    tab = browser.new_page(viewport=WIDE, accept_downloads=True)
    tab.set_default_timeout(30_000)
    troubles: list[str] = []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda line: line.type == "error" and troubles.append(line.text))
    tab.goto(f"{site.address}?__theme=light")
    expect(tab.locator("#examples .itr-card-main").first).to_be_visible()
    yield tab
    tab.close()
    leaving = ("AbortError", "errored out")
    assert [words for words in troubles if not any(known in words for known in leaving)] == []


def open_graph(page: Any) -> None:
    page.click("#tab-graph-button")
    expect(page.locator("#graph-canvas canvas")).to_be_visible()
    expect(page.locator(".itr-graph-words")).to_contain_text("Showing")


def place(page: Any, backend: FakeBackend, label: str) -> list[float]:
    """Where a node lies on the screen, once the drawing has come to rest."""
    where, now = [], list(page.evaluate(WHERE, backend.numbers[label]))
    while where != now:
        page.wait_for_timeout(500)
        where, now = now, list(page.evaluate(WHERE, backend.numbers[label]))
    return now


def drag(page: Any, start: list[float], end: list[float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=8)
    page.mouse.up()


def layout(page: Any) -> Any:
    """Where every node lies in the drawing, whatever part of it is seen."""
    return page.evaluate("document.querySelector('.itr-canvas').network.getPositions()")


def note(page: Any) -> Any:
    return page.locator("#graph-note")


def test_an_arrow_is_drawn_from_node_to_node_and_taken_back(
    page: Any, backend: FakeBackend
) -> None:
    open_graph(page)
    page.click(".itr-join")
    start, end = place(page, backend, "egg"), place(page, backend, "ice")
    before = layout(page)
    drag(page, start, end)
    expect(page.locator(".itr-connect")).to_be_visible()
    expect(page.locator(".itr-connect-from")).to_have_text("egg")
    expect(page.locator(".itr-connect-to")).to_have_text("ice")
    page.keyboard.type("deep freeze")
    page.keyboard.press("Enter")
    expect(note(page)).to_contain_text("Added egg → deep freeze → ice")
    expect(page.locator(".itr-connect")).to_be_hidden()
    assert layout(page) == before, "an update moves nothing"
    drag(page, start, place(page, backend, "corn"))
    expect(page.locator(".itr-connect-to")).to_have_text("corn")
    page.keyboard.press("Escape")
    expect(page.locator(".itr-connect")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator(".itr-join")).to_have_attribute("aria-pressed", "false")
    page.click("#graph-undo")
    expect(note(page)).to_contain_text("Undone")
    assert backend.triplets("deep freeze").total == 0


def test_an_arrow_is_clicked_edited_and_closed_with_escape(page: Any, backend: FakeBackend) -> None:
    open_graph(page)
    start, end = place(page, backend, "egg"), place(page, backend, "fried egg")
    page.mouse.click((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    expect(page.locator("#triplet-what textarea, #triplet-what input").first).to_have_value("egg")
    page.locator("#triplet-note textarea").fill("seen twice")
    page.locator("#triplet-confidence input[type=number]").fill("60")
    page.click("#triplet-save")
    expect(note(page)).to_contain_text("Saved egg → heat → fried egg")
    expect(page.locator("#graph-table")).to_contain_text("seen twice")
    expect(page.locator("#graph-table")).to_contain_text("60 %")
    page.keyboard.press("Escape")
    expect(page.locator("#triplet-editor")).to_be_hidden()


def test_a_stale_edit_offers_both(page: Any, backend: FakeBackend) -> None:
    open_graph(page)
    line = page.locator("#graph-table tr", has_text="popcorn")
    line.get_by_role("button", name="Edit").click()
    row = backend.triplets("popcorn").items[0]
    backend.edit_triplet(row.id, draft_of(row, object="sweetcorn"), row.version)
    page.locator(".itr-edit-row:not(.itr-add-row) input").nth(2).fill("corn flakes")
    page.keyboard.press("Enter")
    box = page.locator("#graph-conflict")
    expect(box).to_contain_text("corn → heat → sweetcorn")
    expect(box).to_contain_text("corn → heat → corn flakes")
    page.click("#conflict-mine")
    expect(note(page)).to_contain_text("Saved corn → heat → corn flakes")
    expect(box).to_be_hidden()
    expect(page.locator("#graph-table")).to_contain_text("corn flakes")


def test_everything_is_done_by_keyboard_alone(page: Any, backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft("eggs", "boil", "boiled egg"))
    open_graph(page)
    page.keyboard.press("/")
    page.keyboard.type("eggs")
    page.keyboard.press("Enter")
    expect(page.locator("#node-head h3")).to_have_text("eggs")
    page.locator("#node-form button").first.focus()
    page.keyboard.press("Enter")
    label = page.locator("#node-label").get_by_role("textbox")
    label.fill("hen eggs")
    label.press("Enter")
    expect(page.locator("#node-head h3")).to_have_text("hen eggs")
    page.locator("#node-action").get_by_role("textbox").fill("hatch")
    result = page.locator("#node-result").get_by_role("textbox")
    result.fill("chick")
    result.press("Enter")
    expect(note(page)).to_contain_text("Added hen eggs → hatch → chick")
    expect(result).to_have_value("")
    page.get_by_label("hen eggs → hatch → chick", exact=True).check()
    moved = page.locator("#node-moved-label").get_by_role("textbox")
    moved.fill("one hen egg")
    moved.press("Enter")
    expect(note(page)).to_contain_text("Split “one hen egg” off “hen eggs”")
    other = page.locator("#node-other").get_by_role("textbox")
    other.fill("egg")
    other.press("Enter")
    expect(note(page)).to_contain_text("Merged “egg” into “hen eggs”")
    expect(page.locator("#node-facts")).to_contain_text("fried egg")
    for _ in range(4):
        page.locator("#graph-undo").press("Enter")
        expect(note(page)).to_contain_text("Undone")
        page.wait_for_timeout(300)
    assert {row.subject for row in backend.triplets("egg").items} == {"egg", "eggs"}


def test_duplicates_are_merged_or_kept_apart(page: Any, backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft("eggs", "boil", "boiled egg"))
    open_graph(page)
    expect(page.locator("#graph-figures")).to_contain_text("1 duplicate proposed")
    page.get_by_role("button", name="Duplicates proposed (1)").click()
    page.get_by_role("button", name="Merge “egg” and “eggs”").click()
    expect(note(page)).to_contain_text("Merged “eggs” into “egg”")
    expect(page.locator("#graph-figures")).to_contain_text("0 duplicates proposed")
    expect(page.locator("#graph-duplicates")).to_be_hidden()


def test_a_file_is_looked_at_imported_and_taken_back(
    page: Any, backend: FakeBackend, tmp_path: Path
) -> None:
    table = tmp_path / "rice.csv"
    rows = ["subject,relation,object", "rice,boil,cooked rice", "rice,,x", f"{HOSTILES[1]},a,b"]
    table.write_text("\n".join(rows), encoding="utf-8")
    open_graph(page)
    page.get_by_role("button", name="Import and export").click()
    page.locator("#graph-import input[type=file]").set_input_files(table)
    told = page.locator("#import-told")
    expect(told).to_contain_text("3 rows in this table (CSV): 2 are good, 1 cannot")
    expect(told).to_contain_text("Row 2: A label is missing.")
    page.get_by_label("All or nothing").check()
    page.click("#import-go")
    expect(told).to_contain_text("Nothing was imported")
    page.locator("#graph-import").get_by_role("button").first.click()
    page.locator("#graph-import input[type=file]").set_input_files(table)
    page.get_by_label("All or nothing").uncheck()
    page.click("#import-go")
    expect(note(page)).to_contain_text("Imported: 2 added, 1 left out")
    expect(page.locator("#graph-table")).to_contain_text("cooked rice")
    page.click("#graph-undo")
    expect(page.locator("#graph-table")).not_to_contain_text("cooked rice")
    assert page.evaluate("window.hacked") is None


def test_tables_a_page_and_a_picture_are_downloaded_with_one_click(
    page: Any, backend: FakeBackend
) -> None:
    for words in HOSTILES:
        backend.add_triplet(TripletDraft(words, "x", "y"))
    open_graph(page)
    page.get_by_role("button", name="Import and export").click()
    text = ""
    for kind in ("csv", "html"):
        with page.expect_download() as caught:
            page.click(f"#export-{kind}")
        assert caught.value.suggested_filename == f"graph.{kind}"
        text = Path(caught.value.path()).read_text(encoding="utf-8")
        assert "popcorn" in text
    assert "<script>window" not in text, "in the page, labels are no markup"
    with page.expect_download() as caught:
        page.click(".itr-keep")
    assert caught.value.suggested_filename == "graph.png"
    assert Path(caught.value.path()).read_bytes().startswith(b"\x89PNG")


def test_full_screen_opens_and_closes(page: Any) -> None:
    open_graph(page)
    page.click(".itr-whole")
    expect(page.locator(".itr-whole")).to_have_attribute("aria-pressed", "true")
    tall = "document.querySelector('.itr-stage').getBoundingClientRect().height >= innerHeight - 1"
    page.wait_for_function(tall)
    page.click(".itr-whole")
    expect(page.locator(".itr-whole")).to_have_attribute("aria-pressed", "false")


def test_hostile_labels_are_inert_wherever_the_graph_shows_them(
    page: Any, backend: FakeBackend
) -> None:
    for words in HOSTILES:
        backend.add_triplet(TripletDraft(words, words, f"{words}s", note=words, origin=words))
        backend.add_triplet(TripletDraft(f"{words}s", words, words, author=words, source=words))
    open_graph(page)
    for words in HOSTILES:
        page.fill("#graph-search textarea, #graph-search input", words)
        page.locator("#graph-search .submit-button").click()
        expect(page.locator("#node-head h3")).to_have_text(words)
        page.wait_for_timeout(500)
        row = page.locator("#graph-table tr", has_text=words[:12]).nth(0)
        row.get_by_role("button", name="Show").click()
        expect(page.locator("#triplet-editor")).to_be_visible()
        page.locator(".itr-canvas").scroll_into_view_if_needed()
        x, y = place(page, backend, words)
        page.mouse.move(x, y)
        page.mouse.move(x + 1, y + 1)
        expect(page.locator(".vis-tooltip")).to_contain_text(words)
        row.get_by_role("button", name="Edit").click()
        page.keyboard.press("Escape")
    page.click("#graph-all")
    page.get_by_role("button", name="Duplicates proposed").click()
    expect(page.locator("#duplicate-pairs li").first).to_be_visible()
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert page.locator("#tab-graph a[href^='javascript:']").count() == 0
    assert page.locator("#tab-graph img[src='x']").count() == 0


def test_a_phone_shows_all_of_it_with_targets_for_a_thumb(page: Any, backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft("eggs", "boil", "boiled egg"))
    page.set_viewport_size(NARROW)
    open_graph(page)
    page.get_by_role("button", name="Import and export").click()
    page.get_by_role("button", name="Duplicates proposed").click()
    page.locator("#graph-table").get_by_role("button", name="Show").first.click()
    expect(page.locator("#triplet-editor")).to_be_visible()
    page.get_by_role("button", name="Change this node").click()
    expect(page.locator("#node-label")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    small = page.evaluate(
        """() => [...document.querySelectorAll('#tab-graph button')]
            .filter(one => one.offsetParent && one.getBoundingClientRect().height > 0)
            .filter(one => one.getBoundingClientRect().height < 43.5)
            .map(one => one.outerHTML.slice(0, 120))"""
    )
    assert small == []
