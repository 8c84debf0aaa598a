"""The student: pictures and words in, words out. Encode → splice → decode; read this file first.

``vision_tower`` turns each picture into patch vectors, ``projector`` makes them image tokens,
``splice`` writes these into the ``<|image|>`` slots of the prompt and graph tokens into its
``<|graph|>`` slots; ``model`` (a Llama decoder) continues the sequence. ``generate`` here is the
plain road, one answer at a time; the engine in ``serving/engine.py`` takes the same steps for many
answers at once.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import torch
from PIL import Image
from torch import Tensor, nn

from model.bundles.bundle import Card, packed_weights, write_bundle
from model.bundles.loading import read_student
from model.bundles.ollama_bundle import OllamaBundle, without_adapters, write_ollama_bundle
from model.config import (
    PRESETS,
    DecoderConfig,
    ExportConfig,
    SampleConfig,
    StudentConfig,
    VisionConfig,
)
from model.errors import InputError
from model.knowledge.told_facts import told_facts
from model.network.backbones import make_tower
from model.network.decoding import plain_step
from model.network.graph_tokens import GraphTokens, Subgraph, WeighedFact, pad_subgraphs
from model.network.image_tokenizer import Message, splice, to_pixels
from model.network.image_tokenizer import Prompt as Prompt
from model.network.picture_heads import PictureHeads
from model.network.text_generation import Decoder, KVCache, Sampler
from model.network.text_tokenizer import (
    END_THINK,
    GRAPH,
    IMAGE,
    RESULT,
    TextStream,
    TextTokenizer,
)
from model.network.vision_encoder import Projector
from model.prompting import lay_out
from model.records import TripletDraft

DESCRIPTION_TOKENS = 32


class ImageTokenReasoningLLM(nn.Module):
    """A small multimodal student that learns procedures from image triplets."""

    def __init__(self, config: StudentConfig, tokenizer: TextTokenizer) -> None:
        super().__init__()
        if config.decoder.vocab_size < len(tokenizer):
            raise ValueError(
                f"the decoder has {config.decoder.vocab_size} embeddings "
                f"for {len(tokenizer)} tokens"
            )
        self.config = config
        self.tokenizer = tokenizer
        self.card = Card(name="new student")
        self.model = Decoder(config.decoder)
        self.vision_tower = make_tower(config.vision)
        self.projector = Projector(config.vision.hidden_size, config.decoder.hidden_size)
        self.picture_heads = (
            PictureHeads(config.decoder.hidden_size, config.vision.embedding_size)
            if config.picture_heads
            else None
        )
        self.graph_tokens = (
            GraphTokens(config.decoder.hidden_size, config.graph_tokens)
            if config.graph_tokens
            else None
        )
        self.image_id, self._graph_id = tokenizer.id(IMAGE), tokenizer.id(GRAPH)
        self.end_ids = frozenset(map(tokenizer.id, (config.chat.eos, config.chat.end)))
        self.end_of_thought = tokenizer.id(END_THINK)
        self._special_ids = set(map(tokenizer.id, tokenizer.special_tokens))

    # ── making, saving, loading ─────────────────────────────────────────────────────────────────

    @classmethod
    def new(
        cls,
        preset: str,
        tokenizer: TextTokenizer,
        *,
        seed: int = 0,
        vision: VisionConfig | None = None,
        decoder: DecoderConfig | None = None,
    ) -> ImageTokenReasoningLLM:
        """A fresh student of a size preset with random weights; the same seed, the same weights.

        ``vision`` replaces the preset's tower, ``decoder`` its decoder.
        """
        size = PRESETS[preset]
        decoder = replace(decoder or size.decoder, vocab_size=len(tokenizer))
        config = replace(size, decoder=decoder, vision=vision or size.vision)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            student = cls(config, tokenizer)
            student._initialise()
        return student

    def _initialise(self) -> None:
        depth = self.config.decoder.num_hidden_layers
        for name, parameter in self.model.named_parameters():
            if parameter.ndim > 1:
                last = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / ((2 * depth) ** 0.5 if last else 1.0))

    @classmethod
    def load_from_bundle(cls, path: Path | str) -> ImageTokenReasoningLLM:
        """Load a student from a bundle, from its exported GGUF, or from a folder of a HF Llama.

        Raises: BundleNotFound, BundleIncompatible.
        """
        found = read_student(Path(path))
        student = cls(found.config, TextTokenizer.from_json(found.tokenizer_json))
        found.load_into(student)
        student.card = found.card
        return student.eval()

    def save(self, path: Path | str) -> str:
        """Write the student as a bundle folder, atomically; returns the weights' SHA-256."""
        return write_bundle(
            Path(path),
            self.config,
            self.state_dict(),
            self.tokenizer.to_json(),
            self.card,
        )

    def export_ollama_bundle(
        self,
        path: Path | str,
        graph: Sequence[tuple[str, str, str]] = (),
        **settings: Any,
    ) -> OllamaBundle:
        """Write a folder that ``ollama create`` takes: GGUF files, Modelfile, README, sums.

        ``graph`` holds (subject, relation, object) facts to take along; further keywords are the
        fields of ``ExportConfig`` (name, precision, fact_tokens, licence).
        Raises: ConfigError, BundleError.
        """
        facts = [TripletDraft(*fact) for fact in graph]
        return write_ollama_bundle(
            without_adapters(self),
            Path(path),
            ExportConfig(**settings),
            weights_hash=hashlib.sha256(packed_weights(self.state_dict())).hexdigest(),
            graph=facts,
        )

    def distill_from_ollama(
        self, prompts: Sequence[str] | str, teacher_model: str, **settings: Any
    ) -> ImageTokenReasoningLLM:
        """Teach a copy of this student what a model on an Ollama server answers.

        ``prompts`` are a list, or a topic as one text. Among the settings are the server's
        ``address``, a ``workspace`` folder that keeps every answer, so that the same call after a
        crash goes on, and the fields of ``DistillConfig``.
        Raises: ConfigError, InputError, RunError, TeacherError.
        """
        from model.jobs.distilling import distil_from_ollama  # a run needs what is built on this

        return distil_from_ollama(self, prompts, teacher_model, **settings)

    @property
    def parameter_count(self) -> int:
        """Number of weights, tied ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters())

    # ── encode → splice → decode ────────────────────────────────────────────────────────────────

    def encode(self, pixels_NCHW: Tensor) -> Tensor:
        """Pictures to image tokens of the decoder's width. Returns (N, I, D)."""
        return self.projector(self.vision_tower(pixels_NCHW.to(self.device)))  # type: ignore[no-any-return]

    def encode_graph(self, subgraphs: Sequence[Subgraph | None]) -> Tensor | None:
        """Subgraphs to graph tokens of the decoder's width; those that are None have no slots.

        Returns (N, K, D), or None without any.
        """
        given = [each for each in subgraphs if each is not None]
        if self.graph_tokens is None or not given:
            return None
        batch = pad_subgraphs(given).to(self.device)
        return self.graph_tokens(self.model.embed_tokens, batch)  # type: ignore[no-any-return]

    def embed(self, ids_BS: Tensor, image_NID: Tensor, graph_NKD: Tensor | None = None) -> Tensor:
        """Embed tokens; write image tokens and graph tokens into their slots. Returns (B, S, D)."""
        embedded_BSD = self.model.embed_tokens(ids_BS)
        if graph_NKD is not None:
            embedded_BSD = splice(embedded_BSD, graph_NKD, ids_BS == self._graph_id, "graph")
        return splice(embedded_BSD, image_NID, ids_BS == self.image_id)

    def forward(
        self,
        ids_BS: Tensor,
        pixels_NCHW: Tensor,
        keep_BS: Tensor | None = None,
        documents_BS: Tensor | None = None,
    ) -> Tensor:
        """Score the next token after each position of whole sequences, padded on the right.

        Returns (B, S, V), or (kept, V) for the positions in ``keep_BS`` alone: a training step
        needs only those before an answer's tokens. ``documents_BS`` tells documents in a row apart.
        """
        images = self.encode(pixels_NCHW) if len(pixels_NCHW) else self._no_images()
        hidden_BSD = self.model(self.embed(ids_BS, images), documents_BS=documents_BS)
        return self.model.logits(hidden_BSD if keep_BS is None else hidden_BSD[keep_BS])

    def _no_images(self) -> Tensor:
        size = (0, self.config.vision.num_patches, self.config.decoder.hidden_size)
        return torch.zeros(size, device=self.device)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.embed_tokens.weight.device

    @torch.inference_mode()
    def prefill(self, prompt: Prompt, cache: KVCache, row: int) -> Tensor:
        """Read a prompt into one row of the cache. Returns the next token's scores (V)."""
        ids_BS = torch.tensor([prompt.ids], device=self.device)
        images = self.encode(prompt.pixels_NCHW) if len(prompt.pixels_NCHW) else self._no_images()
        embedded_BSD = self.embed(ids_BS, images, self.encode_graph([prompt.graph]))
        positions = torch.arange(len(prompt.ids), device=self.device)[None]
        hidden_BSD = self.model(embedded_BSD, positions, cache, [row])
        return self.model.logits(hidden_BSD[0, -1])

    @torch.inference_mode()
    def step(self, ids: Sequence[int], positions: Sequence[int], cache: KVCache) -> Tensor:
        """Add one token to each of the first rows of the cache. Returns scores (B, V)."""
        return plain_step(self.model, ids, positions, cache)

    @torch.inference_mode()
    def picture_embeddings(self, images: Sequence[Image.Image]) -> Tensor:
        """One unit vector per picture, for finding the same thing again. Returns (N, E)."""
        pixels_NCHW = to_pixels(images, self.config.vision.image_size).to(self.device)
        return self.vision_tower.embed(self.vision_tower(pixels_NCHW))

    @torch.inference_mode()
    def familiarity(self, images: Sequence[Image.Image]) -> list[float]:
        """How much each picture looks like what the student was taught, from 0 to 1.

        1 for every picture if the student never learned to tell.
        """
        if self.picture_heads is None or not images:
            return [1.0] * len(images)
        scores_N = self.picture_heads.familiarity(self.picture_embeddings(images))
        return [float(score) for score in scores_N.sigmoid()]

    @torch.inference_mode()
    def imagine(self, prompt: Prompt) -> Tensor:
        """The embedding of the picture that would come of what the prompt asks. Returns (E).

        Raises: InputError if the student never learned to imagine results.
        """
        if self.picture_heads is None:
            raise InputError("This student cannot imagine pictures; use the shipped one.")
        ids_BS = torch.tensor([(*prompt.ids, self.tokenizer.id(RESULT))], device=self.device)
        images = self.encode(prompt.pixels_NCHW) if len(prompt.pixels_NCHW) else self._no_images()
        graph_NKD = self.encode_graph([prompt.graph])
        hidden_BSD = self.model(self.embed(ids_BS, images, graph_NKD))
        return self.picture_heads.result(hidden_BSD[0, -1])

    # ── prompts and answers ─────────────────────────────────────────────────────────────────────

    def prompt(
        self,
        messages: Sequence[Message],
        images: Sequence[Image.Image] = (),
        facts: Sequence[str] = (),
        *,
        graph: Sequence[WeighedFact] = (),
        room: int = 1,
        think: bool = False,
    ) -> Prompt:
        """Lay out a conversation with its pictures and fact lines, leaving ``room`` for an answer.

        ``graph`` holds the facts that become graph tokens, if the student has learned to read them.
        The oldest turns are left out when it is too long, but no system message that it begins
        with. With ``think`` the answer begins with a thought, if the student has learned to think.
        Raises: InputError if the last turn alone does not fit.
        """
        return lay_out(self, messages, images, facts, graph, room=room, think=think)

    @overload
    def generate(
        self,
        prompt: str,
        images: Sequence[Image.Image] | None = ...,
        triplet: tuple[Image.Image, Image.Image, Image.Image] | None = ...,
        graph: Sequence[tuple[str, str, str]] | None = ...,
        *,
        stream: Literal[False] = ...,
        **settings: Any,
    ) -> str: ...

    @overload
    def generate(
        self,
        prompt: str,
        images: Sequence[Image.Image] | None = ...,
        triplet: tuple[Image.Image, Image.Image, Image.Image] | None = ...,
        graph: Sequence[tuple[str, str, str]] | None = ...,
        *,
        stream: Literal[True],
        **settings: Any,
    ) -> Iterator[str]: ...

    def generate(
        self,
        prompt: str,
        images: Sequence[Image.Image] | None = None,
        triplet: tuple[Image.Image, Image.Image, Image.Image] | None = None,
        graph: Sequence[tuple[str, str, str]] | None = None,
        *,
        stream: bool = False,
        **settings: Any,
    ) -> str | Iterator[str]:
        """Answer a prompt about pictures.

        ``triplet`` holds the pictures of what, action and result; ``graph`` holds
        (subject, relation, object) facts for the student to read. Further keywords are the fields
        of ``SampleConfig`` (temperature, top_k, seed, …). With ``stream`` an iterator of pieces
        of text is returned, else the whole answer.
        """
        roles: tuple[str, ...] = ("what", "action", "result") if triplet else ()
        pictures = list(triplet or images or ())
        message = Message("user", prompt, len(pictures), roles)
        facts = [" | ".join(fact) for fact in graph or ()]
        told = told_facts(prompt, [*graph]) if graph and self.graph_tokens is not None else ()
        sampling = SampleConfig(**settings)
        room, think = sampling.max_tokens, sampling.think
        ready = self.prompt([message], pictures, facts, graph=told, room=room, think=think)
        pieces = self.pieces(ready, sampling)
        return pieces if stream else "".join(pieces)

    def pieces(self, prompt: Prompt, sampling: SampleConfig) -> Iterator[str]:
        """Answer a laid-out prompt piece by piece; the plain road that the engine is tested by.

        A thought before the answer is not part of it; see ``reason``.
        """
        return (piece for thought, piece in self.reason(prompt, sampling) if not thought)

    def reason(self, prompt: Prompt, sampling: SampleConfig) -> Iterator[tuple[bool, str]]:
        """Answer a laid-out prompt piece by piece, each with whether it belongs to the thought."""
        text = TextStream(self.tokenizer, sampling.stop, thinking=prompt.thinking)
        for index, _ in self.tokens(prompt, sampling):
            if index not in self.end_ids:
                yield text.thinking, text.push(index)
            if text.stopped:
                break
        yield text.thinking, text.finish()

    def banned_ids(self, *, thinking: bool) -> list[int]:
        """Tokens that may not be drawn: special ones, but for the end of what is being written."""
        allowed = {self.end_of_thought} if thinking else self.end_ids
        return sorted(self._special_ids - allowed)

    def tokens(self, prompt: Prompt, sampling: SampleConfig) -> Iterator[tuple[int, float]]:
        """Draw an answer token by token, its end included; each with its log-probability."""
        length = len(prompt.ids) + sampling.max_tokens
        dtype = self.model.embed_tokens.weight.dtype
        cache = KVCache(self.config.decoder, 1, length, dtype, self.device)
        sampler = Sampler(sampling, self.banned_ids(thinking=prompt.thinking))
        scores_V = self.prefill(prompt, cache, row=0)
        for position in range(len(prompt.ids), length):
            index = sampler.next(scores_V)
            yield index, float(scores_V.log_softmax(-1)[index])
            if index == self.end_of_thought:
                sampler.ban(self.banned_ids(thinking=False))
            if index in self.end_ids or position == length - 1:
                return
            scores_V = self.step([index], [position], cache)[0]

    def describe(self, image: Image.Image, question: str) -> tuple[str, float]:
        """The likeliest answer about one picture, and the probability of all its tokens (0–1)."""
        sampling = SampleConfig(max_tokens=DESCRIPTION_TOKENS)
        prompt = self.prompt([Message("user", question, 1)], [image], room=DESCRIPTION_TOKENS)
        drawn = list(self.tokens(prompt, sampling))
        words = self.tokenizer.decode([index for index, _ in drawn if index not in self.end_ids])
        return words, math.exp(sum(chance for _, chance in drawn))
