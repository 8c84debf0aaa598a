/* Draws pairs of nodes that may be the same thing. Everything a person typed goes through
   textContent. The parent is webapp/graph_overview.py. */
const HOLDER = element.querySelector(".itr-list");

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

function side(node) {
  const box = make("span", "itr-cell");
  if (node.picture) {
    const picture = make("img", "itr-thumb itr-thumb-small");
    picture.src = node.picture;
    picture.alt = "";
    box.append(picture);
  }
  const facts = node.degree === 1 ? "1 fact" : `${node.degree} facts`;
  box.append(make("b", "itr-cell-text", node.label), make("span", "itr-muted", facts));
  return box;
}

function act(text, label, onPress, className) {
  const button = make("button", `itr-card-act ${className || ""}`, text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  button.addEventListener("click", onPress);
  return button;
}

function pair(value) {
  const item = make("li", "itr-card itr-pair");
  const names = `“${value.keep.label}” and “${value.other.label}”`;
  const ends = { keep: value.keep.id, other: value.other.id };
  const acts = make("span", "itr-acts");
  acts.append(
    act("Merge", `Merge ${names}`, () => trigger("merge", ends), "itr-act-save"),
    act("Keep apart", `Keep ${names} apart`, () => trigger("apart", ends)),
  );
  item.append(side(value.keep), side(value.other), make("span", "itr-card-note itr-muted", value.why), acts);
  return item;
}

function draw() {
  const pairs = (props.value || { pairs: [] }).pairs;
  HOLDER.replaceChildren(...pairs.map(pair));
}

draw();
watch("value", draw);
