// Every component of A2UI v0.8 by its name. A kind has `create(node)`, which makes the element, and
// `update(node, props)`, which shows what properties and data model say now, as often as they change.
import * as basic from "./basic.js";
import * as inputs from "./inputs.js";
import * as layout from "./layout.js";

export const KINDS = new Map(Object.entries({ ...basic, ...layout, ...inputs }));
