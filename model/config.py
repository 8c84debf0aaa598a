"""Settings as frozen records, passed in by the caller; a default lives here and nowhere else.

A field that a person can turn carries ``help``, ``min``, ``max``, ``unit`` or ``choices`` in its
metadata: the widgets of the page and the options of the command lines are built from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model.errors import ConfigError
from model.feedback_config import FeedbackConfig as FeedbackConfig
from model.feedback_config import SettingsPolicyConfig as SettingsPolicyConfig
from model.knobs import check_limits, knob
from model.knobs import from_json as from_json
from model.knobs import options_of as options_of
from model.knobs import to_json as to_json
from model.shapes import PRESETS as PRESETS
from model.shapes import ChatFormat as ChatFormat
from model.shapes import DecoderConfig as DecoderConfig
from model.shapes import StudentConfig as StudentConfig
from model.shapes import VisionConfig as VisionConfig

# ── answering ───────────────────────────────────────────────────────────────────────────────────


RETRIEVALS = ("relations", "pagerank")


@dataclass(frozen=True)
class RetrievalConfig:
    """How facts are looked up in the graph for a question."""

    mode: Literal["relations", "pagerank"] = knob(
        "relations",
        "relations: follow the steps that the question names; pagerank: whatever lies near",
        choices=RETRIEVALS,
    )
    facts: int = knob(4, "most facts that an answer is given", min=1, max=200, unit="facts")
    hops: int = knob(4, "longest way from what the question names", min=1, max=8, unit="hops")
    neighbours: int = knob(50, "nodes that a walk goes on from", min=1, max=1000, unit="nodes")
    degree_cap: int = knob(256, "edges of a node that are looked at", min=1, max=100_000)
    seeds: int = knob(5, "nodes that are only alike to what is asked about", min=0, max=100)

    def __post_init__(self) -> None:
        check_limits(self)


@dataclass(frozen=True)
class SampleConfig:
    """How an answer is drawn from the student's probabilities."""

    temperature: float = knob(0.0, "0 always takes the likeliest word", min=0.0, max=2.0)
    top_k: int = knob(0, "keep only the k likeliest tokens; 0 keeps all", min=0, max=1000)
    top_p: float = knob(1.0, "keep the likeliest tokens up to this share", min=0.05, max=1.0)
    min_p: float = knob(0.0, "drop tokens below this share of the likeliest", min=0.0, max=1.0)
    repetition_penalty: float = knob(
        1.0, "above 1 makes words that were already said less likely", min=1.0, max=2.0
    )
    max_tokens: int = knob(
        192, "longest answer, its thought included", min=1, max=512, unit="tokens"
    )
    seed: int = knob(0, "same seed, same answer", min=0, max=2**31 - 1)
    use_graph: bool = knob(True, "look facts up in the graph and give them to the student")
    retrieval: Literal["relations", "pagerank"] = knob(
        "relations",
        "relations: follow the steps that the question names; pagerank: whatever lies near",
        choices=RETRIEVALS,
    )
    hops: int = knob(RetrievalConfig.hops, "longest way to a fact", min=1, max=8, unit="hops")
    facts: int = knob(RetrievalConfig.facts, "most facts that are given", min=1, max=200)
    choose: bool = knob(
        False,
        "let votes choose graph, hops, facts and temperature; it tries things out, and says which",
    )
    think: bool = knob(True, "think in short steps before the answer; slower, more often right")
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_limits(self)


# ── leaving the app ─────────────────────────────────────────────────────────────────────────────

MAX_FACT_TOKENS = 4096


@dataclass(frozen=True)
class ExportConfig:
    """How a student is written for Ollama."""

    name: str = knob("", "name of the model in Ollama; empty takes the student's")
    precision: Literal["f32", "f16", "q8_0", "q4_K"] = knob(
        "f16",
        "f16 is what a student is kept in; q8_0 is half as large, q4_K a third, and less exact",
        choices=("f32", "f16", "q8_0", "q4_K"),
    )
    fact_tokens: int = knob(
        256,
        "room for facts of the graph in the system message, most central first; 0 takes none along",
        min=0,
        max=MAX_FACT_TOKENS,
        unit="tokens",
    )
    licence: str = knob("", "licence that the exported student names; empty names none")

    def __post_init__(self) -> None:
        check_limits(self)


# ── learning ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TrainConfig:
    """The supervised loop: steps, optimiser and how often it looks up from the work."""

    steps: int = knob(300, "optimiser steps", min=1, max=1_000_000, unit="steps")
    batch_size: int = knob(16, "examples in a step", min=1, max=512, unit="examples")
    learning_rate: float = knob(1e-3, "peak learning rate", min=1e-6, max=1e-1)
    warmup: float = knob(0.05, "share of the steps in which the rate rises", min=0.0, max=0.5)
    final_rate: float = knob(0.1, "share of the peak rate at the end", min=0.0, max=1.0)
    weight_decay: float = knob(0.05, "pull of the weights towards zero", min=0.0, max=1.0)
    max_grad_norm: float = knob(1.0, "longest gradient that is followed", min=0.01, max=100.0)
    seed: int = knob(0, "same seed, same run", min=0, max=2**31 - 1)
    validate_every: int = knob(20, "steps between two validations", min=1, max=100_000)
    precision: Literal["float32", "bfloat16"] = knob(
        "float32",
        "number format of the products; bfloat16 is used where the machine is fast with it",
        choices=("float32", "bfloat16"),
    )
    optimizer: Literal["adamw", "muon"] = knob(
        "adamw", "how gradients become steps", choices=("adamw", "muon")
    )
    checkpoint_every_s: float = knob(15.0, "time between checkpoints", min=0.0, max=3600, unit="s")

    def __post_init__(self) -> None:
        check_limits(self)


SHIPPED_STUDENT = "shipped"
"""The id of the student in ``assets/student``: always there, never written to."""
BASES = ("continue", "tiny", "small", "pretrained")
TOKENIZERS = ("shipped", "teacher")
BACKBONES = ("lite", "clip", "siglip", "resnet")
PROMPT_SOURCES = ("topic", "own", "graph", "microworld")
PROMPT_METHODS = ("auto", "outline", "magpie", "examples")
ANSWER_FILTERS = ("usual", "strict", "off")
LEARN_FROM = ("logprobs", "text", "measure")


@dataclass(frozen=True)
class DistillConfig:
    """One distillation: who teaches, what is asked, which student learns, and how long."""

    teacher: Literal["builtin", "ollama", "none"] = knob(
        "builtin",
        "who answers the prompts; none: they come with their answers",
        choices=("builtin", "ollama", "none"),
    )
    address: str = knob("", "address of the Ollama server; empty means OLLAMA_HOST")
    teacher_model: str = knob("", "the teacher's model on the Ollama server")
    prompt_source: Literal["topic", "own", "graph", "microworld"] = knob(
        "microworld", "where the prompts come from", choices=PROMPT_SOURCES
    )
    topic: str = knob("", "what the student should learn about")
    prompt_method: Literal["auto", "outline", "magpie", "examples"] = knob(
        "auto",
        "how prompts on a topic are written. outline: by parts of the topic and people who ask; "
        "magpie: the teacher makes up what users say; examples: more like those before; auto: "
        "whatever works, in this order",
        choices=PROMPT_METHODS,
    )
    own_prompts: tuple[str, ...] = ()
    own_answers: tuple[str, ...] = ()
    prompts: int = knob(200, "how many prompts the teacher answers", min=4, max=100_000)
    base: Literal["continue", "tiny", "small", "pretrained"] = knob(
        "continue",
        "continue: teach a student further; tiny, small: a new one from scratch; pretrained: a new "
        "one that speaks already",
        choices=BASES,
    )
    student: str = knob(SHIPPED_STUDENT, "the student to continue with")
    decoder_source: str = knob(
        "",
        "folder or Hub name of the pretrained decoder, a Llama, Qwen2 or Qwen3; empty takes "
        "SmolLM2-135M-Instruct",
    )
    decoder_lora_rank: int = knob(
        16,
        "a pretrained decoder learns through adapters of this rank; 0 lets all weights learn",
        min=0,
        max=256,
    )
    tokenizer: Literal["shipped", "teacher"] = knob(
        "shipped",
        "words of a student from scratch: the shipped student's, or a part of the teacher's, so "
        "that its log-probabilities fit one to one",
        choices=TOKENIZERS,
    )
    vocabulary: int = knob(
        4096, "tokens that are taken from the teacher's", min=300, max=65_536, unit="tokens"
    )
    backbone: Literal["lite", "clip", "siglip", "resnet"] = knob(
        "lite",
        "eyes of a new student: lite learns from nothing, the others are pretrained",
        choices=BACKBONES,
    )
    backbone_source: str = knob(
        "", "folder, file or Hub name of the pretrained eyes; empty takes the usual ones"
    )
    lora_rank: int = knob(
        0, "0 keeps pretrained eyes as they are; more lets them learn a little", min=0, max=64
    )
    name: str = knob("", "name of the new student; empty makes one from the topic")
    system_prompt: str = knob("", "told to the teacher before every prompt")
    temperature: float = knob(0.7, "the teacher's temperature", min=0.0, max=2.0)
    max_answer_tokens: int = knob(
        160, "longest answer of the teacher", min=8, max=1024, unit="tokens"
    )
    concurrency: int = knob(
        8, "most requests under way at the teacher; fewer when more bring nothing", min=1, max=8
    )
    answer_filter: Literal["usual", "strict", "off"] = knob(
        "usual",
        "which answers are left out. usual: refusals, repetition, other languages, broken letters; "
        "strict: also those that were cut off",
        choices=ANSWER_FILTERS,
    )
    least_confidence: float = knob(
        0.0, "leave out answers whose words the teacher found less likely", min=0.0, max=1.0
    )
    after_collecting: Literal["train", "look"] = knob(
        "train",
        "look: wait before the training, so that prompts and answers can be looked through",
        choices=("train", "look"),
    )
    steps: int = knob(200, "optimiser steps", min=1, max=1_000_000, unit="steps")
    batch_size: int = knob(16, "examples in a step", min=1, max=512, unit="examples")
    learning_rate: float = knob(5e-4, "peak learning rate", min=1e-6, max=1e-1)
    patience: int = knob(
        0, "stop after this many validations without gain; 0 takes all steps", min=0, max=1000
    )
    packing: bool = knob(False, "lay short lessons behind each other instead of padding them")
    save_memory: bool = knob(False, "compute layers twice instead of keeping what is inside")
    processes: int = knob(
        1, "processes that train together; as many as there are GPUs", min=1, max=64
    )
    learn_from: Literal["logprobs", "text", "measure"] = knob(
        "logprobs",
        "text: the teacher's words; logprobs: also how likely it found others; measure: train both "
        "ways on the same answers to see what logprobs bring, which takes twice the steps",
        choices=LEARN_FROM,
    )
    logprob_weight: float = knob(
        0.5, "share of a token's loss that comes from logprobs, where they are known", min=0, max=1
    )
    skew: float = knob(
        0.0, "0 is plain forward KL; above, the student is compared with a mixture", min=0, max=0.9
    )
    border_weight: float = knob(
        0.1, "weight of tokens that cross the borders of the teacher's", min=0.0, max=10.0
    )
    seed: int = knob(0, "same seed, same run", min=0, max=2**31 - 1)

    def __post_init__(self) -> None:
        check_limits(self)
        if self.teacher == "ollama" and not self.teacher_model:
            raise ConfigError("No teacher model is chosen. Pick one from the list of the server.")
        if self.prompt_source == "own" and not self.own_prompts:
            raise ConfigError("There are 0 prompts. Type or upload at least one prompt.")
        if self.prompt_source == "topic" and not self.topic.strip():
            raise ConfigError("The topic is empty. Name what the student should learn about.")
        if self.prompt_source == "microworld" and self.teacher != "builtin":
            raise ConfigError(
                "Micro-world prompts are answered by the built-in teacher only. "
                "Choose a topic, your graph or your own prompts for an Ollama teacher."
            )
        if len(self.own_answers) > len(self.own_prompts):
            raise ConfigError(
                f"There are {len(self.own_answers)} answers to {len(self.own_prompts)} prompts."
            )
        if self.processes > 1 and self.learn_from == "measure":
            raise ConfigError(
                f"Measuring trains two students in turn, which {self.processes} processes cannot "
                "share. Choose one process, or logprobs."
            )
        if self.tokenizer == "teacher" and self.teacher != "ollama":
            raise ConfigError(
                "The built-in teacher has 0 tokens of its own. Choose the shipped tokenizer, or a "
                "teacher on Ollama."
            )
        if self.teacher == "none":
            self._check_answers()

    def _check_answers(self) -> None:
        """Without a teacher every prompt needs an answer. Raises: ConfigError."""
        if self.prompt_source not in ("own", "graph"):
            raise ConfigError(
                "Without a teacher, prompts must come with answers: choose your own prompts or "
                "your graph."
            )
        given = sum(bool(answer.strip()) for answer in self.own_answers)
        if self.prompt_source == "own" and given < len(self.own_prompts):
            raise ConfigError(
                f"{len(self.own_prompts) - given} of {len(self.own_prompts)} prompts have no "
                "answer. Write answers after a tab, or choose a teacher."
            )

    @property
    def title(self) -> str:
        """What a run and its student are called: the name, else the topic, else the source."""
        return (self.name.strip() or self.topic.strip() or self.prompt_source)[:60]


@dataclass(frozen=True)
class ReadingConfig:
    """How a text or a picture is read for triplets: by a teacher's model, or else by rule."""

    teacher_model: str = knob("", "the model that reads; empty reads by rule")
    address: str = knob("", "address of the Ollama server; empty takes OLLAMA_HOST")
    piece_letters: int = knob(
        2400, "a longer text is cut into pieces", min=200, max=20_000, unit="letters"
    )
    overlap_letters: int = knob(
        240, "what two neighbouring pieces share", min=0, max=2000, unit="letters"
    )
    max_answer_tokens: int = knob(
        1024, "longest answer about a piece", min=64, max=8192, unit="tokens"
    )

    def __post_init__(self) -> None:
        check_limits(self)
        if self.overlap_letters * 2 > self.piece_letters:
            raise ConfigError(
                f"pieces of {self.piece_letters} letters cannot share {self.overlap_letters}; "
                f"the most is {self.piece_letters // 2}."
            )
