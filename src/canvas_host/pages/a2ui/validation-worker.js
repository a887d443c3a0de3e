// Tries a regular expression on a whole text, beside the page; see validation.js.
"use strict";

onmessage = ({ data: [pattern, text] }) => {
  try {
    postMessage(new RegExp(`^(?:${pattern})$`, "u").test(text));
  } catch {
    postMessage(isValidWithout(pattern, text));
  }
};

/** Some expressions are valid without the flag `u` only. */
function isValidWithout(pattern, text) {
  try {
    return new RegExp(`^(?:${pattern})$`).test(text);
  } catch {
    return "invalid";
  }
}

postMessage("ready");
