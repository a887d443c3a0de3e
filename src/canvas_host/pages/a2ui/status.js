// What becomes of the user's actions: sent by the app or not, and whether the agent still works.
import { element } from "./dom.js";
import { icon } from "./icons.js";
import * as limits from "./limits.js";

const NO_APP = "Not sent: this page is not shown by the app.";

export class Actions {
  /** `bar` is where it is shown, an element that is read out when it changes. */
  constructor(bar) {
    this.bar = bar;
    this.sending = new Map();
    window.addEventListener("clawdbot:a2ui-action-status", ({ detail }) => this.answered(detail));
    // A press may open a dialog.
    document.addEventListener("click", () => this.place());
  }

  /** Sends an action; its button is not pressed again meanwhile. */
  send(action, button) {
    if (button.getAttribute("aria-busy") === "true") return;
    const id = newId();
    const timestamp = new Date().toISOString();
    if (!globalThis.Clawdbot?.sendUserAction?.({ ...action, id, timestamp })) {
      this.show("failed", NO_APP);
      return;
    }
    button.setAttribute("aria-busy", "true");
    const late = () => this.answered({ id, ok: false, error: "the app did not answer" });
    this.sending.set(id, { button, timer: setTimeout(late, limits.SENDING_TIME) });
    this.show("sending", "Sending…");
  }

  answered(detail) {
    const sent = this.sending.get(detail?.id);
    if (!sent) return;
    this.sending.delete(detail.id);
    this.end(sent);
    if (detail.ok === true) {
      this.show("working", "Working…");
      this.timer = setTimeout(() => this.hide(), limits.WORKING_TIME);
    } else {
      const why = typeof detail.error === "string" ? detail.error.trim().slice(0, limits.NAME) : "";
      this.show("failed", `Not sent: ${why || "the app gave no reason"}.`.replace(/\.\.$/, "."));
    }
  }

  end({ button, timer }) {
    clearTimeout(timer);
    button.removeAttribute("aria-busy");
  }

  /** Messages have come: the agent has answered. */
  settled() {
    if (this.bar.dataset.state === "working") this.hide();
  }

  /** Forgets everything. */
  reset() {
    this.sending.forEach((sent) => this.end(sent));
    this.sending.clear();
    this.hide();
  }

  show(state, text) {
    clearTimeout(this.timer);
    this.place();
    this.bar.dataset.state = state;
    const parts = [element("span", { class: "status-text" }, text)];
    if (state === "failed") {
      const close = element("button", { type: "button", class: "close", "aria-label": "Dismiss" },
        icon("close"));
      close.addEventListener("click", () => this.hide());
      parts.unshift(icon("error"));
      parts.push(close);
    } else parts.unshift(element("span", { class: "busy" }));
    this.bar.replaceChildren(...parts);
  }

  /** What lies behind an open dialog is neither seen nor read out. */
  place() {
    const dialog = Array.from(document.querySelectorAll("dialog[open]")).pop();
    const parent = dialog ?? document.body;
    if (this.bar.parentNode === parent) return;
    parent.append(this.bar);
    dialog?.addEventListener("close", () => document.body.append(this.bar), { once: true });
  }

  hide() {
    clearTimeout(this.timer);
    delete this.bar.dataset.state;
    this.bar.replaceChildren();
  }
}

/** `crypto.randomUUID` does not exist on pages without TLS. */
function newId() {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(words, (word) => word.toString(16).padStart(8, "0")).join("");
}
