/* The tools of the drawing: zoom, freeze, full screen, a picture to keep, and arrows drawn by hand.
   The last part of the script that webapp/graph_view.py puts together. */
const STAGE = element.querySelector(".itr-stage");
const FORM = element.querySelector(".itr-connect");
const FIELD = FORM.querySelector("input");
let ends = null;

function tool(name) {
  return element.querySelector(`.itr-canvas-tools .itr-${name}`);
}

function pressed(name) {
  return tool(name).getAttribute("aria-pressed") === "true";
}

function press(name, on) {
  tool(name).setAttribute("aria-pressed", String(on));
}

function zoom(factor) {
  network.moveTo({ scale: network.getScale() * factor });
}

/* ── arrows by hand: press Connect, drag from one node to another, name the action ── */

function connecting() {
  return pressed("join");
}

function setConnecting(on) {
  press("join", on);
  STAGE.classList.toggle("itr-joining", on);
  WORDS.textContent = on ? "Drag from one node to another." : (props.value || {}).words || "";
  if (on) network.addEdgeMode();
  else network.disableEditMode();
}

function labelOf(id) {
  const node = (props.value || { nodes: [] }).nodes.find((one) => one.id === id);
  return node ? node.label : "";
}

/* Called by vis-network when an arrow was dropped on a node. Nothing is drawn yet: the arrow comes
   with the next update, once the graph has it. */
function connected(arrow) {
  ends = arrow;
  FORM.querySelector(".itr-connect-from").textContent = labelOf(arrow.from);
  FORM.querySelector(".itr-connect-to").textContent = labelOf(arrow.to);
  FORM.hidden = false;
  FIELD.value = "";
  FIELD.focus();
}

function closeForm() {
  FORM.hidden = true;
  ends = null;
  if (connecting()) setConnecting(true);
}

function addArrow() {
  if (!ends) return;
  if (!FIELD.value.trim()) {
    FIELD.focus();
    return;
  }
  trigger("connect", { from: ends.from, to: ends.to, relation: FIELD.value });
  closeForm();
}

FORM.querySelector(".itr-connect-add").addEventListener("click", addArrow);
FORM.querySelector(".itr-connect-leave").addEventListener("click", closeForm);
FORM.addEventListener("keydown", (key) => {
  if (key.key === "Enter" && key.target === FIELD) addArrow();
});

/* ── full screen: the browser's own where it may, else over the whole page ── */

function isFull() {
  return document.fullscreenElement === STAGE || STAGE.classList.contains("itr-full");
}

function setFull(on) {
  if (on && STAGE.requestFullscreen) {
    STAGE.requestFullscreen().catch(() => { STAGE.classList.add("itr-full"); showFull(); });
  } else if (on) {
    STAGE.classList.add("itr-full");
  } else {
    STAGE.classList.remove("itr-full");
    if (document.fullscreenElement) document.exitFullscreen();
  }
  showFull();
}

function showFull() {
  press("whole", isFull());
  window.setTimeout(fit, 120);
}

document.addEventListener("fullscreenchange", showFull);

/* ── a picture to keep: what is seen, on the paper's colour ── */

function keepPicture() {
  const seen = HOLDER.querySelector("canvas");
  const sheet = document.createElement("canvas");
  sheet.width = seen.width;
  sheet.height = seen.height;
  const pen = sheet.getContext("2d");
  pen.fillStyle = colour("--itr-paper");
  pen.fillRect(0, 0, sheet.width, sheet.height);
  pen.drawImage(seen, 0, 0);
  sheet.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = "graph.png";
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}

/* ── buttons and keys ── */

const ACTS = {
  fit,
  closer: () => zoom(1.3),
  farther: () => zoom(1 / 1.3),
  join: () => setConnecting(!connecting()),
  freeze: () => {
    press("freeze", !pressed("freeze"));
    network.setOptions({ physics: { enabled: !pressed("freeze") } });
  },
  whole: () => setFull(!isFull()),
  keep: keepPicture,
};
Object.entries(ACTS).forEach(([name, act]) => tool(name).addEventListener("click", act));

/* Escape closes what was opened last: the arrow's form, drawing arrows, full screen, the editor. */
function leave() {
  if (!FORM.hidden) closeForm();
  else if (connecting()) setConnecting(false);
  else if (STAGE.classList.contains("itr-full")) setFull(false);
  else {
    const close = document.querySelector("#triplet-close");
    if (close && close.offsetParent) close.click();
  }
}

document.addEventListener("keydown", (key) => {
  const inTable = key.target instanceof Element && key.target.closest(".itr-edit-row");
  if (key.key === "Escape" && element.offsetParent && !inTable) leave();
});

/* Gradio gives the button inside the search field no name, and the line of notes no live region. */
const search = document.querySelector("#graph-search .submit-button");
if (search) search.setAttribute("aria-label", "Search the graph");
const note = document.querySelector("#graph-note");
if (note) note.setAttribute("aria-live", "polite");
