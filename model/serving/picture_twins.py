"""Nodes whose pictures look alike to the student that is loaded; found in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from model.errors import ReasonerError
from model.knowledge.store import Store
from model.records import Node
from model.serving.known_pictures import MOST, KnownPictures
from model.serving.students import Students

log = logging.getLogger(__name__)


class PictureTwins:
    """Compares the pictures of all nodes once a student is ready, and anew when they change."""

    def __init__(self, store: Store, students: Students, known: KnownPictures) -> None:
        self._store, self._students, self._known = store, students, known
        self._found: dict[tuple[int, int], float] = {}
        self._of: object = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def found(self) -> Mapping[tuple[int, int], float]:
        """Pairs of node numbers with their cosine, as far as they are known by now."""
        status = self._students.status()
        if status.state != "ready" or status.info is None:
            return {}
        nodes = [node for node in self._store.nodes_with_pictures() if node.picture][-MOST:]
        of = (status.info.weights_hash, tuple((node.id, node.picture) for node in nodes))
        with self._lock:
            working = self._thread is not None and self._thread.is_alive()
            if of != self._of and not working:
                self._thread = threading.Thread(
                    target=self._compare, args=(nodes, of), name="picture twins", daemon=True
                )
                self._thread.start()
            return dict(self._found)

    def wait(self) -> None:
        """Return once the comparison that is under way has ended."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _compare(self, nodes: Sequence[Node], of: object) -> None:
        import numpy as np  # a thread's own work: the page does not wait for it

        from model.knowledge.look_alikes import look_alikes

        try:
            vectors = self._known.embeddings(self._students.engine(), nodes) if nodes else []
        except ReasonerError as error:  # a picture is gone, or the student is: words must do
            log.warning("Pictures were not compared: %s", error)
            vectors = []
        pairs = {}
        if vectors:
            rows_NE = np.stack([vector.float().numpy() for vector in vectors])
            pairs = look_alikes(rows_NE)
        found = {
            (nodes[first].id, nodes[second].id): score
            for (first, second), score in pairs.items()
            if nodes[first].picture != nodes[second].picture
        }
        with self._lock:
            self._found, self._of = found, of
