// Making elements. Data becomes text or an attribute, never markup.

/** An element with attributes and children; texts become text nodes. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Sets a text, if it is another one. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

const SCHEMES = ["http:", "https:", "data:", "blob:"];

/** A URL that may be loaded, or `undefined`. Without a scheme it is one of this host's. */
export function safeUrl(text) {
  try {
    const url = new URL(text, location.href);
    return SCHEMES.includes(url.protocol) ? url.href : undefined;
  } catch {
    return undefined;
  }
}

let lastId = 0;

/** An id for what refers to another element. */
export function freshId() {
  lastId += 1;
  return `e${lastId}`;
}

/** Puts elements into this order, and moves only those that are elsewhere: what moves loses focus. */
export function place(parent, elements) {
  let next = parent.firstChild;
  for (const wanted of elements) {
    if (wanted === next) next = next.nextSibling;
    else parent.insertBefore(wanted, next);
  }
}
