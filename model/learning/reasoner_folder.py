"""A trained reasoner as a folder: names and settings as JSON, weights and triples beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from model.config import from_json, to_json
from model.errors import BundleIncompatible, BundleNotFound
from model.learning.graph_questions import GraphTable
from model.learning.graph_reasoner import GraphReasoner, ReasonerConfig

SETTINGS, WEIGHTS = "reasoner.json", "reasoner.safetensors"
_TRIPLES = "graph.triples"


def save_reasoner(model: GraphReasoner, folder: Path) -> None:
    """Write a reasoner with its graph; nothing of it is ever unpickled."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.contiguous() for name, value in model.state_dict().items()}
    tensors[_TRIPLES] = torch.from_numpy(model.table.triples_E3.astype(np.int32))
    save_file(tensors, folder / WEIGHTS)
    settings = {
        "config": to_json(model.config),
        "words": model.words,
        "relations": model.table.relations,
        "labels": model.table.labels,
    }
    (folder / SETTINGS).write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")


def load_reasoner(folder: Path) -> GraphReasoner:
    """Read what ``save_reasoner`` wrote.

    Raises: BundleNotFound if a file is missing; BundleIncompatible if the parts do not fit.
    """
    for name in (SETTINGS, WEIGHTS):
        if not (folder / name).is_file():
            raise BundleNotFound(f"{folder} has no {name}. Make a reasoner with `fit --out` first.")
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        config = from_json(ReasonerConfig, settings["config"])
        table = GraphTable(
            tuple(settings["labels"]),
            tuple(settings["relations"]),
            tensors.pop(_TRIPLES).numpy().astype(np.int64),
        )
        _check(table)
        model = GraphReasoner(config, table, settings["words"])
        model.load_state_dict(tensors)
    except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleIncompatible(
            f"{folder} is damaged: {error}. Fit the reasoner again."
        ) from error
    except KeyError as error:
        raise BundleIncompatible(f"{folder} lacks {error}. Fit the reasoner again.") from error
    except (RuntimeError, TypeError) as error:
        raise BundleIncompatible(f"The parts of {folder} do not fit: {error}.") from error
    return model.eval()


def _check(table: GraphTable) -> None:
    """Refuse triples that name what the tables do not have."""
    limits = np.array([len(table.labels), len(table.relations), len(table.labels)])
    triples = table.triples_E3
    if triples.ndim != 2 or triples.shape[1:] != (3,) or len(triples) == 0:
        raise BundleIncompatible(f"The triples have shape {triples.shape}; (n, 3) is wanted.")
    if (triples < 0).any() or (triples >= limits).any():
        raise BundleIncompatible(
            f"A triple names a node or relation beyond the {limits[0]} labels and {limits[1]} "
            "relations of the folder. Fit the reasoner again."
        )
