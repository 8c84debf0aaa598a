"""Twenty things that a new user asks the shipped student, and how many it gets right."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from model.microworld.blocks import Block, BlockAction, Scene, apply
from model.microworld.blocks_pictures import draw_scene
from model.microworld.everyday import draw
from model.microworld.language import explain_answer
from tests.browser.conftest import ANSWERED, App, open_tab, visit, wait_for_student

pytestmark = [pytest.mark.browser, pytest.mark.long]
PX = 256
RIGHT = 18
"""Answers that the shipped student gets right; no change may make it fewer."""
_SCENE = Scene(
    (
        (0, Block("square", "red", "large")),
        (4, Block("circle", "blue", "small")),
        (8, Block("star", "green", "large", "hollow")),
    )
)
_RNG = random.Random(20)


def _scene(*actions: BlockAction) -> Image.Image:
    scene = _SCENE
    for action in actions:
        scene = apply(scene, action)
    return draw_scene(scene, _RNG, PX)


def _thing(label: str) -> Image.Image:
    return draw(label, _RNG, PX)


def _action(label: str) -> Image.Image:
    return draw(label, _RNG, PX, action=True)


SAID = """() => {
    const log = document.querySelector('#chat-log').cloneNode(true);
    log.querySelectorAll('.itr-after').forEach(facts => facts.remove());
    return log.innerText;
}"""
"""The conversation without the facts that stand under the answers."""


@dataclass(frozen=True)
class Asked:
    """A question, the pictures with it, and what a right answer says."""

    question: str
    right: str
    pictures: tuple[Image.Image, ...] = ()
    new_chat: bool = True


def _questions() -> list[Asked]:
    square, circle = (block for _, block in _SCENE.blocks[:2])
    painted = BlockAction("paint", square, "yellow")
    removed = BlockAction("remove", circle)
    moved = BlockAction("move", circle, "right")
    added = BlockAction("add", Block("triangle", "pink", "small"), "bottom left")
    return [
        Asked("What is this?", "This is an egg.", (_thing("egg"),)),
        Asked("What is this?", "This is a caterpillar.", (_thing("caterpillar"),)),
        Asked("What do you see?", "This is a rose.", (_thing("rose"),)),
        Asked("What is this?", "These are grapes.", (_thing("grapes"),)),
        Asked("What is being done?", "This picture shows heating.", (_action("heat"),)),
        Asked("What is being done?", "This picture shows sawing.", (_action("saw"),)),
        Asked("What happens if I heat it?", "fried egg", (_thing("egg"),)),
        Asked("What happens if I wait?", "butterfly", (_thing("caterpillar"),)),
        Asked("What happens if I wait?", "hatching chick", (_thing("egg"),)),
        Asked("And then, if I wait?", " chick", new_chat=False),
        Asked("What happens if I heat corn?", "popcorn"),
        Asked("What happens if I saw a tree?", "wood"),
        Asked("What happened here?", explain_answer("egg", "heat", "fried egg"),
              (_thing("egg"), _action("heat"), _thing("fried egg"))),
        Asked("Which step turned the first into the second?",
              explain_answer("caterpillar", "wait", "butterfly"),
              (_thing("caterpillar"), _thing("butterfly"))),
        Asked("What is this?", "There is a large red square at the top left, a small blue circle "
              "in the middle and a large hollow green star at the bottom right.", (_scene(),)),
        Asked("How many blocks are there?", "There are three blocks.", (_scene(),)),
        Asked("What changed?", "The large red square was painted yellow.",
              (_scene(), _scene(painted))),
        Asked("What was done?", "The small blue circle was removed.", (_scene(), _scene(removed))),
        Asked("Which step turned the first into the second?",
              "The small blue circle moved to the right.", (_scene(), _scene(moved))),
        Asked("What is different now?",
              "A small pink triangle was added at the bottom left.", (_scene(), _scene(added))),
    ]  # fmt: skip


def _ask(page: Page, asked: Asked, folder: Path) -> str:
    if asked.new_chat:
        page.locator("#chat-new").click()
        expect(page.locator("#chat-examples")).to_be_visible()
    files = []
    for picture in asked.pictures:
        path = folder / f"{uuid.uuid4().hex}.png"  # the same name again would change nothing
        picture.save(path)
        files.append(str(path))
    if files:
        page.locator("#chat-input input[type=file]").set_input_files(files)
        expect(page.locator("#chat-input .thumbnail-item")).to_have_count(len(files))
    box = page.locator("#chat-input textarea")
    box.fill(asked.question)
    before = page.locator("#chat-log").inner_text() if page.locator("#chat-log").count() else ""
    box.press("Enter")
    page.wait_for_function(ANSWERED, arg=len(before.split("tok/s")))
    return str(page.evaluate(SAID)).split(asked.question)[-1]


def test_the_shipped_student_answers_what_a_new_user_asks(
    make_app: Callable[..., App], browser: Browser, tmp_path: Path
) -> None:
    app = make_app()
    seen = visit(browser, app.url)
    wait_for_student(seen.page)
    open_tab(seen.page, "Chat")
    wrong = []
    for asked in _questions():
        answer = _ask(seen.page, asked, tmp_path)
        if asked.right not in answer:
            wrong.append((asked.question, asked.right, answer))
    # an answer after a thought is as large as any, not as the figures under it
    answer_after_thought = seen.page.locator("#chat-log .message:has(.itr-thought) + .message p")
    assert answer_after_thought.evaluate("p => getComputedStyle(p).fontSize") == "16px"
    assert len(_questions()) == 20
    assert len(_questions()) - len(wrong) >= RIGHT, wrong
    assert not seen.faults
    seen.page.close()
