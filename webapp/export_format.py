"""An export in HTML: what would leave, how far it is, two answers side by side. No Gradio."""

from __future__ import annotations

import html
from collections.abc import Sequence

from model.export_records import ExportPreview, ParityRow
from webapp.formatting import muted_html, note_html

_LONGEST = 60


def preview_html(preview: ExportPreview) -> str:
    """What an export would hold, in one or two sentences."""
    eyes = preview.text_only or "It leaves with its eyes."
    facts = (
        f"{preview.facts} of {preview.total_facts} facts come along ({preview.fact_tokens} tokens)."
        if preview.total_facts
        else "The graph has 0 facts to take along."
    )
    words = f"In Ollama: {preview.name}. {eyes} {facts}"
    return note_html(words) if preview.text_only else muted_html(words)


def progress_html(words: str, share: float) -> str:
    """One line and a bar; a live region, so that the end is heard."""
    percent = round(100 * max(0.0, min(1.0, share)))
    return (
        f"<div role='status'><progress class='itr-progress' max='100' value='{percent}' "
        f"aria-label='export'></progress> {html.escape(words)}</div>"
    )


def parity_html(rows: Sequence[ParityRow]) -> str:
    """The prompts that both were asked, as a table; nothing before the first row."""
    if not rows:
        return ""
    head = "".join(
        f"<th scope='col'>{name}</th>"
        for name in ("prompt", "here", "in Ollama", "same tokens", "largest gap")
    )
    body = "".join(_row(row) for row in rows)
    return (
        "<table class='itr-table'><caption>The same prompts, here and in Ollama; the gap is of "
        f"log-probabilities, in nats</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _row(row: ParityRow) -> str:
    pictures = f" + {row.pictures} picture{'s' if row.pictures > 1 else ''}"
    same = row.same_tokens == row.tokens
    cells = (
        row.prompt + (pictures if row.pictures else ""),
        _short(row.ours),
        _short(row.theirs),
        f"{'✓' if same else '✗'} {row.same_tokens} of {row.tokens}",
        "–" if row.gap is None else f"{row.gap:.1e}",
    )
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else f"{flat[: _LONGEST - 1]}…"
