/* Where the nodes of the drawing lie. A place is computed once and kept: an update moves nothing that
   is already there. Part of the script that webapp/graph_view.py puts together. */
const places = new Map();

/* A spring layout, small and deterministic: 300 nodes settle in about a tenth of a second. */
function settle(ids, links, fixed, rounds) {
  const spread = 130;
  const reach = 6 * spread * spread;
  const shape = Math.sqrt((HOLDER.clientWidth || 800) / (HOLDER.clientHeight || 500));
  const at = ids.map((id) => places.get(id));
  const index = new Map(ids.map((id, place) => [id, place]));
  const pairs = links
    .filter((link) => index.has(link.from) && index.has(link.to))
    .map((link) => [index.get(link.from), index.get(link.to)]);
  for (let round = 0; round < rounds; round += 1) {
    const heat = spread * 0.5 * (1 - round / rounds) + 1;
    const push = at.map((point) => ({
      x: (-point.x * 0.2) / shape,
      y: -point.y * 0.2 * shape,
    }));
    for (let a = 0; a < at.length; a += 1) {
      for (let b = a + 1; b < at.length; b += 1) {
        const dx = at[a].x - at[b].x;
        const dy = at[a].y - at[b].y;
        const apart = dx * dx + dy * dy;
        if (apart > reach) continue;
        const force = (spread * spread) / (apart + 40);
        push[a].x += dx * force * 0.6; push[a].y += dy * force * 0.6;
        push[b].x -= dx * force * 0.6; push[b].y -= dy * force * 0.6;
      }
    }
    pairs.forEach(([a, b]) => {
      const dx = at[b].x - at[a].x;
      const dy = at[b].y - at[a].y;
      const pull = Math.min(1, (Math.hypot(dx, dy) / spread) * 0.16);
      push[a].x += dx * pull; push[a].y += dy * pull;
      push[b].x -= dx * pull; push[b].y -= dy * pull;
    });
    at.forEach((point, place) => {
      if (fixed.has(ids[place])) return;
      const length = Math.hypot(push[place].x, push[place].y) || 1;
      const step = Math.min(length, heat) / length;
      point.x += push[place].x * step;
      point.y += push[place].y * step;
    });
  }
}

function lay(value) {
  const ids = value.nodes.map((node) => node.id);
  const known = new Set(ids.filter((id) => places.has(id)));
  const fresh = ids.filter((id) => !known.has(id));
  if (!fresh.length) return;
  const neighbour = new Map();
  value.edges.forEach((edge) => {
    if (known.has(edge.from)) neighbour.set(edge.to, edge.from);
    if (known.has(edge.to)) neighbour.set(edge.from, edge.to);
  });
  fresh.forEach((id, place) => {
    const turn = place * 2.399963;
    const near = places.get(neighbour.get(id)) || { x: 0, y: 0 };
    const radius = known.size ? 110 : 42 * Math.sqrt(place + 1);
    places.set(id, { x: near.x + radius * Math.cos(turn), y: near.y + radius * Math.sin(turn) });
  });
  const fixed = known.size * 2 > ids.length ? known : new Set();
  settle(ids, value.edges, fixed, ids.length > 400 ? 70 : 220);
}
