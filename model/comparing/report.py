"""A comparison as what a person reads: figures with charts, a page of its own, a table of answers.

All markup is plain HTML with inline SVG, no script; words that others wrote are escaped here.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from html import escape

from model.compare_records import (
    LETTERS,
    Comparison,
    Difference,
    Measure,
    MeasureName,
    SideAnswer,
    Vote,
)
from model.comparing.chart import bars_svg

WORDS: dict[MeasureName, tuple[str, str, bool]] = {
    "exact": ("exact", "word for word the right answer", True),
    "attributes": ("attributes", "shape, colour, size … of drawn blocks told right", True),
    "rouge_l": ("ROUGE-L", "longest common words with the reference", True),
    "agreement": ("agreement", "says the same as the teacher beside it", True),
    "win_rate": ("win rate", "better for the judge, in both orders; a tie is half", True),
    "loss": ("loss", "nats per token of the reference", False),
    "perplexity": ("perplexity", "of the reference, per token", False),
    "bits_per_byte": ("bits per byte", "of the reference; fair across tokenizers", False),
    "tokens_per_s": ("speed", "tokens per second", True),
    "first_token_s": ("first word", "seconds until it comes", False),
}
"""Heading, meaning, and whether more is better."""
PERCENT = frozenset({"exact", "attributes", "rouge_l", "agreement", "win_rate"})
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_PAGE_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem;
  color-scheme: light dark; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8886; padding: .4rem .6rem; text-align: left;
  vertical-align: top; }
.itr-num { font-variant-numeric: tabular-nums; white-space: nowrap; }
.itr-muted { opacity: .75; } .itr-scroll { overflow-x: auto; } svg { max-width: 100%; }
"""


def figure(name: MeasureName, value: float) -> str:
    """A measure's value as it is read: ``83 %``, ``0.412``, ``1,204 tok/s``, ``90 ms``."""
    if name in PERCENT:
        return f"{100 * value:.0f} %"
    if name == "tokens_per_s":
        return f"{value:,.0f} tok/s"
    if name == "first_token_s":
        return f"{1000 * value:,.0f} ms"
    return f"{value:.3f}" if value < 100 else f"{value:,.0f}"


def names_of(comparison: Comparison) -> list[str]:
    """The sides as tables name them: ``A · student · a1b2c3``."""
    return [
        " · ".join(part for part in (LETTERS[n], side.name, side.weights_hash[:6]) if part)
        for n, side in enumerate(comparison.sides)
    ]


def figures_html(comparison: Comparison) -> str:
    """The table of measures, the chart, and which differences are more than chance."""
    if not comparison.measures:
        return ""
    reference = (
        f" Answers are scored against {escape(comparison.reference)}."
        if comparison.reference
        else " Nothing says what the right answers are: add a teacher or answers to score them."
    )
    return (
        "<h3>Measured</h3>"
        f'<p class="itr-muted">95 % intervals in brackets.{reference} All sides answer at the same '
        "time, so speeds are lower bounds.</p>"
        f"{_measures_table(comparison)}{bars_svg(comparison, WORDS, PERCENT)}"
        f"{_differences_html(comparison)}"
    )


def _measures_table(comparison: Comparison) -> str:
    found = {(measure.name, measure.side): measure for measure in comparison.measures}
    heads = "".join(f"<th>{escape(name)}</th>" for name in names_of(comparison))
    rows = ""
    for name, (heading, meaning, more_is_better) in WORDS.items():
        mine = [found.get((name, side)) for side in range(len(comparison.sides))]
        if any(mine):
            best = _best(mine, more_is_better=more_is_better)
            cells = "".join(
                _cell(measure, LETTERS[side], best=side == best)
                for side, measure in enumerate(mine)
            )
            rows += (
                f'<tr><th scope="row">{heading}<br><small class="itr-muted">{escape(meaning)}'
                f"</small></th>{cells}</tr>"
            )
    sizes = "".join(
        f'<td class="itr-num" data-label="{LETTERS[n]}">'
        f"{_size(side.size_bytes, side.parameters)}</td>"
        for n, side in enumerate(comparison.sides)
    )
    return (
        '<div class="itr-scroll"><table class="itr-table itr-read itr-measures"><thead><tr>'
        f"<th>measure</th>{heads}</tr></thead><tbody>{rows}"
        f'<tr><th scope="row">size</th>{sizes}</tr></tbody></table></div>'
    )


def _best(mine: Sequence[Measure | None], *, more_is_better: bool) -> int | None:
    """The side with the best value, if there is exactly one."""
    values = [measure.value for measure in mine if measure is not None]
    if len(values) < 2:
        return None
    best = max(values) if more_is_better else min(values)
    sides = [n for n, measure in enumerate(mine) if measure is not None and measure.value == best]
    return sides[0] if len(sides) == 1 else None


def _cell(measure: Measure | None, letter: str, *, best: bool) -> str:
    if measure is None:
        return f'<td class="itr-muted" data-label="{letter}">–</td>'
    low, high = figure(measure.name, measure.low), figure(measure.name, measure.high)
    value = figure(measure.name, measure.value)
    value = f"<b>{value}</b>" if best else value
    return (
        f'<td class="itr-num" data-label="{letter}">{value} '
        f'<small class="itr-muted">[{low}, {high}] n={measure.n}</small></td>'
    )


def _size(size_bytes: int, parameters: int) -> str:
    parts = [f"{parameters / 1e6:,.1f}M weights"] if parameters else []
    parts += [f"{size_bytes / 1e6:,.1f} MB"] if size_bytes else []
    return " · ".join(parts) or "–"


def _differences_html(comparison: Comparison) -> str:
    rows = "".join(_difference_row(each) for each in comparison.differences)
    if not rows:
        return ""
    return (
        "<h4>Is it more than chance?</h4>"
        '<p class="itr-muted">Both sides on the same prompts. A small p says that chance alone '
        "would seldom give such a difference; with many measures, one in twenty is below .05 by "
        "luck.</p>"
        '<div class="itr-scroll"><table class="itr-table itr-read"><thead><tr><th>measure</th>'
        "<th>difference</th><th>95 % interval</th><th>p</th><th>test</th><th>n</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _difference_row(each: Difference) -> str:
    heading, _, more_is_better = WORDS[each.name]
    sides = f"{LETTERS[each.second]} − {LETTERS[each.first]}"
    verdict = "no clear difference"
    if each.p < 0.05:
        second = (each.value > 0) == more_is_better
        verdict = f"{LETTERS[each.second if second else each.first]} is better"
    low, high = _signed(each.name, each.low), _signed(each.name, each.high)
    return (
        f'<tr><th scope="row">{heading}, {sides}</th>'
        f'<td class="itr-num" data-label="difference">{_signed(each.name, each.value)} '
        f"<small>{verdict}</small></td>"
        f'<td class="itr-num" data-label="95 % interval">{low} … {high}</td>'
        f'<td class="itr-num" data-label="p">{each.p:.3f}</td>'
        f'<td data-label="test">{each.test}</td>'
        f'<td class="itr-num" data-label="n">{each.n}</td></tr>'
    )


def _signed(name: MeasureName, value: float) -> str:
    return ("+" if value > 0 else "−" if value < 0 else "") + figure(name, abs(value))


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def table_text(comparison: Comparison) -> str:
    """Every answer as a row of CSV; what a spreadsheet would compute gets an apostrophe."""
    file = io.StringIO()
    table = csv.writer(file)
    scores = ("exact", "agrees", "rouge_l", "right_attributes", "attributes", "nats",
              "reference_tokens")  # fmt: skip
    figures = ("weights_hash", "tokens", "tokens_per_s", "first_token_s", "stopped_by")
    head = ("row", "side", "name", "prompt", "reference", "answer", "error", "facts")
    table.writerow([*head, *figures, *scores])
    for number, row in enumerate(comparison.rows):
        for side, answer in enumerate(row.answers):
            said = answer or SideAnswer()
            words = (comparison.sides[side].name, row.task.prompt, row.reference, said.text,
                     said.error, "; ".join(said.facts))  # fmt: skip
            table.writerow([
                number + 1, LETTERS[side], *map(_inert, words),
                *(getattr(said, name) for name in figures),
                *(_blank(getattr(said.scores, name)) for name in scores),
            ])  # fmt: skip
    return file.getvalue()


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _blank(value: object) -> object:
    return "" if value is None else value


def page_html(comparison: Comparison, votes: Sequence[Vote]) -> str:
    """A page of its own that needs nothing else and asks no network."""
    made = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(comparison.created_at))
    names = names_of(comparison)
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    best = {vote.row: vote.best for vote in votes}
    rows = "".join(
        f"<tr><th>{escape(row.task.prompt)}</th>"
        + "".join(_said(answer, voted=best.get(n) == LETTERS[s]) for s, answer in
                  enumerate(row.answers))
        + f"<td>{escape(row.reference)}</td></tr>"
        for n, row in enumerate(comparison.rows)
    )  # fmt: skip
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>Comparison</title><style>{_PAGE_STYLE}</style></head><body>"
        f"<h1>{escape(' · '.join(names))}</h1><p>{made} · {len(comparison.rows)} prompts · seed "
        f"{comparison.config.sampling.seed} · temperature "
        f"{comparison.config.sampling.temperature:g} · {comparison.state}</p>"
        f"{figures_html(comparison)}<h3>Answers</h3>"
        f'<div class="itr-scroll"><table><thead><tr><th>prompt</th>{heads}<th>reference</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div></body></html>\n"
    )


def _said(answer: SideAnswer | None, *, voted: bool) -> str:
    if answer is None:
        return "<td>–</td>"
    text = escape(answer.error or answer.text)
    mark = " ★ voted best" if voted else ""
    return (
        f'<td>{text}<br><small class="itr-muted itr-num">{answer.tokens_per_s:,.0f} tok/s · '
        f"{1000 * answer.first_token_s:,.0f} ms · {escape(answer.weights_hash[:6])}{mark}"
        "</small></td>"
    )
