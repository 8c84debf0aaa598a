/* What a click, a hover and the keyboard do in the chat: labels and numbers go to Python, which looks
   them up and trusts none of them. The parent is webapp/tabs/chat.py; this belongs to “Why”. */
const LIGHT_AFTER_MS = 200;
let lit = "";
let told = "";
let waiting = 0;

/* The fact that is pointed at, and its step on the drawn way. */
function mark() {
  document.querySelectorAll("#chat-why [data-triplet], #chat-log [data-triplet]").forEach((part) => {
    part.classList.toggle("itr-lit", part.dataset.triplet === lit);
  });
}

function point(target) {
  const part = target.closest("#chat-why [data-triplet], #chat-log .itr-used [data-triplet]");
  if (!part || part.dataset.triplet === lit) return;
  lit = part.dataset.triplet;
  mark();
  const under = part.closest(".itr-used");
  const shown = document.querySelector("#chat-why [data-shown]");
  if (under && (!shown || shown.dataset.shown !== under.dataset.answer)) {
    trigger("show", { index: Number(under.dataset.answer) });
  }
  window.clearTimeout(waiting);
  waiting = window.setTimeout(() => {
    if (told !== lit) trigger("light", { triplet: Number(lit) });
    told = lit;
  }, LIGHT_AFTER_MS);
}

const CLICKS = [
  ["#chat-examples [data-example]", "example", (part) => ({ example: Number(part.dataset.example) })],
  ["#chat-log [data-edit]", "edit", (part) => ({ index: Number(part.dataset.edit) })],
  ["#chat-log [data-remember]", "remember", (part) => ({ index: Number(part.dataset.remember) })],
  [
    "#chat-log [data-vote]",
    "vote",
    (part) => ({ index: Number(part.dataset.vote), way: part.dataset.way }),
  ],
  ["#chat-log [data-better]", "better", (part) => ({ index: Number(part.dataset.better) })],
  ["#chat-log [data-judge]", "judge", (part) => ({ index: Number(part.dataset.judge) })],
  [
    "#chat-log [data-keep]",
    "keep",
    (part) => ({ index: Number(part.dataset.keep), which: part.dataset.which }),
  ],
  ["#chat-why [data-ask]", "ask", (part) => ({ label: part.dataset.ask })],
  [
    "#chat-why button[data-triplet], #chat-log .itr-used button[data-triplet]",
    "see",
    (part) => ({ triplet: Number(part.dataset.triplet) }),
  ],
];

function tell(name, data) {
  if (name === "example") trigger("example", data);
  if (name === "edit") trigger("edit", data);
  if (name === "remember") trigger("remember", data);
  if (name === "vote") {
    window.itrVoted = `#chat-log [data-vote="${data.index}"][data-way="${data.way}"]`;
    trigger("vote", data);
  }
  if (name === "better") trigger("better", data);
  if (name === "judge") trigger("judge", data);
  if (name === "keep") trigger("keep", data);
  if (name === "ask") trigger("ask", data);
  if (name === "see") trigger("see", data);
}

document.addEventListener("click", (press) => {
  if (!(press.target instanceof Element)) return;
  CLICKS.forEach(([selector, name, data]) => {
    const part = press.target.closest(selector);
    if (part) tell(name, data(part));
  });
});
["mouseover", "focusin"].forEach((name) => {
  document.addEventListener(name, (event) => {
    if (event.target instanceof Element) point(event.target);
  });
});
document.addEventListener("keydown", (press) => {
  if (press.key !== "Escape") return;
  const stop = document.querySelector("#chat-input .stop-button");
  if (stop && stop.offsetParent) stop.click();
  ["#remember-cancel", "#better-cancel"].forEach((name) => {
    const close = document.querySelector(name);
    if (close && close.offsetParent) close.click();
  });
});

/* Gradio gives the composer's text box no name. */
function name() {
  const box = document.querySelector("#chat-input textarea");
  if (box) box.setAttribute("aria-label", "Message to the student");
  return Boolean(box);
}
if (!name()) {
  const wait = window.setInterval(() => name() && window.clearInterval(wait), 200);
}

watch("value", () => window.requestAnimationFrame(mark));
