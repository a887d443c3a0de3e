// A surface: its components, its data model, and what it shows of them.
import { element, place } from "./dom.js";
import { KINDS } from "./components.js";
import * as limits from "./limits.js";
import { Model, Refusal, isObject, literalOf, pathOf, segmentsOf } from "./model.js";
import { applyStyles } from "./styles.js";
import { Node } from "./tree.js";

export class Surface {
  /** `warn` takes what its author should know; `send` sends an action. */
  constructor(id, warn, send) {
    Object.assign(this, { id, send });
    this.kinds = KINDS;
    this.components = new Map();
    this.model = new Model();
    this.root = undefined;
    this.styles = {};
    this.shown = 0;
    this.actions = 0;
    this.warn = (text) => warn(`surface "${id}": ${text}`);
    this.element = element("section", { class: "surface", "data-surface": id });
  }

  // Messages.

  addComponents(entries) {
    const added = readComponents(entries);
    const count = [...added.keys()].filter((id) => !this.components.has(id)).length;
    if (this.components.size + count > limits.COMPONENTS) {
      throw new Refusal(`a surface has ${limits.COMPONENTS} components at most`);
    }
    for (const [id, component] of added) {
      const isNew = this.components.get(id)?.source !== component.source;
      this.components.set(id, component);
      if (isNew) this.initialise(component.props);
    }
  }

  /** A literal beside a path sets the value there when the component comes. */
  initialise(props) {
    for (const bound of Object.values(props)) {
      const [path, literal] = [pathOf(bound), literalOf(bound)];
      if (path?.startsWith("/") && literal !== undefined) this.write(segmentsOf(path), literal);
    }
  }

  begin(root, styles) {
    this.root = root;
    this.styles = isObject(styles) ? styles : {};
  }

  /** Sets a value that a component brings along or the user puts in. */
  write(segments, value) {
    try {
      this.model.set(segments, value);
      this.isStale = true;
    } catch (error) {
      this.warn(error.message);
    }
  }

  /** The user has pressed a button. */
  act(action, button) {
    this.actions += 1;
    this.send({ ...action, surfaceId: this.id }, button);
  }

  // What is shown.

  refreshSoon() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      this.refresh();
    });
  }

  refresh() {
    if (this.root === undefined) return;
    const focus = keepFocus(this.element);
    applyStyles(this.element, this.styles, this.warn);
    for (let round = 0; round < 3; round += 1) {
      this.isStale = this.isFull = this.hasRoom = false;
      this.refreshRoot();
      // Initial values that are set on the way change what was shown before them, and what goes
      // makes room for what was left out.
      if (!this.isStale && !(this.isFull && this.hasRoom)) break;
    }
    focus();
  }

  refreshRoot() {
    const type = this.components.get(this.root)?.type;
    if (this.top && (this.top.id !== this.root || this.top.type !== type)) {
      this.top.outer.remove();
      this.top.gone();
      this.top = undefined;
    }
    this.top ??= new Node(this, undefined, { id: this.root, context: [], type });
    this.top.refresh();
    place(this.element, [this.top.outer]);
  }

  remove() {
    this.top?.gone();
    this.element.remove();
  }
}

/** The components of a `surfaceUpdate` by id. */
function readComponents(entries) {
  if (!Array.isArray(entries)) throw new Refusal("components has to be a list");
  const added = new Map();
  entries.forEach((entry, at) => {
    const id = isObject(entry) ? entry.id : undefined;
    if (typeof id !== "string" || id === "" || id.length > limits.NAME) {
      throw new Refusal(`components[${at}] has no usable id`);
    }
    const types = isObject(entry.component) ? Object.keys(entry.component) : [];
    if (types.length !== 1) {
      throw new Refusal(`components[${at}] ("${id}"): component has to be an object with one key, \
the type, not ${types.length}`);
    }
    const props = entry.component[types[0]];
    const weight = typeof entry.weight === "number" && entry.weight > 0 ? entry.weight : undefined;
    added.set(id, {
      type: types[0],
      props: isObject(props) ? props : {},
      weight,
      source: JSON.stringify(entry),
    });
  });
  return added;
}

/** What has the focus may be moved; gives it back, with the caret. */
function keepFocus(inside) {
  const active = document.activeElement;
  if (!active || !inside.contains(active)) return () => {};
  const caret = caretOf(active);
  return () => {
    if (document.activeElement === active || !active.isConnected) return;
    active.focus({ preventScroll: true });
    if (caret) active.setSelectionRange(...caret);
  };
}

/** Inputs of numbers and dates have no caret. */
function caretOf(field) {
  const start = field.selectionStart;
  return typeof start === "number" ? [start, field.selectionEnd, field.selectionDirection] : null;
}
