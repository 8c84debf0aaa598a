"""How fast the graph takes triplets in and finds facts: ``python -m benchmarks.graph``.

Makes a graph with hubs from a seed (both ends of a triplet by a power law), stores it, asks
questions of two steps whose things are drawn as often as they have edges, so that hubs are asked
about most, and adds triplets one by one. ``retrieve`` lets every relation have a weight in both
directions, as a trained reasoner gives them; ``named`` follows only the two steps that the question
names. The same walks are then taken in networkx, in turns with ours, and must find the same facts
with the same weights and paths.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import numpy as np

from model.config import RetrievalConfig
from model.knowledge.graph_memory import GraphMemory
from model.knowledge.graph_rag import find_seeds, retrieve
from model.knowledge.graph_walk import DECAY, Found, Weights, walk
from model.knowledge.question_words import words
from model.knowledge.store import Store
from model.records import TripletDraft

SMALL = 10_000
"""Triplets of the graph that the seconds per triplet are compared with."""
SMALL_RUNS = 5
_RELATIONS = (
    "heat cut wash paint dry bend grind fold press plant grow pick pack ship sell mend tune wire "
    "mount drill weld coat test store"
)
RELATIONS = _RELATIONS.split()
COLOURS = ("red", "blue", "green", "black", "white", "brown", "grey", "pink", "amber", "violet")
THINGS = ("valve", "panel", "lamp", "pump", "wheel", "shaft", "board", "cable", "hinge", "screw")
CONFIG = RetrievalConfig(facts=50, hops=2)
QUESTIONS = 300
COMPARED = 60
INSERTS = 200


def label(node: int) -> str:
    return f"{COLOURS[node % 10]} {THINGS[node // 10 % 10]} {node}"


def triplets(count: int, seed: int = 0) -> np.ndarray:
    """Distinct (subject, relation, object), both ends by a power law over 0.4 nodes per triplet."""
    rng = np.random.default_rng(seed)
    nodes, found = max(50, count * 2 // 5), np.zeros((0, 3), np.int64)
    while len(found) < count:
        ends = (nodes * rng.random((count, 2)) ** 3).astype(np.int64)
        ends = (ends * 7919) % nodes  # hubs are strewn among the numbers
        fresh = np.column_stack([ends[:, 0], rng.integers(0, len(RELATIONS), count), ends[:, 1]])
        found = np.unique(np.concatenate([found, fresh]), axis=0)
    return rng.permutation(found)[:count]


def drafts(rows: np.ndarray) -> Iterator[TripletDraft]:
    for subject, relation, object_ in rows.tolist():
        yield TripletDraft(label(subject), RELATIONS[relation], label(object_), source="benchmark")


@dataclass(frozen=True)
class Took:
    """Seconds for a triplet, by the clock and of the processor."""

    wall_s: float
    cpu_s: float


def ingest(path: Path, rows: np.ndarray) -> Took:
    store = Store(path)
    wall, cpu = time.perf_counter(), time.process_time()
    assert store.ingest(drafts(rows)) == len(rows)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    store.close()
    return Took(wall / len(rows), cpu / len(rows))


def median_small(folder: Path, rows: np.ndarray) -> Took:
    """The small graph several times, as what else the machine does counts more in it."""
    took = [ingest(folder / f"small{number}.db", rows) for number in range(SMALL_RUNS)]
    middle = SMALL_RUNS // 2
    return Took(
        sorted(each.wall_s for each in took)[middle], sorted(each.cpu_s for each in took)[middle]
    )


def search_ms(store: Store) -> list[float]:
    """The first page of a search for each word that very many labels have; the first one reads."""
    times = []
    for word in (THINGS[0], *COLOURS, "l", f"{COLOURS[0]} {THINGS[1]}"):
        started = time.perf_counter()
        assert store.triplets(word, limit=25).total
        times.append(1e3 * (time.perf_counter() - started))
    return times


def questions(rows: np.ndarray, count: int) -> list[str]:
    rng = random.Random(1)
    asked = []
    for _ in range(count):
        subject, relation, _ = rows[rng.randrange(len(rows))].tolist()
        then = rng.choice(RELATIONS)
        asked.append(f"What if I {RELATIONS[relation]} a {label(subject)}, then {then} it?")
    return asked


def networkx_graph(memory: GraphMemory) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    with memory.current() as known:
        numbers = known.relations
        for row in known.db.execute(
            "SELECT subject_id, object_id, id, norm_relation FROM triplets"
        ):
            graph.add_edge(row[0], row[1], key=row[2], relation=numbers[row[3]])
    return graph


def networkx_walk(
    graph: nx.MultiDiGraph, seeds: Mapping[int, float], gate: list[float], config: RetrievalConfig
) -> list[Found]:
    """What ``graph_walk.walk`` does, with networkx."""
    width = len(gate) // 2
    frontier: dict[int, tuple[float, tuple[int, ...]]] = {
        node: (weight, ()) for node, weight in seeds.items()
    }
    found: dict[int, Found] = {}
    for hop in range(1, config.hops + 1):
        decay = DECAY if hop > 1 else 1.0
        steps = []
        for node, (weight, way) in frontier.items():
            forward = graph.out_edges(node, keys=True, data="relation")
            back = graph.in_edges(node, keys=True, data="relation")
            for side, edges in ((0, forward), (1, back)):
                row = [
                    (-gate[relation + side * width], edge, ends[1 - side])
                    for *ends, edge, relation in edges
                    if gate[relation + side * width] > 0
                ]
                if len(row) > config.degree_cap:
                    row.sort(key=lambda step: (step[0], step[1] * 2654435761 % 2**32))
                    row = row[: config.degree_cap]
                steps += [
                    (weight * minus * decay, edge, target, way) for minus, edge, target in row
                ]
        steps.sort(key=lambda step: step[:2])
        frontier, fresh = {}, 0
        for minus, edge, target, way in steps:
            if edge not in found and fresh < config.neighbours:
                fresh += 1
                found[edge] = Found(edge, -minus, hop, (*way, edge))
                frontier.setdefault(target, (-minus, found[edge].path))
    return sorted(found.values(), key=lambda each: (-each.weight, each.edge))


def compare(memory: GraphMemory, asked: list[str], gates: list[Weights | None]) -> float:
    """How many times longer the walks take in networkx; both in turns, with the same answers."""
    graph = networkx_graph(memory)
    ours = theirs = 0.0
    for question, gate in zip(asked, gates, strict=True):
        with memory.current() as known:
            tokens = words(question)
            seeds = find_seeds(known, tokens, (), (), CONFIG)
            gate_R = known.gate.weights(tokens) if gate is None else gate
            plain = gate_R.tolist()
            started = time.perf_counter()
            mine = walk(known.index, seeds, gate_R, CONFIG)
            middle = time.perf_counter()
            other = networkx_walk(graph, seeds, plain, CONFIG)
            theirs += time.perf_counter() - middle
            ours += middle - started
        assert mine == other, question
    return theirs / ours


def retrieve_ms(memory: GraphMemory, asked: list[str], gates: list[Weights | None]) -> list[float]:
    """Time from a question in words to its facts in words, sorted."""
    times = []
    for question, gate_R in zip(asked, gates, strict=True):
        started = time.perf_counter()
        with memory.current() as known:
            retrieve(known, question, config=CONFIG, gate_R=gate_R)
        times.append(1e3 * (time.perf_counter() - started))
    return sorted(times)


def insert_ms(store: Store, memory: GraphMemory) -> float:
    """Median time until a new triplet is stored, indexed and found."""
    times = []
    for number in range(INSERTS):
        draft = TripletDraft(f"fresh lamp {number}", "mend", label(number), source="benchmark")
        started = time.perf_counter()
        stored = store.add_triplet(draft)
        with memory.current() as known:
            facts = retrieve(known, f"I mend a fresh lamp {number}.", config=CONFIG)
        times.append(1e3 * (time.perf_counter() - started))
        assert facts[0].triplet == stored.id
    return statistics.median(times)


def measure(count: int, folder: Path) -> dict[str, float]:
    rows = triplets(count)
    small = median_small(folder, triplets(SMALL))
    took = ingest(folder / "graph.db", rows)
    store = Store(folder / "graph.db")
    first_search_ms, *searches_ms = search_ms(store)
    memory = GraphMemory(store)
    started = time.perf_counter()
    memory.prepare()
    load_s = time.perf_counter() - started
    asked, rng = questions(rows, QUESTIONS), np.random.default_rng(2)
    # what a trained reasoner gives: every relation has some weight, in both directions
    every: list[Weights | None] = list(rng.random((QUESTIONS, 2 * len(RELATIONS))) ** 4)
    named: list[Weights | None] = [None] * QUESTIONS
    retrieve_ms(memory, asked[:20], every[:20])
    times, times_named = retrieve_ms(memory, asked, every), retrieve_ms(memory, asked, named)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with memory.current() as known:
        index_mb = known.index.nbytes / 1e6
    figures = {
        "triplets": count,
        "ingest_per_s": round(1 / took.wall_s),
        "ingest_linear_ratio": round(took.wall_s / small.wall_s, 3),
        "ingest_cpu_us": round(1e6 * took.cpu_s, 1),
        "ingest_cpu_ratio": round(took.cpu_s / small.cpu_s, 3),
        "first_search_ms": round(first_search_ms, 1),
        "common_word_ms": round(statistics.median(searches_ms), 1),
        "load_s": round(load_s, 2),
        "index_mb": round(index_mb, 1),
        "rss_mb": round(rss_mb),
        "retrieve_p50_ms": round(statistics.median(times), 3),
        "retrieve_p99_ms": round(times[int(0.99 * len(times))], 3),
        "named_p50_ms": round(statistics.median(times_named), 3),
        "named_p99_ms": round(times_named[int(0.99 * len(times))], 3),
        "insert_ms": round(insert_ms(store, memory), 3),
        "speedup_vs_networkx": round(compare(memory, asked[:COMPARED], every[:COMPARED]), 1),
        "named_speedup": round(compare(memory, asked[:COMPARED], named[:COMPARED]), 1),
    }
    store.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--triplets", "--triples", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.triplets, Path(folder))
    for name, value in figures.items():
        print(f"{name:<24}{value:>14,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
