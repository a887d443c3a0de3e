// `validationRegexp`: a regular expression from outside may take for ever, so a worker runs it, and
// is stopped after a while.
import * as limits from "./limits.js";

let worker;
let isReady = false;
let running;
const waiting = [];
/** Expressions that are not tried again. */
const unusable = new Set();

/** Tells `done(isValid, why)` whether a text matches. What cannot be decided counts as valid. */
export function validate(pattern, text, done) {
  const isTooLong = pattern.length > limits.PATTERN || text.length > limits.PATTERN;
  // An empty field is not wrong yet.
  if (pattern === "" || text === "" || unusable.has(pattern) || isTooLong) {
    done(true, isTooLong ? `longer than ${limits.PATTERN} characters: not validated` : undefined);
    return;
  }
  waiting.push({ pattern, text, done });
  if (waiting.length > limits.OPTIONS) waiting.shift().done(true);
  worker ??= start();
  next();
}

function start() {
  isReady = false;
  const made = new Worker("validation-worker.js");
  made.onmessage = ({ data }) => {
    if (data === "ready") isReady = true;
    else finish(data !== false, data === "invalid" && "is not a regular expression");
    next();
  };
  return made;
}

function next() {
  if (running || !isReady || waiting.length === 0) return;
  running = waiting.shift();
  worker.postMessage([running.pattern, running.text]);
  running.timer = setTimeout(() => {
    worker.terminate();
    worker = start();
    finish(true, "takes too long");
  }, limits.PATTERN_TIME);
}

function finish(isValid, why) {
  const { timer, done, pattern } = running;
  clearTimeout(timer);
  running = undefined;
  if (why) unusable.add(pattern);
  done(isValid, why ? `validationRegexp ${why}: it is not used` : undefined);
}
