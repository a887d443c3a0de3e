// The page that apps push A2UI messages to: they call `clawdbotA2UI.applyMessages(messages)`.
import { keep, kept } from "./keep.js";
import { Messages } from "./messages.js";
import { Actions } from "./status.js";

const [shown, empty, bar] = ["surfaces", "empty", "status"].map((id) => document.getElementById(id));
const actions = new Actions(bar);
let messages = begin();

function begin() {
  return new Messages(shown, (action, button) => actions.send(action, button));
}

/** People see what to do as long as there is nothing else. */
function showEmpty() {
  empty.hidden = shown.firstChild !== null;
}

globalThis.clawdbotA2UI = {
  applyMessages(list) {
    const result = messages.apply(list);
    actions.settled();
    showEmpty();
    return result;
  },
  reset() {
    messages.ids().forEach((id) => messages.delete(id));
    messages = begin();
    actions.reset();
    showEmpty();
    return { ok: true };
  },
  getSurfaces() {
    return messages.ids();
  },
};

window.addEventListener("pagehide", () => keep(messages.surfaces.values()));
try {
  messages.restore(kept());
} catch {
  messages = begin();
  shown.replaceChildren();
}

// On a phone nobody types commands.
const platform = new URLSearchParams(location.search).get("platform");
if (platform !== "android" && platform !== "ios") document.getElementById("command").hidden = false;
showEmpty();
