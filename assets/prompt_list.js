/* Draws a page of a run's prompts and answers, to be edited and dropped one by one. What somebody
   wrote goes through textContent and value, never through a template. An edit under way outlives
   an update of the list. The parent is webapp/prompt_browser.py. */
const HOLDER = element.querySelector(".itr-prompts");
const COUNT = element.querySelector(".itr-prompt-count");
const EARLIER = element.querySelector(".itr-earlier");
const LATER = element.querySelector(".itr-later");
const MARKS = { answered: "✓", failed: "!", "left out": "–", dropped: "✕", waiting: "…" };
let shownRun = "";
const edits = new Map();
/* What was sent to be saved, until the list shows it: a refused edit is not lost. */
const sent = new Map();

function value() {
  return props.value || { run: "", rows: [], counts: [], total: 0, offset: 0, page: 10 };
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(text, label, press, className) {
  const node = make("button", `itr-card-act ${className || ""}`, text);
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.addEventListener("click", press);
  return node;
}

function area(words, label, rows, change) {
  const box = make("textarea", "itr-prompt-field");
  box.value = words;
  box.rows = rows;
  box.setAttribute("aria-label", label);
  box.addEventListener("input", () => change(box.value));
  return box;
}

function head(row) {
  const line = make("p", "itr-prompt-head itr-muted");
  const chip = make("span", `itr-chip itr-prompt-${row.state.replace(" ", "-")}`);
  chip.textContent = `${MARKS[row.state]} ${row.state}`;
  line.append(make("span", "itr-num", `${row.n + 1}`), chip);
  if (row.given) line.append(make("span", "", "answer given"));
  if (row.origin) line.append(make("span", "itr-prompt-origin", row.origin));
  return line;
}

function pictures(row) {
  const line = make("div", "itr-sample-pictures");
  row.pictures.forEach((source) => {
    const picture = make("img");
    picture.src = source;
    picture.width = 64;
    picture.height = 64;
    picture.alt = "picture of the prompt";
    line.append(picture);
  });
  return line;
}

function reading(row) {
  const box = make("div", "itr-prompt-words");
  box.append(make("p", "itr-prompt-text", row.text));
  if (row.facts.length) box.append(make("p", "itr-muted itr-prompt-facts", row.facts.join("\n")));
  if (row.answer) box.append(make("p", "itr-prompt-answer", row.answer));
  if (row.reason) box.append(make("p", "itr-prompt-reason", row.reason));
  return box;
}

function editing(row) {
  const now = edits.get(row.n);
  const box = make("div", "itr-prompt-words");
  const prompt = area(now.text, `Prompt ${row.n + 1}`, 2, (text) => { now.text = text; });
  prompt.disabled = row.drawn;
  const answer = area(now.answer, `Answer to prompt ${row.n + 1}`, 4, (text) => { now.answer = text; });
  box.append(make("span", "itr-muted", "prompt"), prompt);
  box.append(make("span", "itr-muted", "answer (empty takes the teacher's)"), answer);
  box.addEventListener("keydown", (press) => {
    if (press.key === "Escape") leave(row);
    if (press.key === "Enter" && (press.ctrlKey || press.metaKey)) save(row);
  });
  return box;
}

function save(row) {
  const { text, answer } = edits.get(row.n);
  edits.delete(row.n);
  sent.set(row.n, { text, answer });
  draw();
  focusOn(row);
  trigger("save", { run: value().run, n: row.n, text, answer });
}

function leave(row) {
  edits.delete(row.n);
  draw();
  focusOn(row);
}

function focusOn(row) {
  const wanted = HOLDER.querySelector(`[data-n="${row.n}"] .itr-act-edit`);
  if (wanted) wanted.focus();
}

function acts(row) {
  const line = make("span", "itr-acts");
  const which = `prompt ${row.n + 1}`;
  if (edits.has(row.n)) {
    line.append(button("Save", `Save ${which}`, () => save(row), "itr-act-save"));
    line.append(button("Cancel", `Leave ${which} as it was`, () => leave(row)));
    return line;
  }
  const edit = button("Edit", `Edit ${which}`, () => {
    edits.set(row.n, sent.get(row.n) || { text: row.text, answer: row.answer });
    draw();
    HOLDER.querySelector(`[data-n="${row.n}"] textarea:not(:disabled)`).focus();
  }, "itr-act-edit");
  const dropped = row.state === "dropped";
  const drop = button(dropped ? "Take back" : "Drop", `${dropped ? "Take back" : "Drop"} ${which}`, () => {
    trigger("drop", { run: value().run, n: row.n, dropped: !dropped });
  }, dropped ? "" : "itr-act-remove");
  line.append(edit, drop);
  return line;
}

function card(row) {
  const item = make("li", `itr-card itr-prompt-row itr-prompt-is-${row.state.replace(" ", "-")}`);
  item.dataset.n = row.n;
  item.append(head(row));
  if (row.pictures.length) item.append(pictures(row));
  item.append(edits.has(row.n) ? editing(row) : reading(row));
  if (value().editable) item.append(acts(row));
  return item;
}

function draw() {
  const { run, rows, counts, total, offset, page } = value();
  if (run !== shownRun) {
    shownRun = run;
    edits.clear();
    sent.clear();
  }
  if (!run || !counts.some(([, number]) => number)) {
    COUNT.textContent = "The prompts of a run are listed here once it has found them.";
  } else {
    const told = counts.filter(([, number]) => number).map(([state, number]) => `${number} ${state}`);
    const last = Math.min(offset + page, total);
    const range = total ? `${offset + 1}–${last} of ${total}` : "nothing found";
    COUNT.textContent = `${told.join(" · ")} — ${range}`;
  }
  rows.forEach((row) => {
    const words = sent.get(row.n);
    if (words && words.text === row.text && words.answer === row.answer) sent.delete(row.n);
  });
  HOLDER.replaceChildren(...rows.map(card));
  EARLIER.hidden = offset === 0;
  LATER.hidden = offset + page >= total;
}

EARLIER.addEventListener("click", () => trigger("turn", { by: -1 }));
LATER.addEventListener("click", () => trigger("turn", { by: 1 }));
draw();
watch("value", draw);
