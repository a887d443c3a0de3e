// A2UI v0.8 messages from the agent: `applyMessages` and what becomes of each.
import { fromJson, isObject, Refusal, segmentsOf } from "./model.js";
import * as limits from "./limits.js";
import { Surface } from "./surface.js";

const HANDLERS = { beginRendering, surfaceUpdate, dataModelUpdate, deleteSurface };
const KINDS = Object.keys(HANDLERS);
/** Messages of A2UI v0.9, and what is said in v0.8 instead. */
const NEWER = {
  createSurface: "beginRendering shows a surface",
  updateComponents: "surfaceUpdate brings components",
  updateDataModel: "dataModelUpdate changes the data",
};

export class Messages {
  /** `act` sends a user's action; `shown` is the element that surfaces appear in. */
  constructor(shown, act) {
    Object.assign(this, { shown, act });
    this.surfaces = new Map();
    this.warnings = new Set();
    this.warn = (text) => {
      if (this.warnings.size < limits.WARNINGS) this.warnings.add(text.slice(0, limits.NAME));
    };
  }

  /** Applies messages up to the first that cannot be used; what came before it stays. */
  apply(messages) {
    this.warnings.clear();
    const changed = new Set();
    let error;
    if (!Array.isArray(messages)) error = "messages has to be a list";
    else if (messages.length > limits.MESSAGES) error = `more than ${limits.MESSAGES} messages`;
    else error = this.applyEach(messages, changed);
    for (const surface of changed) surface.refresh();
    const result = error === undefined ? { ok: true } : { ok: false, error };
    result.surfaces = this.ids();
    if (this.warnings.size > 0) result.warnings = [...this.warnings];
    return result;
  }

  applyEach(messages, changed) {
    for (let at = 0; at < messages.length; at += 1) {
      try {
        const surface = this.applyOne(messages[at]);
        if (surface) changed.add(surface);
      } catch (error) {
        return `messages[${at}]: ${error.message}`;
      }
    }
    return undefined;
  }

  applyOne(message) {
    if (!isObject(message)) throw new Refusal("not an object");
    for (const [name, instead] of Object.entries(NEWER)) {
      if (name in message) {
        throw new Refusal(`${name} is A2UI v0.9; this page knows v0.8, where ${instead}`);
      }
    }
    const kinds = KINDS.filter((kind) => kind in message);
    if (kinds.length !== 1) {
      const found = kinds.length === 0 ? "none" : "more than one";
      throw new Refusal(`${found} of ${KINDS.join(", ")}`);
    }
    const [kind] = kinds;
    const fields = message[kind];
    if (!isObject(fields)) throw new Refusal(`${kind} has to be an object`);
    try {
      return HANDLERS[kind](this, fields, surfaceId(fields));
    } catch (error) {
      throw new Refusal(`${kind}: ${error.message}`);
    }
  }

  /** The surface, which its first message makes. */
  surface(id) {
    let surface = this.surfaces.get(id);
    if (!surface) {
      if (this.surfaces.size >= limits.SURFACES) {
        throw new Refusal(`there are ${limits.SURFACES} surfaces already; delete one`);
      }
      surface = new Surface(id, this.warn, this.act);
      this.surfaces.set(id, surface);
    }
    return surface;
  }

  /** Shows surfaces again that were kept. */
  restore(surfaces) {
    for (const { id, components, model, root, styles } of surfaces) {
      const surface = this.surface(id);
      surface.addComponents(components);
      // What was put in replaces what components bring along.
      surface.model.root = fromJson(model);
      if (root !== undefined) this.begin(surface, root, styles);
      surface.refresh();
    }
  }

  begin(surface, root, styles) {
    surface.begin(root, styles);
    if (!surface.element.isConnected) this.shown.append(surface.element);
  }

  delete(id) {
    this.surfaces.get(id)?.remove();
    this.surfaces.delete(id);
  }

  ids() {
    return [...this.surfaces.keys()];
  }
}

function surfaceId({ surfaceId = "main" }) {
  const isId = typeof surfaceId === "string" && surfaceId.trim() !== "";
  if (!isId || surfaceId.length > limits.NAME) throw new Refusal("surfaceId is not usable");
  return surfaceId;
}

function beginRendering(messages, { root, styles }, id) {
  if (typeof root !== "string" || root === "") {
    throw new Refusal("root has to be the id of a component");
  }
  const surface = messages.surface(id);
  messages.begin(surface, root, styles);
  return surface;
}

function surfaceUpdate(messages, { components }, id) {
  const surface = messages.surface(id);
  surface.addComponents(components);
  return surface;
}

function dataModelUpdate(messages, { path, contents }, id) {
  const isUsable = path === undefined || path === null
    || (typeof path === "string" && path.length <= limits.NAME);
  if (!isUsable) throw new Refusal("path has to be a text");
  const surface = messages.surface(id);
  surface.model.update(segmentsOf(path ?? ""), contents);
  return surface;
}

function deleteSurface(messages, fields, id) {
  messages.delete(id);
}
