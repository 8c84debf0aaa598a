"""A student as a folder that ``ollama create`` takes: two GGUF files, Modelfile, README, sums.

The template, the system message and the parameters are written here once: the Modelfile and a push
over HTTP say the same.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.bundles.gguf import Identity, write_text_gguf
from model.bundles.gguf_reading import EYES_FILE, TEXT_FILE
from model.bundles.gguf_vision import why_text_only, write_vision_gguf
from model.bundles.graph_facts import HEADER, Fact, facts_within, graph_jsonl
from model.config import ChatFormat, ExportConfig, SampleConfig, StudentConfig
from model.errors import BundleError, ConfigError
from model.network.text_tokenizer import TextTokenizer, defuse

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM

MODELFILE, README, SUMS, GRAPH = "Modelfile", "README.md", "SHA256SUMS", "graph.jsonl"
LARGEST_SHARE = 2
"""Facts may take one part in so many of what the student reads; the rest is for the question."""
_NAME = re.compile(r"[^a-z0-9._-]+")
_CHUNK = 2**20


@dataclass(frozen=True)
class Recipe:
    """What Ollama is told beside the files; the same in a Modelfile and over HTTP."""

    name: str
    template: str
    system: str
    parameters: dict[str, Any]
    licence: str


@dataclass(frozen=True)
class OllamaBundle:
    """An exported student on disk, and what went into it."""

    path: Path
    recipe: Recipe
    files: tuple[Path, ...]
    """The GGUF files: the text model, then the eyes if there are any."""
    facts: int
    fact_tokens: int
    text_only: str
    """Why the eyes stayed behind, or nothing."""


def without_adapters(student: ImageTokenReasoningLLM) -> ImageTokenReasoningLLM:
    """A copy of a student with its adapters folded into the layers they correct."""
    # torch is heavy: only whoever has a student in memory pays for it
    from model.network.lora import merge_lora

    merged = copy.deepcopy(student)
    merge_lora(merged)
    return merged


def model_name(text: str) -> str:
    """A name that Ollama accepts, made of any words: “My student!” → ``my-student``."""
    return _NAME.sub("-", text.lower()).strip("-._")[:60] or "student"


def template_of(chat: ChatFormat, *, thinks: bool) -> str:
    """The conversation as the student learned it, as a Go template, pictures first.

    Students that think get the thought's mark before the answer when they are asked to.
    """
    thought = "{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}" if thinks else ""
    opening = "{{ if .Think }}<think>{{ end }}" if thinks else ""
    return (
        "{{- range .Messages }}" + chat.open("{{ .Role }}") + thought + "{{ .Content }}"
        f"{chat.closing}{{{{ end }}}}{chat.open('assistant')}{opening}"
    )


def parameters_of(config: StudentConfig) -> dict[str, Any]:
    """How a student is run unless somebody asks for something else, by Ollama's names."""
    return {
        "stop": [config.chat.end],
        "temperature": SampleConfig.temperature,
        "repeat_penalty": SampleConfig.repetition_penalty,
        "num_ctx": config.decoder.max_position_embeddings,
        "num_predict": SampleConfig.max_tokens,
    }


def make_recipe(
    student: ImageTokenReasoningLLM, config: ExportConfig, lines: Sequence[str]
) -> Recipe:
    """What Ollama is told about a student that takes these lines of facts along."""
    system = "\n".join([HEADER, *(defuse(line) for line in lines)]) if lines else ""
    return Recipe(
        name=model_name(config.name or student.card.name),
        template=template_of(student.config.chat, thinks=student.config.thinks),
        system=system,
        parameters=parameters_of(student.config),
        licence=config.licence.strip(),
    )


def choose_facts(
    tokenizer: TextTokenizer, reads: int, config: ExportConfig, graph: Sequence[Fact]
) -> tuple[list[str], int]:
    """The lines of facts that go along with a student who reads so many tokens, and theirs.

    Raises: ConfigError if they would leave too little room for a question.
    """
    most = reads // LARGEST_SHARE
    if config.fact_tokens > most:
        raise ConfigError(
            f"The facts may take {config.fact_tokens} tokens, but the student reads {reads} in "
            f"all. Choose at most {most}."
        )
    return facts_within(graph, config.fact_tokens, lambda text: len(tokenizer.encode(defuse(text))))


def write_ollama_bundle(
    student: ImageTokenReasoningLLM,
    path: Path,
    config: ExportConfig,
    *,
    weights_hash: str,
    graph: Sequence[Fact] = (),
    on_step: Callable[[str, float], None] = lambda words, share: None,
) -> OllamaBundle:
    """Write the folder, all of it or nothing. ``student`` must have no adapters left.

    ``on_step`` hears what is being done and the share that is done. Raises: ConfigError;
    BundleError if the folder holds something else; BundleIncompatible for a foreign tokenizer.
    """
    reads = student.config.decoder.max_position_embeddings
    lines, taken = choose_facts(student.tokenizer, reads, config, graph)
    recipe = make_recipe(student, config, lines)
    identity = Identity(recipe.name, weights_hash, recipe.licence, student.card.parent)
    text_only = why_text_only(student.config.vision)
    with _whole_folder(path) as draft:
        on_step("Writing the words", 0.1)
        write_text_gguf(student, draft / TEXT_FILE, config.precision, identity)
        if not text_only:
            on_step("Writing the eyes", 0.6)
            write_vision_gguf(student, draft / EYES_FILE, config.precision, identity)
        on_step("Writing the sums", 0.9)
        texts = {MODELFILE: modelfile(recipe, eyes=not text_only)}
        texts[README] = _readme(student, recipe, config, len(lines), taken, text_only, weights_hash)
        if graph:
            texts[GRAPH] = graph_jsonl(graph)
        for name, text in texts.items():
            (draft / name).write_text(text, encoding="utf-8")
        (draft / SUMS).write_text(_sums(draft), encoding="utf-8")
    on_step("Written", 1.0)
    files = tuple(path / name for name in (TEXT_FILE, EYES_FILE) if (path / name).is_file())
    return OllamaBundle(path, recipe, files, len(lines), taken, text_only)


@contextmanager
def _whole_folder(path: Path) -> Iterator[Path]:
    """A folder to write into that takes the place of ``path`` when it is complete."""
    if path.exists() and not (path / MODELFILE).is_file() and any(path.iterdir()):
        raise BundleError(
            f"{path} holds {sum(1 for _ in path.iterdir())} other files. Choose an empty folder."
        )
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        yield draft
        shutil.rmtree(path, ignore_errors=True)
        draft.rename(path)
    except OSError as error:
        raise BundleError(
            f"{path} could not be written: {error.strerror or error}. Free some space, or choose "
            "another folder."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def modelfile(recipe: Recipe, *, eyes: bool) -> str:
    """The text of the Modelfile."""
    lines = [f"FROM ./{TEXT_FILE}", *([f"FROM ./{EYES_FILE}"] if eyes else [])]
    lines.append(f"TEMPLATE {_quoted(recipe.template)}")
    if recipe.system:
        lines.append(f"SYSTEM {_quoted(recipe.system)}")
    for name, value in recipe.parameters.items():
        for one in value if isinstance(value, list) else [value]:
            lines.append(f"PARAMETER {name} {json.dumps(one)}")
    if recipe.licence:
        lines.append(f"LICENSE {_quoted(recipe.licence)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # three quotes would end the text early, and a Modelfile has no way to escape them
    inner = text.replace('"""', "'''")
    return f'"""{inner}"""'


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hex."""
    found = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _sums(folder: Path) -> str:
    names = sorted(file.name for file in folder.iterdir())
    return "".join(f"{sha256_of(folder / name)}  {name}\n" for name in names)


def zip_folder(folder: Path, target: Path) -> Path:
    """The folder as one ZIP, not compressed: weights do not shrink."""
    draft = target.with_name(f".{target.name}.draft")
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
    draft.replace(target)
    return target


def _readme(
    student: ImageTokenReasoningLLM,
    recipe: Recipe,
    config: ExportConfig,
    facts: int,
    taken: int,
    text_only: str,
    weights_hash: str,
) -> str:
    sees = (
        text_only
        or "It sees: put the path of a PNG or JPEG picture into the question. A triplet of "
        "pictures is asked over the API as "
        "`<|what|>[img]<|action|>[img]<|result|>[img]What happened?`."
    )
    picture = "" if text_only else " ./picture.png"
    known = (
        f"The system message holds {facts} facts ({taken} tokens) of its knowledge graph; all of "
        f"it is in `{GRAPH}`."
        if facts
        else "No facts of a knowledge graph are in the system message."
    )
    base = f" Taught further from `{student.card.parent}`." if student.card.parent else ""
    return f"""# {recipe.name}

A student of the Image-Token Reasoning LLM, {student.parameter_count / 1e6:.2f} million parameters,
packed as {config.precision}. Weights: SHA-256 `{weights_hash}`.{base}

```bash
sha256sum -c {SUMS}
ollama create {recipe.name} -f {MODELFILE}
ollama run {recipe.name} "What is this?{picture}"
```

{sees}

{known}

It is small and knows what it was taught; it may be sure and wrong.
"""
