/* Draws the knowledge graph with vis-network: pictures as nodes, relations as labelled edges.
   The layout is computed here, once, and kept: an update moves nothing that is already there.
   Labels are drawn on a canvas as plain text. The parent is webapp/graph_view.py. */
const HOLDER = element.querySelector(".itr-canvas");
const WORDS = element.querySelector(".itr-graph-words");
const nodes = new vis.DataSet([]);
const edges = new vis.DataSet([]);
const places = new Map();

function colour(name) {
  return getComputedStyle(document.body).getPropertyValue(name).trim();
}

function palette() {
  return {
    ink: colour("--itr-ink"),
    soft: colour("--itr-ink-soft"),
    card: colour("--itr-card"),
    line: colour("--itr-edge"),
    paper: colour("--itr-paper"),
    accent: colour("--itr-accent"),
    what: colour("--itr-what"),
    action: colour("--itr-action"),
    result: colour("--itr-result"),
  };
}

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

/* A round node is never a result alone, a square one always is: told apart without colour. */
function nodeShape(node) {
  if (node.side === "result") return node.picture ? "image" : "square";
  return node.picture ? "circularImage" : "dot";
}

function nodeStyle(node, focus, shades) {
  const ring = { what: shades.what, result: shades.result, both: shades.soft }[node.side];
  const main = node.label === focus;
  return {
    id: node.id,
    label: node.label.length > 26 ? `${node.label.slice(0, 25)}…` : node.label,
    shape: nodeShape(node),
    shapeProperties: { useBorderWithImage: true },
    image: node.picture || undefined,
    size: (node.picture ? 24 : 10) + Math.min(8, node.degree) + (main ? 4 : 0),
    borderWidth: main ? 5 : 3,
    borderWidthSelected: 6,
    color: {
      border: main ? shades.accent : ring,
      background: node.picture ? "#ffffff" : ring,
      highlight: { border: shades.accent, background: node.picture ? "#ffffff" : ring },
    },
    font: { color: shades.ink, size: 14, strokeWidth: 4, strokeColor: shades.paper },
    ...places.get(node.id),
  };
}

function edgeStyle(edge, lit, shades) {
  const bright = lit.has(edge.id);
  return {
    id: edge.id,
    from: edge.from,
    to: edge.to,
    label: edge.label.length > 22 ? `${edge.label.slice(0, 21)}…` : edge.label,
    width: bright ? 4 : 2,
    arrows: { to: { enabled: true, scaleFactor: 0.8 } },
    color: { color: bright ? shades.accent : shades.line, highlight: shades.accent },
    font: { color: shades.action, size: 13, strokeWidth: 4, strokeColor: shades.paper, align: "middle" },
    smooth: edge.bend
      ? { enabled: true, type: edge.bend > 0 ? "curvedCW" : "curvedCCW", roundness: Math.abs(edge.bend) }
      : false,
  };
}

const network = new vis.Network(
  HOLDER,
  { nodes, edges },
  {
    physics: { enabled: false, barnesHut: { springLength: 120, avoidOverlap: 0.4 } },
    layout: { improvedLayout: false },
    interaction: {
      hover: false,
      tooltipDelay: 600000,
      keyboard: { enabled: true, bindToWindow: false, speed: { x: 8, y: 8, zoom: 0.03 } },
      hideEdgesOnDrag: false,
      zoomSpeed: 0.6,
    },
  },
);

let told = "";
function draw() {
  const value = props.value || { nodes: [], edges: [], lit: [], focus: "" };
  const shades = palette();
  const lit = new Set(value.lit);
  lay(value);
  const ids = new Set(value.nodes.map((node) => node.id));
  const links = new Set(value.edges.map((edge) => edge.id));
  edges.remove(edges.getIds().filter((id) => !links.has(id)));
  nodes.remove(nodes.getIds().filter((id) => !ids.has(id)));
  nodes.update(value.nodes.map((node) => nodeStyle(node, value.focus, shades)));
  edges.update(value.edges.map((edge) => edgeStyle(edge, lit, shades)));
  WORDS.textContent = value.words || "";
  HOLDER.setAttribute(
    "aria-label",
    `Knowledge graph. ${value.words || ""} The table below holds the same triplets.`,
  );
  const scene = `${value.focus}|${value.nodes.length}`;
  if (scene !== told) fit();
  told = scene;
}

function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function fit() {
  network.fit({ animation: calm() ? false : { duration: 250 }, maxZoomLevel: 1.3 });
}

const freeze = element.querySelector(".itr-freeze");
freeze.addEventListener("click", () => {
  const frozen = freeze.getAttribute("aria-pressed") !== "true";
  freeze.setAttribute("aria-pressed", String(frozen));
  network.setOptions({ physics: { enabled: !frozen } });
});
element.querySelector(".itr-fit").addEventListener("click", fit);
element.querySelector(".itr-closer").addEventListener("click", () => zoom(1.3));
element.querySelector(".itr-farther").addEventListener("click", () => zoom(1 / 1.3));

function zoom(factor) {
  network.moveTo({ scale: network.getScale() * factor });
}

function keepPlaces() {
  Object.entries(network.getPositions()).forEach(([id, point]) => places.set(Number(id), point));
}

network.on("dragEnd", keepPlaces);
network.on("stabilized", keepPlaces);
network.on("click", (press) => {
  if (press.nodes.length) trigger("pick", { node: press.nodes[0] });
  else if (press.edges.length) trigger("pick", { edge: press.edges[0] });
});

/* Gradio gives the button inside the search field no name. */
const search = document.querySelector("#graph-search .submit-button");
if (search) search.setAttribute("aria-label", "Search the graph");

draw();
watch("value", draw);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
new ResizeObserver(() => network.redraw()).observe(HOLDER);
