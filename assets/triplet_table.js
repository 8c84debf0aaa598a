/* The graph as an editable table: a row turns into fields, Enter saves, Escape leaves it as it was.
   Words of a person go through textContent and value only. The parent is webapp/triplet_list.py. */
const BODY = element.querySelector("tbody");
const FIELDS = ["subject", "relation", "object"];
const NAMES = { subject: "What", relation: "Action", object: "Result" };
const ROLE = { subject: "what", relation: "action", object: "result" };

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function button(text, label, onPress, className) {
  const node = make("button", `itr-card-act ${className || ""}`, text);
  node.type = "button";
  node.setAttribute("aria-label", label);
  node.addEventListener("click", onPress);
  return node;
}

function cell(name, content) {
  const node = make("td");
  node.dataset.label = NAMES[name] || "";
  node.append(content);
  return node;
}

function fieldRow(values, saveText, onSave, onLeave) {
  const row = make("tr", "itr-edit-row");
  const inputs = {};
  FIELDS.forEach((name) => {
    const input = make("input", "itr-input");
    input.value = values[name] || "";
    input.maxLength = 120;
    input.placeholder = NAMES[name].toLowerCase();
    input.setAttribute("aria-label", `${NAMES[name]} of the triplet`);
    inputs[name] = input;
    row.append(cell(name, input));
  });
  const collect = () =>
    onSave(Object.fromEntries(FIELDS.map((name) => [name, inputs[name].value])));
  row.addEventListener("keydown", (press) => {
    if (press.key === "Enter" && press.target.tagName === "INPUT") collect();
    if (press.key === "Escape" && onLeave) onLeave();
  });
  row.append(make("td", "itr-source"));
  const acts = make("td", "itr-acts");
  acts.append(button(saveText, `${saveText} the triplet`, collect, "itr-act-save"));
  if (onLeave) acts.append(button("Cancel", "Leave the triplet as it was", onLeave));
  row.append(acts);
  return row;
}

function same(row, words) {
  return Boolean(words) && FIELDS.every((name) => row[name] === words[name].trim());
}

function editable(row) {
  const open = { element: null, sent: null };
  const fields = fieldRow(
    row,
    "Save",
    (words) => {
      open.sent = words;
      trigger("save", { id: row.id, version: row.version, ...words });
    },
    () => {
      editing.delete(row.id);
      const shown = reading(row);
      fields.replaceWith(shown);
      shown.querySelector("button").focus();
    },
  );
  open.element = fields;
  editing.set(row.id, open);
  return fields;
}

function reading(row) {
  const line = make("tr");
  FIELDS.forEach((name, place) => {
    const box = make("span", `itr-cell itr-role-${ROLE[name]}`);
    if (row.pictures[place]) {
      const picture = make("img", "itr-thumb itr-thumb-small");
      picture.src = row.pictures[place];
      picture.alt = "";
      box.append(picture);
    } else {
      box.append(make("span", `itr-mark-${ROLE[name]}`));
    }
    box.append(make("span", "itr-cell-text", row[name]));
    line.append(cell(name, box));
  });
  line.append(make("td", "itr-source itr-muted", row.source));
  const whole = `${row.subject} → ${row.relation} → ${row.object}`;
  const acts = make("td", "itr-acts");
  acts.append(
    button("Edit", `Edit: ${whole}`, () => {
      const fields = editable(row);
      line.replaceWith(fields);
      fields.querySelector("input").focus();
    }),
    button("Show", `Show in the drawing: ${whole}`, () => trigger("show", { id: row.id })),
    button("Delete", `Delete: ${whole}`, () => trigger("remove", { id: row.id }), "itr-act-remove"),
  );
  line.append(acts);
  return line;
}

/* What is being typed outlives an update of the table: only words that arrived are cleared. */
const editing = new Map();
let added = null;
const add = fieldRow(
  {},
  "Add",
  (words) => {
    added = words;
    trigger("create", words);
  },
  null,
);
add.classList.add("itr-add-row");

function shown(row) {
  const open = editing.get(row.id);
  if (open && !same(row, open.sent)) return open.element;
  editing.delete(row.id);
  return reading(row);
}

function draw() {
  const rows = (props.value || { rows: [] }).rows;
  if (rows.some((row) => same(row, added))) {
    added = null;
    add.querySelectorAll("input").forEach((input) => { input.value = ""; });
  }
  const at = document.activeElement;
  const caret = at && BODY.contains(at) && at.tagName === "INPUT" ? at.selectionStart : null;
  BODY.replaceChildren(add, ...rows.map(shown));
  if (caret !== null && BODY.contains(at)) {
    at.focus();
    at.setSelectionRange(caret, caret);
  }
}

draw();
watch("value", draw);
