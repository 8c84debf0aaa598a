"""The theme's colours, and what the browser loads: no request goes to any other host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).resolve().parent.parent / "assets"
STYLE = ASSETS / "style.css"
VIS_NETWORK = ASSETS / "vis-network.min.js"

_SYSTEM_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Ubuntu", "sans-serif"]
_MONO_FONTS = ["ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace"]
_TEAL = gr.themes.Color(
    c50="#f0fdfa",
    c100="#ccfbf1",
    c200="#99f6e4",
    c300="#5eead4",
    c400="#2dd4bf",
    c500="#14b8a6",
    c600="#0f766e",
    c700="#115e59",
    c800="#134e4a",
    c900="#12403d",
    c950="#042f2e",
    name="itr-teal",
)


def build_theme() -> Any:
    """The quiet workbench: paper or near-black, one accent, no shadows but one."""
    theme = gr.themes.Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=gr.themes.colors.stone,
        font=_SYSTEM_FONTS,
        font_mono=_MONO_FONTS,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_md,
    )
    return theme.set(**_colours(), **_shapes())


def _colours() -> dict[str, str]:
    """Theme variables point at the custom properties of style.css: a colour stands there once."""
    pairs = {
        "body_background_fill": "--itr-paper",
        "body_text_color": "--itr-ink",
        "body_text_color_subdued": "--itr-ink-soft",
        "background_fill_primary": "--itr-card",
        "background_fill_secondary": "--itr-well",
        "border_color_primary": "--itr-line",
        "border_color_accent": "--itr-accent",
        "color_accent_soft": "--itr-accent-soft",
        "block_background_fill": "--itr-card",
        "block_border_color": "--itr-line",
        "block_label_text_color": "--itr-ink-soft",
        "block_label_background_fill": "--itr-card",
        "block_title_text_color": "--itr-ink",
        "block_info_text_color": "--itr-ink-soft",
        "panel_background_fill": "--itr-card",
        "input_background_fill": "--itr-field",
        "input_border_color": "--itr-line-strong",
        "input_border_color_focus": "--itr-accent",
        "input_placeholder_color": "--itr-ink-faint",
        "link_text_color": "--itr-accent",
        "link_text_color_hover": "--itr-accent-strong",
        "link_text_color_visited": "--itr-accent",
        "button_primary_background_fill": "--itr-accent",
        "button_primary_background_fill_hover": "--itr-accent-strong",
        "button_primary_border_color": "--itr-accent",
        "button_primary_border_color_hover": "--itr-accent-strong",
        "button_primary_text_color": "--itr-on-accent",
        "button_primary_text_color_hover": "--itr-on-accent",
        "button_secondary_background_fill": "--itr-card",
        "button_secondary_background_fill_hover": "--itr-well",
        "button_secondary_border_color": "--itr-line-strong",
        "button_secondary_border_color_hover": "--itr-ink-faint",
        "button_secondary_text_color": "--itr-ink",
        "button_cancel_background_fill": "--itr-card",
        "button_cancel_background_fill_hover": "--itr-danger-soft",
        "button_cancel_border_color": "--itr-danger",
        "button_cancel_border_color_hover": "--itr-danger",
        "button_cancel_text_color": "--itr-danger",
        "button_cancel_text_color_hover": "--itr-danger",
        "table_border_color": "--itr-line",
        "table_even_background_fill": "--itr-card",
        "table_odd_background_fill": "--itr-card",
        "slider_color": "--itr-accent",
        "checkbox_background_color_selected": "--itr-accent",
        "checkbox_border_color_selected": "--itr-accent",
        "checkbox_label_background_fill": "--itr-card",
        "checkbox_label_text_color": "--itr-ink",
    }
    both = {name: f"var({variable})" for name, variable in pairs.items()}
    return both | {
        f"{name}_dark": value
        for name, value in both.items()
        if hasattr(gr.themes.Base(), f"{name}_dark")
    }


def _shapes() -> dict[str, str]:
    return {
        "block_border_width": "1px",
        "block_radius": "10px",
        "block_shadow": "none",
        "block_label_shadow": "none",
        "input_radius": "8px",
        "input_border_width": "1px",
        "button_border_width": "1px",
        "input_shadow": "none",
        "button_large_radius": "8px",
        "button_medium_radius": "8px",
        "button_small_radius": "8px",
        "button_large_text_size": "15px",
        "button_large_text_weight": "550",
        "button_medium_text_weight": "550",
        "button_primary_shadow": "none",
        "button_secondary_shadow": "none",
        "button_transition": "background-color 0.12s, border-color 0.12s",
        "checkbox_label_shadow": "none",
        "section_header_text_weight": "600",
    }
