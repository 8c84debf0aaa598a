/* Draws proposed triplets to be accepted, edited or rejected one by one, or all at once. What was
   decided is kept here until it is saved, so that more proposals may come meanwhile. Everything
   that somebody wrote goes through textContent and value, never through a template: Gradio
   evaluates templates as code. The parent is webapp/proposal_list.py. */
const HOLDER = element.querySelector(".itr-proposals");
const BAR = element.querySelector(".itr-proposal-bar");
const COUNT = element.querySelector(".itr-proposal-count");
const SAVE = element.querySelector(".itr-save-accepted");
const PARTS = ["subject", "relation", "object"];
const ROLES = ["what", "action", "result"];
let reading = "";
let decided = new Map();
const drawn = new Map();

function value() {
  return props.value || { reading: "", rows: [], busy: false };
}

function choice(row) {
  return decided.get(row.n) || { state: "open", words: PARTS.map((part) => row[part]), editing: false };
}

function decide(row, changes) {
  decided.set(row.n, { ...choice(row), ...changes });
  draw();
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(className, text, label, press) {
  const node = make("button", `itr-card-act ${className}`, text);
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.addEventListener("click", press);
  return node;
}

function wordsOf(row, words) {
  const line = make("span", "itr-card-words");
  words.forEach((text, place) => {
    if (place) line.append(make("span", "itr-arrow", "→"));
    const source = row.pictures[place];
    if (source) {
      const face = make("img", "itr-thumb itr-thumb-small");
      face.src = source;
      face.alt = "";
      line.append(face);
    }
    line.append(make("span", place === 1 ? "itr-card-relation" : "", text));
  });
  return line;
}

function fields(row, words) {
  const line = make("span", "itr-proposal-fields");
  const inputs = words.map((text, place) => {
    const input = make("input", `itr-proposal-field itr-field-${ROLES[place]}`);
    input.type = "text";
    input.value = text;
    input.maxLength = 120;
    input.setAttribute("aria-label", `${ROLES[place]} of proposal ${row.n + 1}`);
    line.append(input);
    return input;
  });
  const keep = () => ({ words: inputs.map((input) => input.value), state: "accepted" });
  line.addEventListener("keydown", (press) => {
    if (press.key === "Enter") {
      press.preventDefault();
      decide(row, { ...keep(), editing: false });
      focusOn(row, ".itr-act-edit");
    }
    if (press.key === "Escape") {
      press.preventDefault();
      decide(row, { editing: false });
      focusOn(row, ".itr-act-edit");
    }
  });
  line.addEventListener("input", () => decided.set(row.n, { ...choice(row), ...keep() }));
  return line;
}

function focusOn(row, selector) {
  const item = drawn.get(row.n);
  const wanted = item && item.node.querySelector(selector);
  if (wanted) wanted.focus();
}

function acts(row, now, whole) {
  const line = make("span", "itr-proposal-acts");
  const accepted = now.state === "accepted";
  const rejected = now.state === "rejected";
  const accept = button("itr-act-accept", accepted ? "✓ Accepted" : "Accept", `Accept ${whole}`, () => {
    decide(row, { state: accepted ? "open" : "accepted", editing: false });
    focusOn(row, ".itr-act-accept");
  });
  accept.setAttribute("aria-pressed", String(accepted));
  const edit = button("itr-act-edit", now.editing ? "Done" : "Edit", `Edit ${whole}`, () => {
    decide(row, { editing: !now.editing });
    focusOn(row, now.editing ? ".itr-act-edit" : "input");
  });
  const reject = button("itr-act-reject", rejected ? "✕ Rejected" : "Reject", `Reject ${whole}`, () => {
    decide(row, { state: rejected ? "open" : "rejected", editing: false });
    focusOn(row, ".itr-act-reject");
  });
  reject.setAttribute("aria-pressed", String(rejected));
  line.append(accept, edit, reject);
  return line;
}

function card(row, now) {
  const item = make("li", `itr-card itr-proposal itr-proposal-${now.state}`);
  const main = make("div", "itr-proposal-main");
  main.append(now.editing ? fields(row, now.words) : wordsOf(row, now.words));
  const sure = make("span", "itr-card-note itr-muted itr-num");
  sure.append(`sure ${row.confidence.toFixed(2).replace(/^0/, "")} · `, make("span", "", row.origin));
  main.append(sure);
  if (row.note) main.append(make("span", "itr-card-note itr-proposal-doubt", `! ${row.note}`));
  item.append(main, acts(row, now, now.words.join(" → ")));
  return item;
}

/* A row is drawn anew only when something about it changed: typing outlives an update. */
function draw() {
  const { rows, busy } = value();
  if (value().reading !== reading) {
    reading = value().reading;
    decided = new Map();
    drawn.clear();
    HOLDER.replaceChildren();
  }
  const present = new Set(rows.map((row) => row.n));
  [...drawn.keys()].filter((n) => !present.has(n)).forEach((n) => {
    drawn.get(n).node.remove();
    drawn.delete(n);
  });
  rows.forEach((row) => {
    const now = choice(row);
    const sign = JSON.stringify([row, now.state, now.editing, now.editing ? "" : now.words]);
    const before = drawn.get(row.n);
    if (before && before.sign === sign) return;
    const node = card(row, now);
    if (before) before.node.replaceWith(node);
    else HOLDER.append(node);
    drawn.set(row.n, { sign, node });
  });
  tally(rows, busy);
}

function tally(rows, busy) {
  const states = rows.map((row) => choice(row).state);
  const taken = states.filter((state) => state === "accepted").length;
  const open = states.filter((state) => state === "open").length;
  BAR.hidden = !rows.length;
  COUNT.textContent = `${rows.length} proposed · ${taken} accepted · ${open} open`;
  SAVE.textContent = busy ? "Save when it is read" : `Save ${taken} to graph`;
  SAVE.disabled = busy || !taken;
}

function decideAll(state) {
  value().rows.forEach((row) => {
    decided.set(row.n, { ...choice(row), state, editing: false });
  });
  draw();
}

element.querySelector(".itr-accept-all").addEventListener("click", () => decideAll("accepted"));
element.querySelector(".itr-reject-all").addEventListener("click", () => decideAll("rejected"));
SAVE.addEventListener("click", () => {
  const { rows } = value();
  const chosen = (state) => rows.filter((row) => choice(row).state === state);
  trigger("save", {
    reading,
    rows: chosen("accepted").map((row) => {
      const [subject, relation, object] = choice(row).words;
      return { n: row.n, subject, relation, object };
    }),
    rejected: chosen("rejected").map((row) => row.n),
  });
});

draw();
watch("value", draw);
