"""The page of a student on the Hugging Face Hub: what it is, learned from whom, good for what."""

from __future__ import annotations

from huggingface_hub import ModelCardData

from model.bundles.bundle import FAMILIAR_THRESHOLD, Bundle, card_text
from model.bundles.graph_facts import HEADER

APP = "Image-Token Reasoning LLM"
TAGS = ["image-token-reasoning", "knowledge-graph", "distillation"]


def hub_card(bundle: Bundle, repo: str, licence: str = "") -> str:
    """The card in Markdown with the Hub's header. Every figure is one that the bundle carries."""
    header = ModelCardData(
        license=licence.lower() or None,
        library_name="transformers",
        pipeline_tag="image-text-to-text",
        tags=TAGS,
    )
    about = card_text(bundle.config, bundle.card, bundle.weights_hash, bundle.parameters).strip()
    parts = (
        f"---\n{header.to_yaml()}\n---",
        about,
        _use(repo),
        _data(bundle),
        _limits(bundle),
    )
    return "\n\n".join(parts) + "\n"


def _use(repo: str) -> str:
    return f"""## How to use it

With pictures, facts and a chat, in the {APP}: click the student's name, *Hugging Face*,
*Load from the Hub*, and write `{repo}`. *Export to Ollama* makes GGUF files of it, eyes included.

Its words alone, in `transformers` (the tokenizer lays conversations out; facts stand in a system
message that begins with `{HEADER}`, one `subject | relation | object` a line):

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("{repo}")
tokenizer = AutoTokenizer.from_pretrained("{repo}")
prompt = tokenizer.apply_chat_template(
    [{{"role": "user", "content": "What can you do?"}}], add_generation_prompt=True, tokenize=False
)
ids = tokenizer(prompt, add_special_tokens=False, return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=64)[0][ids.shape[1]:]))
```"""


def _data(bundle: Bundle) -> str:
    card = bundle.card
    learned = [
        f"- teacher: {card.teacher or 'not recorded'}",
        f"- how it was made: {card.origin or 'not recorded'}",
    ]
    if card.parent:
        learned.append(f"- taught further from: {card.parent}")
    if not any(name != FAMILIAR_THRESHOLD for name in card.figures):
        learned.append("- figures: none were measured")
    return "## What it learned from\n\n" + "\n".join(learned)


def _limits(bundle: Bundle) -> str:
    size = bundle.parameters / 1e6
    lines = [
        f"- It has {size:.1f} million parameters. It knows the narrow world that it was taught, "
        "and may be sure and wrong about everything else.",
        f"- It reads {bundle.config.decoder.max_position_embeddings:,} tokens at most, and sees "
        f"pictures of {bundle.config.vision.image_size} × {bundle.config.vision.image_size} px.",
        "- Its figures were measured by whoever made it, on questions like those it learned from.",
        "- Do not use it where a wrong answer does harm.",
    ]
    return "## Limits\n\n" + "\n".join(lines)
