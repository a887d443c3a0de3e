// What a page on a node can tell the app around it. Loaded by the A2UI page and by the owner's
// pages: `Clawdbot.sendUserAction({ name: "refresh", context: { room: "kitchen" } })`.
// The app answers a user's action with the event `clawdbot:a2ui-action-status` on `window`.
(() => {
  "use strict";
  const HANDLER = "clawdbotCanvasA2UIAction";

  /** Gives a value to the app. False if there is no app, or if it does not take the value. */
  function postMessage(value) {
    try {
      const apple = globalThis.webkit?.messageHandlers?.[HANDLER];
      if (typeof apple?.postMessage === "function") {
        apple.postMessage(value);
        return true;
      }
      // Android's object has to be called as a method of itself, and takes text only.
      const android = globalThis[HANDLER];
      if (typeof android?.postMessage === "function") {
        android.postMessage(typeof value === "string" ? value : JSON.stringify(value));
        return true;
      }
    } catch {
      // It is gone, or the value cannot be passed on (it refers to itself, for instance).
    }
    return false;
  }

  /** `crypto.randomUUID` does not exist on pages without TLS. */
  function newId() {
    const words = crypto.getRandomValues(new Uint32Array(4));
    return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
  }

  /** Sends an action of the user to the agent. False if there is no app, or no name. */
  function sendUserAction(action) {
    if (typeof action?.name !== "string" || action.name.trim() === "") return false;
    const userAction = {
      surfaceId: "main",
      sourceComponentId: "-",
      ...action,
      id: typeof action.id === "string" && action.id !== "" ? action.id : newId(),
      timestamp: action.timestamp ?? new Date().toISOString(),
    };
    return postMessage({ userAction });
  }

  globalThis.Clawdbot = Object.assign(globalThis.Clawdbot ?? {}, { sendUserAction, postMessage });
  globalThis.clawdbotSendUserAction = sendUserAction;
  globalThis.clawdbotPostMessage = postMessage;
})();
