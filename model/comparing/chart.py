"""The chart of a comparison: bars with their intervals, as inline SVG that follows the theme."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from html import escape

from model.compare_records import LETTERS, Comparison, Measure, MeasureName

COLOURS = ("#0d9488", "#d97706", "#6366f1")
_LABEL, _WIDTH, _VALUE = 110, 420, 70
_BAR, _GAP = 14, 12


def bars_svg(
    comparison: Comparison,
    words: Mapping[MeasureName, tuple[str, str, bool]],
    shares: Collection[str],
) -> str:
    """Shares as bars from 0 to 100 % with whiskers; nothing if no share was measured."""
    groups = [
        (words[name][0], [m for m in comparison.measures if m.name == name])
        for name in words
        if name in shares
    ]
    groups = [(heading, found) for heading, found in groups if found]
    if not groups:
        return ""
    parts, top = list[str](), 4
    for heading, found in groups:
        parts.append(f'<text x="0" y="{top + 12}" class="itr-chart-name">{escape(heading)}</text>')
        for measure in found:
            parts.append(_bar(measure, top))
            top += _BAR + 4
        top += _GAP
    spoken = "; ".join(
        f"{heading}: " + ", ".join(f"{LETTERS[m.side]} {100 * m.value:.0f} %" for m in found)
        for heading, found in groups
    )
    width = _LABEL + _WIDTH + _VALUE
    return (
        f'<svg class="itr-chart" role="img" aria-label="{escape(spoken)}" '
        f'viewBox="0 0 {width} {top}" width="{width}" font-size="12" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _bar(measure: Measure, top: int) -> str:
    middle = top + _BAR / 2
    left, right = (_LABEL + _WIDTH * each for each in (measure.low, measure.high))
    length = max(_WIDTH * measure.value, 1.0)
    return (
        f'<rect x="{_LABEL}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="3" '
        f'fill="{COLOURS[measure.side]}" fill-opacity=".75"/>'
        f'<path d="M{left:.1f} {middle}H{right:.1f}M{left:.1f} {top + 3}v{_BAR - 6}'
        f'M{right:.1f} {top + 3}v{_BAR - 6}" stroke="currentColor" fill="none"/>'
        f'<text x="{_LABEL - 8}" y="{top + 11}" text-anchor="end">{LETTERS[measure.side]}</text>'
        f'<text x="{_LABEL + _WIDTH + 8}" y="{top + 11}">{100 * measure.value:.0f} %</text>'
    )
