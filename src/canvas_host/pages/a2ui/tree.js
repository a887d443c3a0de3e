// What a surface shows: a tree of nodes, each a component in a data context. Nodes stay while
// messages come, so that what the user does (focus, typing, an open tab) stays, too.
import { element, place } from "./dom.js";
import * as limits from "./limits.js";
import { fromJson, isObject, literalOf, pathOf, segmentsOf, asBoolean, asNumber, asText, asTexts }
  from "./model.js";

/** A component in a data context. */
export class Node {
  constructor(surface, parent, { id, context, type }) {
    Object.assign(this, { surface, parent, id, context, type });
    this.depth = parent ? parent.depth + 1 : 0;
    this.slots = new Map();
    this.seen = new Map();
    /** What a component remembers. */
    this.state = {};
    this.kind = this.kindOf();
    surface.shown += 1;
    this.element = this.kind.create(this);
    this.element.dataset.id = String(id);
    this.outer = this.element;
  }

  /** How it is shown: as its component, or as a note why not. */
  kindOf() {
    const { surface, id, type, context } = this;
    if (surface.shown >= limits.SHOWN) {
      this.isLeftOut = true;
      surface.isFull = true;
      surface.warn(`more than ${limits.SHOWN} components: the rest is left out`);
      return note("The rest is left out");
    }
    if (type === undefined) return MISSING;
    for (let above = this.parent; above; above = above.parent) {
      const isSame = above.id === id && above.context.length === context.length;
      if (isSame && above.context.every((segment, at) => segment === context[at])) {
        surface.warn(`component "${id}" contains itself`);
        return note(`“${id}” contains itself`);
      }
    }
    if (this.depth > limits.DEPTH) {
      surface.warn(`component "${id}" is inside more than ${limits.DEPTH} others`);
      return note("Too many components inside each other");
    }
    const kind = surface.kinds.get(type);
    if (kind) return kind;
    surface.warn(`component "${id}": there is no ${type} in A2UI v0.8`);
    return note(`Unknown component: ${type}`);
  }

  /** Shows what the component and the model say now. */
  refresh() {
    const component = this.surface.components.get(this.id);
    this.props = component?.props ?? {};
    try {
      this.kind.update(this, this.props);
    } catch (error) {
      this.surface.warn(`component "${this.id}" cannot be shown: ${error.message}`);
    }
  }

  gone() {
    this.surface.shown -= 1;
    if (!this.isLeftOut) this.surface.hasRoom = true;
    for (const slot of this.slots.values()) slot.forEach((node) => node.gone());
    this.kind.gone?.(this);
  }

  /** Calls `apply` if the value is not the one of the last time. */
  on(name, value, apply) {
    if (this.seen.has(name) && Object.is(this.seen.get(name), value)) return;
    this.seen.set(name, value);
    apply(value);
  }

  warn(text) {
    this.surface.warn(`component "${this.id}": ${text}`);
  }

  // Bound values.

  /** Where a path leads from here. */
  place(path) {
    const segments = segmentsOf(path);
    const inside = [...this.context, ...segments];
    if (!path.startsWith("/")) return inside;
    // Some write the paths of a template's items with a slash in front.
    const { model } = this.surface;
    const isItems = this.context.length > 0 && model.get(segments) === undefined
      && model.get(inside) !== undefined;
    return isItems ? inside : segments;
  }

  value(bound) {
    const literal = literalOf(bound);
    const path = pathOf(bound);
    if (path === undefined) return literal;
    const at = this.place(path);
    const value = this.surface.model.get(at);
    if (value !== undefined || literal === undefined) return value;
    // The literal is the initial value of what has none.
    this.surface.write(at, literal);
    return literal;
  }

  text(bound) { return asText(this.value(bound)); }
  number(bound) { return asNumber(this.value(bound)); }
  boolean(bound) { return asBoolean(this.value(bound)); }
  texts(bound) { return asTexts(this.value(bound)); }

  /** What the user has put in; `false` if it is bound to no path. */
  write(bound, value) {
    const path = pathOf(bound);
    if (path === undefined) return false;
    this.surface.write(this.place(path), fromJson(value));
    this.surface.refreshSoon();
    return true;
  }

  // Children.

  /** Shows one child in `parent`. */
  child(slot, parent, id) {
    return this.children(slot, parent, [{ id, context: this.context, key: id }])[0];
  }

  /** Shows these components in `parent`, in this order, and returns their nodes. */
  children(slot, parent, wanted, wrap) {
    const before = this.slots.get(slot) ?? new Map();
    const now = new Map();
    let again = 0;
    for (const { id, context, key } of wanted) {
      const type = this.surface.components.get(id)?.type;
      let name = `${type} ${key}`;
      // The same one once more is a node of its own.
      if (now.has(name)) name = `${again += 1} ${name}`;
      let node = before.get(name);
      const isSame = node && node.id === id && node.type === type && !node.isLeftOut;
      if (isSame) before.delete(name);
      else {
        node = new Node(this.surface, this, { id, context, type });
        if (wrap) node.outer = wrap(node);
      }
      now.set(name, node);
      node.refresh();
      if (node.isLeftOut) break;
    }
    for (const node of before.values()) {
      node.outer.remove();
      node.gone();
    }
    this.slots.set(slot, now);
    const nodes = Array.from(now.values());
    place(parent, nodes.map((node) => node.outer));
    return nodes;
  }

  /** The children that `children: { explicitList | template }` stands for. */
  wanted(children) {
    const list = Array.isArray(children) ? children : children?.explicitList;
    if (Array.isArray(list)) return list.map((id) => ({ id, context: this.context, key: id }));
    const template = isObject(children) ? children.template : undefined;
    if (!isObject(template) || typeof template.dataBinding !== "string") return [];
    const at = this.place(template.dataBinding);
    const items = this.surface.model.get(at);
    const isMany = items instanceof Map || Array.isArray(items);
    const keys = isMany ? Array.from(items.keys(), String) : [];
    const id = template.componentId;
    const where = at.join("/");
    return keys.map((key) => ({ id, context: [...at, key], key: `${id} ${where}/${key}` }));
  }
}

/** A child that has not come yet. */
const MISSING = {
  create: () => element("div", { class: "missing", hidden: true }),
  update() {},
};

function note(text) {
  return {
    create: () => element("div", { class: "note" }, text.slice(0, 200)),
    update() {},
  };
}
