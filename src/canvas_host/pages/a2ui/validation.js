// `validationRegexp`: a regular expression from outside may take for ever, so a worker runs it, and
// is stopped after a while.
import * as limits from "./limits.js";

let worker;
let isReady = false;
let running;
const waiting = [];
/** Expressions that are not tried again. */
const tooSlow = new Set();

/** Tells `done(isValid, why)` whether a text matches. What cannot be decided counts as valid. */
export function validate(pattern, text, done) {
  const isTooLong = pattern.length > limits.PATTERN || text.length > limits.PATTERN;
  // An empty field is not wrong yet.
  if (pattern === "" || text === "" || tooSlow.has(pattern) || isTooLong) {
    done(true, isTooLong ? `longer than ${limits.PATTERN} characters: not validated` : undefined);
    return;
  }
  if (!isExpression(pattern)) {
    done(true, "validationRegexp is not a regular expression: it is not used");
    return;
  }
  waiting.push({ pattern, text, done });
  if (waiting.length > limits.OPTIONS) waiting.shift().done(true);
  worker ??= start();
  next();
}

/** Making one takes no time; trying it may. */
function isExpression(pattern) {
  try {
    return new RegExp(pattern) !== undefined;
  } catch {
    return false;
  }
}

function start() {
  isReady = false;
  const made = new Worker("validation-worker.js");
  made.onmessage = ({ data }) => {
    if (made !== worker) return;
    if (data === "ready") isReady = true;
    else finish(data);
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
    if (tooSlow.size >= limits.OPTIONS) tooSlow.clear();
    tooSlow.add(running.pattern);
    finish(true, "validationRegexp takes too long: it is not used");
  }, limits.PATTERN_TIME);
}

function finish(isValid, why) {
  const { timer, done } = running;
  clearTimeout(timer);
  running = undefined;
  done(isValid, why);
}
