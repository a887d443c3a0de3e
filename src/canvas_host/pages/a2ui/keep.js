// A reload keeps what is shown. Android opens the page anew whenever it connects, and a short loss of
// the network shall not take away what the agent has put there. Only a reload does: who comes back
// later, or from another page, gets an empty one. Passwords are not kept.
import * as limits from "./limits.js";
import { Model, fromJson, pathOf, toJson } from "./model.js";

const KEY = "clawdbot-a2ui";

/** Keeps the surfaces for the page that comes next. */
export function keep(surfaces) {
  try {
    sessionStorage.removeItem(KEY);
    const kept = { at: Date.now(), url: location.href, surfaces: Array.from(surfaces, saved) };
    const text = JSON.stringify(kept);
    if (kept.surfaces.length > 0 && text.length <= limits.KEPT) sessionStorage.setItem(KEY, text);
  } catch {
    // Not every app lets pages store something.
  }
}

/** What the page before this one has kept. */
export function kept() {
  try {
    const { at, url, surfaces } = JSON.parse(sessionStorage.getItem(KEY));
    sessionStorage.removeItem(KEY);
    const isReload = url === location.href && Math.abs(Date.now() - at) <= limits.KEPT_TIME;
    return isReload ? surfaces : [];
  } catch {
    return [];
  }
}

function saved(surface) {
  const model = new Model();
  model.root = fromJson(toJson(surface.model.root));
  if (surface.top) secrets(surface.top).forEach((path) => model.set(path, ""));
  return {
    id: surface.id,
    components: Array.from(surface.components.values(), ({ source }) => JSON.parse(source)),
    model: toJson(model.root),
    root: surface.root,
    styles: surface.styles,
  };
}

/** Where the values of obscured fields are. */
function secrets(node) {
  const { textFieldType, text } = node.props ?? {};
  const path = textFieldType === "obscured" ? pathOf(text) : undefined;
  const below = Array.from(node.slots.values(), (slot) => [...slot.values()]).flat();
  return [...(path === undefined ? [] : [node.place(path)]), ...below.flatMap(secrets)];
}
