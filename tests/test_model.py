from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import LlamaForCausalLM

from model.config import PRESETS, SampleConfig
from model.errors import InputError
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import PAD_COLOUR, Message, layout, letterbox, splice, to_pixels
from model.network.text_tokenizer import IMAGE, THINK
from tests.small import make_student, picture


def test_presets_have_the_sizes_they_promise(tiny_student: ImageTokenReasoningLLM) -> None:
    tiny = ImageTokenReasoningLLM(PRESETS["tiny"], tiny_student.tokenizer)
    assert 4.5e6 < tiny.parameter_count < 5.5e6
    small = ImageTokenReasoningLLM(PRESETS["small"], tiny_student.tokenizer)
    assert 27e6 < small.parameter_count < 33e6


def test_matrix_widths_fit_quantised_export() -> None:
    for config in PRESETS.values():
        d, v = config.decoder, config.vision
        widths = (d.hidden_size, d.intermediate_size, v.hidden_size, v.intermediate_size)
        assert all(width % 32 == 0 for width in widths)


def test_streamed_equals_whole(tiny_student: ImageTokenReasoningLLM) -> None:
    how = {"max_tokens": 20, "temperature": 0.8, "seed": 4}
    whole = tiny_student.generate("What is this?", [picture("red")], **how)
    streamed = tiny_student.generate("What is this?", [picture("red")], stream=True, **how)
    assert "".join(streamed) == whole
    assert whole


def test_pictures_change_the_answer(tiny_student: ImageTokenReasoningLLM) -> None:
    answers = {
        tiny_student.generate("What is this?", [picture(colour)], max_tokens=12)
        for colour in ("red", "white", "black", "green")
    }
    assert len(answers) > 1


def test_a_triplet_is_three_pictures_with_their_roles(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    tokenizer, patches = tiny_student.tokenizer, tiny_student.config.vision.num_patches
    message = Message("user", "What happened?", 3, ("what", "action", "result"))
    ids = layout(tokenizer, [message], patches)
    image = tokenizer.id(IMAGE)
    assert ids.count(image) == 3 * patches
    before_runs = [ids[n - 1] for n in range(1, len(ids)) if ids[n] == image != ids[n - 1]]
    assert before_runs == [tokenizer.id(f"<|{role}|>") for role in ("what", "action", "result")]


def test_text_between_pictures_is_tokenised_on_its_own(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    tokenizer = tiny_student.tokenizer
    ids = layout(tokenizer, [Message("user", "egg", 1)], 2)
    slot = tokenizer.id(IMAGE)
    expected = [*tokenizer.encode("<s><|im_start|>user\n"), slot, slot]
    expected += tokenizer.encode("egg<|im_end|>\n<|im_start|>assistant\n")
    assert ids == expected


def test_splice_fills_slots_in_reading_order() -> None:
    text = torch.zeros(2, 4, 1)
    images = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    slots = torch.tensor([[False, True, True, False], [True, False, False, True]])
    spliced = splice(text, images, slots).squeeze(-1)
    assert spliced.tolist() == [[0, 1, 2, 0], [3, 0, 0, 4]]
    with pytest.raises(ValueError, match="4 image slots for 2 vectors"):
        splice(text, images[:1], slots)


def test_letterbox_keeps_the_shape_and_pads_with_the_known_colour() -> None:
    boxed = letterbox(Image.new("RGB", (80, 20), (255, 0, 0)), 32)
    assert boxed.size == (32, 32)
    assert boxed.getpixel((16, 2)) == PAD_COLOUR
    assert boxed.getpixel((16, 16)) == (255, 0, 0)


def test_pixels_lie_between_minus_one_and_one() -> None:
    pixels = to_pixels([picture("white"), picture("black", (32, 32))], 32)
    assert pixels.shape == (2, 3, 32, 32)
    assert pixels[0].max() == 1
    assert pixels[1].min() == -1


def test_embeddings_are_unit_vectors(tiny_student: ImageTokenReasoningLLM) -> None:
    embedding_NE = tiny_student.picture_embeddings([picture("red"), picture("blue")])
    assert embedding_NE.shape == (2, tiny_student.config.vision.embedding_size)
    torch.testing.assert_close(embedding_NE.norm(dim=-1), torch.ones(2))


def test_padding_does_not_change_a_row(tiny_student: ImageTokenReasoningLLM) -> None:
    no_pictures = torch.zeros(0, 3, 32, 32)
    short, long = torch.tensor([[4, 20, 30]]), torch.tensor([[4, 21, 31, 41, 51]])
    padded = torch.tensor([[4, 20, 30, 2, 2], [4, 21, 31, 41, 51]])
    with torch.inference_mode():
        together = tiny_student(padded, no_pictures)
        torch.testing.assert_close(together[0, :3], tiny_student(short, no_pictures)[0])
        torch.testing.assert_close(together[1], tiny_student(long, no_pictures)[0])


def test_a_long_chat_forgets_its_oldest_turns(tiny_student: ImageTokenReasoningLLM) -> None:
    turns = [
        Message(speaker, f"number {number} and some words around it", pictures)
        for number in range(24)
        for speaker, pictures in (("user", 1), ("assistant", 0))
    ]
    images = [picture("red") for _ in range(24)] + [picture("blue")]
    prompt = tiny_student.prompt([*turns, Message("user", "the last one?", 1)], images, room=40)
    assert len(prompt.ids) <= 512 - 40
    text = tiny_student.tokenizer.decode(prompt.ids)
    assert "number 0 " not in text
    assert text.endswith("user\nthe last one?\nassistant\n")
    slots = prompt.ids.count(tiny_student.image_id)
    assert slots == len(prompt.pixels_NCHW) * tiny_student.config.vision.num_patches


def test_what_a_chat_is_told_to_begin_with_stays(tiny_student: ImageTokenReasoningLLM) -> None:
    def told(*messages: Message) -> str:
        images = [picture("blue")] * sum(each.pictures for each in messages)
        prompt = tiny_student.prompt(messages, images, room=40)
        slots = prompt.ids.count(tiny_student.image_id)
        patches = tiny_student.config.vision.num_patches
        assert slots == patches * len(prompt.pixels_NCHW)
        return tiny_student.tokenizer.decode(prompt.ids)

    briefed, asked = Message("system", "Say little."), Message("user", "the last one?", 1)
    assert "Say little." in told(briefed, asked)
    assert "Say little." in told(briefed, *[Message("user", "egg " * 30)] * 40, asked)
    assert told(replace(briefed, pictures=1), asked)


def test_a_question_that_cannot_fit_is_refused_with_numbers(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    with pytest.raises(InputError, match=r"tokens long .* at most 472"):
        tiny_student.prompt([Message("user", "egg " * 800)], room=40)


def test_description_comes_with_the_probability_of_its_tokens(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    words, sure = tiny_student.describe(picture("red"), "What is this?")
    assert words == tiny_student.generate("What is this?", [picture("red")], max_tokens=32)
    assert 0 < sure < 1


def test_bundle_round_trip_gives_the_same_answers(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    weights_hash = tiny_student.save(tmp_path / "first")
    once = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "first")
    assert once.save(tmp_path / "second") == weights_hash
    twice = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "second")
    how = SampleConfig(max_tokens=16)
    prompt = once.prompt([Message("user", "What is this?", 1)], [picture("red")], room=16)
    assert list(once.pieces(prompt, how)) == list(twice.pieces(prompt, how))


def test_transformers_loads_a_bundle_with_equal_logits(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    tiny_student.save(tmp_path / "bundle")
    ours = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "bundle")
    theirs = LlamaForCausalLM.from_pretrained(tmp_path / "bundle", dtype=torch.float32)
    ids = torch.tensor([ours.tokenizer.encode("<s>What happens if I heat an egg?")])
    with torch.inference_mode():
        logits = ours(ids, torch.zeros(0, 3, 32, 32))
        torch.testing.assert_close(logits, theirs(ids).logits, rtol=1e-4, atol=1e-4)


# ── thoughts and pictures ───────────────────────────────────────────────────────────────────────


def _thinker() -> ImageTokenReasoningLLM:
    student = make_student(seed=6)
    student.config = replace(student.config, thinks=True)
    return student


def test_a_student_thinks_only_if_it_has_learned_to_and_is_asked_to() -> None:
    message, thinker = Message("user", "What is this?"), _thinker()
    think = thinker.tokenizer.id(THINK)
    assert thinker.prompt([message], think=True).ids[-1] == think
    assert think not in thinker.prompt([message]).ids
    assert think not in make_student().prompt([message], think=True).ids


def test_the_answer_begins_after_the_thought_and_the_thought_is_no_part_of_it() -> None:
    thinker = _thinker()
    prompt = thinker.prompt([Message("user", "What is this?")], room=220, think=True)
    ended = 0
    for seed in range(8):
        sampling = SampleConfig(max_tokens=220, temperature=1.5, seed=seed)
        said = list(thinker.reason(prompt, sampling))
        kinds = [thought for thought, _ in said]
        assert kinds == sorted(kinds, reverse=True), "first the thought, then the answer"
        ended += {True, False} == set(kinds)
        answer = "".join(text for thought, text in said if not thought)
        assert "".join(thinker.pieces(prompt, sampling)) == answer
    assert ended, "one of the thoughts ended within 220 tokens"


def test_a_thought_can_only_end_and_an_answer_cannot_begin_one() -> None:
    thinker = _thinker()
    thinking, answering = (thinker.banned_ids(thinking=flag) for flag in (True, False))
    assert thinker.end_of_thought not in thinking
    assert thinker.end_ids <= set(thinking)
    assert {thinker.end_of_thought, thinker.tokenizer.id(THINK)} <= set(answering)
    assert not thinker.end_ids & set(answering)


def test_pictures_have_a_familiarity_and_results_an_embedding(tmp_path: Path) -> None:
    student = make_student(seed=6)
    scores = student.familiarity([picture("red"), picture("white")])
    assert len(scores) == 2
    assert all(0 < score < 1 for score in scores)
    imagined = student.imagine(student.prompt([Message("user", "Show me an egg.")]))
    assert imagined.shape == (student.config.vision.embedding_size,)
    assert float(imagined.norm()) == pytest.approx(1, abs=1e-5)
    student.save(tmp_path / "bundle")
    loaded = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "bundle")
    assert loaded.familiarity([picture("red")]) == pytest.approx(scores[:1], abs=2e-3)


def test_a_student_without_picture_heads_refuses_nothing_and_imagines_nothing(
    tmp_path: Path,
) -> None:
    student = make_student()
    config = replace(student.config, picture_heads=False)
    plain = ImageTokenReasoningLLM(config, student.tokenizer)
    plain.save(tmp_path / "bundle")
    loaded = ImageTokenReasoningLLM.load_from_bundle(tmp_path / "bundle")
    assert loaded.familiarity([picture("red")]) == [1.0]
    with pytest.raises(InputError, match="cannot imagine"):
        loaded.imagine(loaded.prompt([Message("user", "egg?")]))
