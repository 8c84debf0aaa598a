/* Draws triplets as a list of cards. Everything a person typed goes through textContent, never
   through a template: Gradio evaluates templates as code. The parent is webapp/triplet_list.py. */
const ROLES = ["what", "action", "result"];
const HOLDER = element.querySelector(".itr-list");

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function thumbs(row) {
  const strip = make("span", "itr-thumbs");
  row.pictures.forEach((source, place) => {
    if (source) {
      const picture = make("img", "itr-thumb");
      picture.src = source;
      picture.alt = "";
      strip.append(picture);
    } else {
      strip.append(make("span", `itr-thumb itr-thumb-none itr-mark-${ROLES[place]}`));
    }
  });
  return strip;
}

function words(row) {
  const line = make("span", "itr-card-words");
  [row.subject, row.relation, row.object].forEach((text, place) => {
    if (place) line.append(make("span", "itr-arrow", "→"));
    line.append(make("span", place === 1 ? "itr-card-relation" : "", text));
  });
  return line;
}

function tell(name, row) {
  if (name === "pick") trigger("pick", { id: row.id });
  if (name === "edit") trigger("edit", { id: row.id });
  if (name === "remove") trigger("remove", { id: row.id });
}

function card(row, actions) {
  const item = make("li", "itr-card");
  const whole = `${row.subject} → ${row.relation} → ${row.object}`;
  const main = make("button", "itr-card-main");
  main.type = "button";
  main.setAttribute("aria-label", `${actions.pick}: ${whole}`);
  main.title = actions.pick;
  if (row.pictures.some(Boolean)) main.append(thumbs(row));
  main.append(words(row));
  if (row.note) main.append(make("span", "itr-card-note itr-muted", row.note));
  main.addEventListener("click", () => tell("pick", row));
  item.append(main);
  ["edit", "remove"].filter((name) => actions[name]).forEach((name) => {
    const button = make("button", `itr-card-act itr-act-${name}`, actions[name]);
    button.type = "button";
    button.setAttribute("aria-label", `${actions[name]}: ${whole}`);
    button.addEventListener("click", () => tell(name, row));
    item.append(button);
  });
  return item;
}

function draw() {
  const value = props.value || { rows: [], actions: {}, empty: "" };
  HOLDER.replaceChildren(...value.rows.map((row) => card(row, value.actions)));
  if (!value.rows.length && value.empty) {
    HOLDER.append(make("li", "itr-empty", value.empty));
  }
}

draw();
watch("value", draw);
