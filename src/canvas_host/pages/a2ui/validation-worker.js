// Tries a regular expression on a whole text, beside the page; see validation.js.
"use strict";

onmessage = ({ data: [pattern, text] }) => postMessage(expression(pattern).test(text));

function expression(pattern) {
  const whole = `^(?:${pattern})$`;
  try {
    return new RegExp(whole, "u");
  } catch {
    // Some are valid without that flag only.
    return new RegExp(whole);
  }
}

postMessage("ready");
