"""Saving the form's settings to a file, and filling the form from a file or an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from model.config import SHIPPED_STUDENT, DistillConfig
from model.errors import ReasonerError, RunError
from model.records import RunId
from webapp.backend import Backend, Door
from webapp.distill_form import form_config
from webapp.formatting import error_html
from webapp.settings_file import form_values, read_settings, write_settings
from webapp.widgets import QUIET, bind, say, served


@dataclass(frozen=True)
class SettingsPanel:
    """The two ways to a file, and the file itself once it is written."""

    save: gr.Button
    file: gr.DownloadButton
    load: gr.UploadButton


def draw_settings() -> SettingsPanel:
    """Draw the buttons inside the current column."""
    with gr.Row(elem_classes="itr-actions"):
        save = gr.Button("Save settings", size="sm", min_width=90, elem_id="distill-save-settings")
        file = gr.DownloadButton(
            "Download", visible=False, size="sm", min_width=90, elem_id="distill-settings-file"
        )
        load = gr.UploadButton(
            "Load settings",
            file_types=[".json"],
            size="sm",
            min_width=90,
            elem_id="distill-load-settings",
        )
    return SettingsPanel(save, file, load)


def wire_settings(
    door: Door,
    panel: SettingsPanel,
    form: Sequence[Any],
    error: gr.HTML,
    use: gr.Button,
    run: gr.State,
) -> None:
    """``use`` takes the settings of the selected ``run``; ``error`` says what went wrong."""
    saved = gr.State(())
    # file and what it holds in one go: else a field that tells `change` late hides the file again
    panel.save.click(bind(door, on_save), list(form), [panel.file, error, saved], **QUIET)
    filled = [error, *form]
    panel.load.upload(bind(door, on_load), [panel.load], filled, **QUIET)
    use.click(bind(door, on_use), [run], filled, **QUIET)
    gr.on(
        [widget.change for widget in form],
        # fields that began hidden tell `change` without one (Gradio 6.31)
        lambda before, *now: gr.skip() if now == before else gr.update(visible=False),
        [saved, *form],
        [panel.file],
        **QUIET,
    )


def on_save(backend: Backend, *form: Any) -> tuple[Any, ...]:
    """Write the form's settings to a file.

    Inputs: the form
    Outputs: file, error, the form as it was saved
    """
    try:
        config = form_config(form)
    except ReasonerError as exc:
        return gr.update(visible=False), error_html(str(exc)), ()
    with TemporaryDirectory() as folder:  # Gradio hands out a copy of its own
        file = served(write_settings(config, Path(folder)))
    return gr.update(value=file, visible=True), "", form


def on_load(backend: Backend, file: str | None) -> list[Any]:
    """Fill the form from a file; nothing changes if it cannot be used.

    Inputs: file
    Outputs: error, the form
    """
    if not file:
        raise RunError("The file did not arrive. Choose it again.")
    values = form_values(_known(backend, read_settings(Path(file))))
    say("The form has the settings of the file.")
    return ["", *values]


def on_use(backend: Backend, run: RunId | None) -> list[Any]:
    """Fill the form with the settings of a run.

    Inputs: selected run
    Outputs: error, the form
    """
    if run is None:
        raise RunError("No run is selected. Choose one from the list of runs.")
    values = form_values(_known(backend, backend.run(run).config))
    say("The form has the settings of the run.")
    return ["", *values]


def _known(backend: Backend, config: DistillConfig) -> DistillConfig:
    """The settings with a student that is here: a file may come from another workspace."""
    here = config.student in [info.id for info in backend.students()]
    return config if here else replace(config, student=SHIPPED_STUDENT)
