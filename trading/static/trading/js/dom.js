// A few helpers over the DOM. Data gets in as text or as an attribute, never as markup.

export const byId = (id) => document.getElementById(id);

/** A new element: element("span", { class: "tb-badge", title: "why" }, "text", child). */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Set the text unless it is there already, so that a selection survives. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set the classes unless they are there already. */
export function setClass(node, names) {
  if (node.className !== names) node.className = names;
}

/**
 * One child of `parent` per row, in the order of the rows. `make(row)` builds a child,
 * `paint(child, row)` brings it up to date; children of rows that are gone are removed.
 */
export function keyed(parent, rows, make, paint) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let next = parent.firstElementChild;
  for (const row of rows) {
    const key = String(row.id);
    let child = old.get(key);
    old.delete(key);
    if (!child) {
      child = make(row);
      child.dataset.key = key;
    }
    paint(child, row);
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
  for (const child of old.values()) child.remove();
}

/** Rows of a table; a column is `paint(cell, row)`. */
export function tableRows(body, rows, columns) {
  const make = () => element("tr", {}, ...columns.map(() => element("td")));
  keyed(body, rows, make, (tr, row) => {
    columns.forEach((paint, index) => paint(tr.children[index], row));
  });
}

/** A column of plain text. */
export const text = (read, names = "") => (cell, row) => {
  setClass(cell, names);
  setText(cell, read(row));
};

/** A column of two lines: what it is, and smaller what else there is to say. */
export const lines = (read, readMore, names = "") => (cell, row) => {
  setClass(cell, names);
  if (!cell.childElementCount) cell.append(element("span"), element("small"));
  setText(cell.firstElementChild, read(row));
  setText(cell.lastElementChild, readMore(row));
};

/** Choices of a select; the value chosen stays chosen while it exists. */
export function setOptions(select, choices) {
  const chosen = select.value;
  select.replaceChildren(
    ...choices.map(({ value, label }) => element("option", { value }, label)),
  );
  if (choices.some((choice) => String(choice.value) === chosen)) select.value = chosen;
}
