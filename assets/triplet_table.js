/* The graph as an editable table: a row turns into fields, Enter saves, Escape leaves it as it was.
   Words of a person go through textContent and value only. The parent is webapp/triplet_list.py. */
const BODY = element.querySelector("tbody");
const FIELDS = ["subject", "relation", "object"];
const NAMES = {
  subject: "What", relation: "Action", object: "Result", confidence: "Confidence in %", note: "Note",
};
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

function input(name, label, value, about) {
  const field = make("input", `itr-input ${about || ""}`);
  field.value = value;
  field.setAttribute("aria-label", label);
  field.placeholder = name;
  return field;
}

function cell(name, content) {
  const node = make("td");
  node.dataset.label = NAMES[name] || "";
  node.append(content);
  return node;
}

function fieldRow(values, saveText, onSave, onLeave) {
  const row = make("tr", "itr-edit-row");
  const fields = {};
  FIELDS.forEach((name) => {
    fields[name] = input(NAMES[name].toLowerCase(), `${NAMES[name]} of the triplet`, values[name] || "");
    fields[name].maxLength = 120;
    row.append(cell(name, fields[name]));
  });
  const sure = values.confidence === undefined ? 100 : values.confidence;
  fields.confidence = input("%", "Confidence in per cent", sure, "itr-input-number");
  fields.confidence.inputMode = "numeric";
  fields.note = input("note", "Note about the triplet", values.about || "");
  row.append(cell("confidence", fields.confidence), cell("note", fields.note));
  const collect = () =>
    onSave(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value])));
  row.addEventListener("keydown", (press) => {
    if (press.key === "Enter" && press.target.tagName === "INPUT") collect();
    if (press.key === "Escape" && onLeave) onLeave();
  });
  const acts = make("td", "itr-acts");
  acts.append(button(saveText, `${saveText} the triplet`, collect, "itr-act-save"));
  if (onLeave) acts.append(button("Cancel", "Leave the triplet as it was", onLeave));
  row.append(acts);
  return row;
}

function same(row, words) {
  return Boolean(words) && FIELDS.every((name) => row[name] === words[name].trim());
}

/* An edit is over when its words arrived, or when somebody else's were there before: then the page
   shows both above, and the row shows what is in the graph. */
function over(row, open) {
  return Boolean(open.sent) && (same(row, open.sent) || row.version !== open.version);
}

function editable(row) {
  const open = { element: null, sent: null, version: row.version };
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
  line.append(make("td", "itr-sure itr-num", `${row.confidence} %`));
  const told = make("td", "itr-source itr-muted");
  if (row.about) told.append(make("span", "itr-about", row.about), make("br"));
  told.append(make("span", "", row.source));
  line.append(told);
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
  if (open && !over(row, open)) return open.element;
  editing.delete(row.id);
  return reading(row);
}

function draw() {
  const rows = (props.value || { rows: [] }).rows;
  if (rows.some((row) => same(row, added))) {
    added = null;
    add.querySelectorAll("input").forEach((field) => { field.value = ""; });
    add.querySelector(".itr-input-number").value = 100;
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
