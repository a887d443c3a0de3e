// Every limit of this page. What comes from outside may be wrong or hostile, and a phone is small;
// what people can look at is far below each of these.

/** Surfaces at the same time; each has a data model of its own. */
export const SURFACES = 32;
/** Messages in one call. */
export const MESSAGES = 10_000;
/** Components that a surface may define. */
export const COMPONENTS = 5_000;
/** Components that a surface shows, copies of templates included. */
export const SHOWN = 5_000;
/** Components inside each other. */
export const DEPTH = 50;
/** Values in a surface's data model. */
export const VALUES = 50_000;
/** Values inside each other. */
export const VALUE_DEPTH = 32;
/** Characters of one text that are shown. */
export const TEXT = 100_000;
/** Characters of an id, a key or a path. */
export const NAME = 1_000;
/** Options of a choice, or tabs. */
export const OPTIONS = 500;
/** Characters of what is kept for a reload. */
export const KEPT = 1_000_000;
/** Milliseconds that a reload takes at most. */
export const KEPT_TIME = 15_000;
/** Warnings in the result of one call. */
export const WARNINGS = 20;
/** Characters of a regular expression, and of the text that it is tried on. */
export const PATTERN = 1_000;
/** Milliseconds that a regular expression may take. */
export const PATTERN_TIME = 300;
/** Milliseconds in which the app has to say whether it sent an action. */
export const SENDING_TIME = 30_000;
/** Milliseconds after which nobody is told any more that the agent works. */
export const WORKING_TIME = 120_000;
