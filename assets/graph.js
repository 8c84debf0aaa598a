/* Draws the knowledge graph with vis-network: pictures as nodes, relations as labelled edges.
   Labels are drawn on a canvas as plain text. The parent is webapp/graph_view.py, which puts
   graph_layout.js before this file and graph_tools.js after it: the three are one script. */
const HOLDER = element.querySelector(".itr-canvas");
const WORDS = element.querySelector(".itr-graph-words");
const nodes = new vis.DataSet([]);
const edges = new vis.DataSet([]);

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

/* A round node is never a result alone, a square one always is: told apart without colour. */
function nodeShape(node) {
  if (node.side === "result") return node.picture ? "image" : "square";
  return node.picture ? "circularImage" : "dot";
}

/* The whole words of what is cut off in the drawing; as text, so that no label becomes markup. */
function hint(...lines) {
  const box = document.createElement("div");
  lines.forEach((line) => {
    const row = document.createElement("div");
    row.textContent = line;
    box.append(row);
  });
  return box;
}

function nodeStyle(node, focus, shades) {
  const ring = { what: shades.what, result: shades.result, both: shades.soft }[node.side];
  const main = node.label === focus;
  return {
    id: node.id,
    label: node.label.length > 26 ? `${node.label.slice(0, 25)}…` : node.label,
    title: hint(node.label, node.degree === 1 ? "1 fact" : `${node.degree} facts`),
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
    title: hint(edge.label),
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
    manipulation: {
      enabled: false,
      addEdge: (arrow, done) => {
        connected(arrow);
        done(null);
      },
    },
    interaction: {
      hover: false,
      tooltipDelay: 350,
      // Without autoFocus: it would scroll the page under the pointer just before a click.
      keyboard: {
        enabled: true, bindToWindow: false, autoFocus: false, speed: { x: 8, y: 8, zoom: 0.03 },
      },
      hideEdgesOnDrag: false,
      zoomSpeed: 0.6,
    },
  },
);

/* Where a node lies on the screen can be asked from outside, by a test in a browser. */
HOLDER.network = network;

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
  if (scene !== told) {
    fit();
    hideHint();
  }
  told = scene;
  // vis-network leaves its mode of drawing arrows whenever the data change.
  if (connecting()) setConnecting(true);
}

/* What it told about moved away under the pointer, or is gone. */
function hideHint() {
  HOLDER.querySelectorAll(".vis-tooltip").forEach((box) => { box.style.visibility = "hidden"; });
}

function calm() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}

function fit() {
  network.fit({ animation: calm() ? false : { duration: 250 }, maxZoomLevel: 1.3 });
}

function keepPlaces() {
  Object.entries(network.getPositions()).forEach(([id, point]) => places.set(Number(id), point));
}

network.on("dragEnd", keepPlaces);
network.on("stabilized", keepPlaces);
network.on("click", (press) => {
  if (connecting()) return;
  if (press.nodes.length) trigger("pick", { node: press.nodes[0] });
  else if (press.edges.length) trigger("pick", { edge: press.edges[0] });
});

draw();
watch("value", draw);
new MutationObserver(draw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
new ResizeObserver(() => network.redraw()).observe(HOLDER);
