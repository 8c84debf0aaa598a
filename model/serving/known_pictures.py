"""The pictures that the graph knows, as a student's embeddings, for finding the nearest one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from model.knowledge.pictures import Pictures, decode
from model.knowledge.store import Store
from model.records import Expectation, Node, PictureId

if TYPE_CHECKING:
    from torch import Tensor

    from model.model import ImageTokenReasoningLLM
    from model.serving.engine import Engine

TOGETHER = 32
"""Pictures that are embedded between two decoding steps: about 30 ms on two cores."""
LOOKS_LIKE = 0.7
"""Cosine from which two pictures count as alike."""
MOST = 20_000
"""Embeddings kept in memory, 2 kB each; the oldest go first."""


class KnownPictures:
    """Finds the node whose picture is nearest to an embedding; each picture is embedded once."""

    def __init__(self, store: Store, pictures: Pictures) -> None:
        self._store, self._pictures = store, pictures
        self._kept: OrderedDict[tuple[str, PictureId], Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def nearest(
        self, engine: Engine, imagine: Callable[[ImageTokenReasoningLLM], Tensor]
    ) -> Expectation | None:
        """The node with the picture that is most like what is imagined; None if there is none."""
        nodes = [node for node in self._store.nodes_with_pictures() if node.picture][-MOST:]
        if not nodes:
            return None
        import torch

        known_NE = torch.stack(self.embeddings(engine, nodes))
        imagined_E = engine.run(imagine).result()
        scores_N = known_NE @ imagined_E
        best = int(scores_N.argmax())
        node = nodes[best]
        assert node.picture is not None
        return Expectation(node.label, node.picture, float(scores_N[best]))

    def look_alikes(self, engine: Engine, picture: PictureId, most: int = 5) -> list[int]:
        """The nodes whose pictures are most like this one, most alike first; exact, not sampled."""
        nodes = [node for node in self._store.nodes_with_pictures() if node.picture][-MOST:]
        if not nodes:
            return []
        import torch

        image = decode(self._pictures.path(picture))
        asked_E = engine.run(lambda student: student.picture_embeddings([image])).result()[0]
        scores_N = torch.stack(self.embeddings(engine, nodes)) @ asked_E
        best = scores_N.topk(min(most, len(nodes)))
        pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [nodes[place].id for score, place in pairs if score >= LOOKS_LIKE]

    def embeddings(self, engine: Engine, nodes: Sequence[Node]) -> list[Tensor]:
        """The embedding of each node's picture, normalised; nodes without a picture have none."""
        keys = [(engine.weights_hash, node.picture) for node in nodes if node.picture]
        with self._lock:
            missing = list(dict.fromkeys(key for key in keys if key not in self._kept))
        for start in range(0, len(missing), TOGETHER):
            part = missing[start : start + TOGETHER]
            images = [decode(self._pictures.path(picture)) for _, picture in part]
            found_NE = engine.run(lambda s, given=images: s.picture_embeddings(given)).result()  # type: ignore[misc]
            with self._lock:
                self._kept.update(zip(part, found_NE, strict=True))
        with self._lock:
            found = [self._kept[key] for key in keys]
            while len(self._kept) > 2 * MOST:
                self._kept.popitem(last=False)
        return found
