// The data model of a surface, and the values that components are bound to. Objects are `Map`s:
// no key has a meaning of its own there, and the order of keys stays.
import * as limits from "./limits.js";

/** Why a message cannot be used. */
export class Refusal extends Error {}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `/user/name` as `["user", "name"]`. */
export function segmentsOf(path) {
  return path.split("/").filter((segment) => segment !== "" && segment !== ".");
}

export class Model {
  constructor() {
    this.root = new Map();
    // At least as many values as there are: what is replaced counts until it is counted again.
    this.size = 0;
  }

  get(segments) {
    let value = this.root;
    for (const segment of segments) {
      if (value instanceof Map) value = value.get(segment);
      else if (Array.isArray(value) && /^\d{1,6}$/.test(segment)) value = value[segment];
      else return undefined;
    }
    return value;
  }

  /** Sets a value; makes the objects on the way. */
  set(segments, value) {
    this.reserve(sizeOf(value) + segments.length);
    setIn(this.root, segments, value);
  }

  /** `dataModelUpdate`: the whole model without a path, else the keys that are named. */
  update(segments, contents) {
    const values = fromContents(contents, { left: limits.VALUES }, 0);
    this.reserve(sizeOf(values) + segments.length);
    // A single value can be set by its own path, with the key ".".
    const itself = values.get(".");
    if (itself !== undefined) {
      if (segments.length > 0) setIn(this.root, segments, itself);
      else if (itself instanceof Map) this.root = itself;
      return;
    }
    if (segments.length === 0) {
      this.root = values;
      return;
    }
    const there = this.get(segments);
    if (there instanceof Map) values.forEach((value, key) => there.set(key, value));
    else if (Array.isArray(there)) values.forEach((value, key) => setIn(there, [key], value));
    else setIn(this.root, segments, values);
  }

  reserve(values) {
    if (this.size + values > limits.VALUES) this.size = sizeOf(this.root);
    if (this.size + values > limits.VALUES) {
      throw new Refusal(`the data model has room for ${limits.VALUES} values`);
    }
    this.size += values;
  }
}

function setIn(root, segments, value) {
  if (segments.length === 0 || segments.length > limits.VALUE_DEPTH) return;
  let here = root;
  segments.forEach((segment, at) => {
    const isLast = at === segments.length - 1;
    let next = here instanceof Map ? here.get(segment) : here[segment];
    if (isLast) next = value;
    else if (!(next instanceof Map) && !Array.isArray(next)) next = new Map();
    if (here instanceof Map) here.set(segment, next);
    // Not further than one behind the end: a list has no holes.
    else if (/^\d{1,6}$/.test(segment) && Number(segment) <= here.length) here[segment] = next;
    here = next;
  });
}

function sizeOf(value) {
  let size = 1;
  if (value instanceof Map || Array.isArray(value)) {
    value.forEach((inner) => { size += sizeOf(inner); });
  }
  return size;
}

const VALUE_KEYS = ["valueString", "valueNumber", "valueBoolean", "valueMap"];

/** `[{ key, valueString | … }]` as a `Map`. */
function fromContents(contents, budget, depth) {
  if (!Array.isArray(contents)) throw new Refusal("contents has to be a list");
  const values = new Map();
  contents.forEach((entry, at) => {
    const key = isObject(entry) ? entry.key : undefined;
    if (typeof key !== "string" || key === "" || key.length > limits.NAME) {
      throw new Refusal(`contents[${at}] has no usable key`);
    }
    const name = VALUE_KEYS.find((name) => entry[name] !== undefined && entry[name] !== null);
    if (name === undefined) {
      throw new Refusal(`contents[${at}] ("${key}") has none of ${VALUE_KEYS.join(", ")}`);
    }
    const given = entry[name];
    const isMap = name === "valueMap" && Array.isArray(given);
    spend(budget, depth);
    const value = isMap ? fromContents(given, budget, depth + 1) : fromJson(given, budget, depth);
    // A key with slashes could not be reached by any path.
    const segments = segmentsOf(key);
    if (segments.length > 1) setIn(values, segments, value);
    else values.set(segments[0] ?? key, value);
  });
  return values;
}

function spend(budget, depth) {
  budget.left -= 1;
  if (budget.left < 0) throw new Refusal(`more than ${limits.VALUES} values`);
  if (depth > limits.VALUE_DEPTH) throw new Refusal(`values deeper than ${limits.VALUE_DEPTH}`);
}

/** Any JSON as it is in the model. */
export function fromJson(value, budget = { left: limits.VALUES }, depth = 0) {
  if (typeof value !== "object" || value === null) return value;
  spend(budget, depth);
  if (Array.isArray(value)) return value.map((inner) => fromJson(inner, budget, depth + 1));
  const entries = Object.entries(value);
  return new Map(entries.map(([key, inner]) => [key, fromJson(inner, budget, depth + 1)]));
}

/** A value of the model as JSON. */
export function toJson(value) {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(toJson);
  if (!(value instanceof Map)) return value;
  const object = Object.create(null);
  value.forEach((inner, key) => { object[key] = toJson(inner); });
  return object;
}

const LITERALS = ["literalString", "literalNumber", "literalBoolean", "literalArray"];

/** The literal of a bound value; a plain value instead of an object counts as one. */
export function literalOf(bound) {
  if (!isObject(bound)) return bound ?? undefined;
  const name = LITERALS.find((name) => bound[name] !== undefined && bound[name] !== null);
  return name === undefined ? undefined : fromJson(bound[name]);
}

/** The path of a bound value. */
export function pathOf(bound) {
  const path = isObject(bound) ? bound.path : undefined;
  return typeof path === "string" && path.length <= limits.NAME ? path : undefined;
}

// Values of the wrong type are read as what was probably meant.

export function asText(value) {
  if (value === undefined || value === null) return "";
  if (Array.isArray(value) && value.every((inner) => typeof inner !== "object")) {
    return value.join(", ");
  }
  const text = typeof value === "object" ? JSON.stringify(toJson(value)) : String(value);
  return text.length > limits.TEXT ? `${text.slice(0, limits.TEXT)}…` : text;
}

export function asNumber(value) {
  const isText = typeof value === "string" && value.trim() !== "";
  const number = isText || typeof value === "number" ? Number(value) : NaN;
  return Number.isFinite(number) ? number : undefined;
}

export function asBoolean(value) {
  if (typeof value === "string") return value.trim().toLowerCase() === "true";
  return value === true || (typeof value === "number" && value !== 0);
}

export function asTexts(value) {
  if (value === undefined || value === null || value === "") return [];
  if (value instanceof Map) return Array.from(value.values(), asText);
  return Array.isArray(value) ? value.map(asText) : [asText(value)];
}

/** One of the allowed words, else the first of them. */
export function oneOf(words, value) {
  return words.includes(value) ? value : words[0];
}
