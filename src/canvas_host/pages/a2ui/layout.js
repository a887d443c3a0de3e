// Components that arrange others: Row, Column, List, Card, Tabs, Modal.
import { element, freshId, setText } from "./dom.js";
import { icon } from "./icons.js";
import * as limits from "./limits.js";
import { isObject, oneOf } from "./model.js";

const DISTRIBUTIONS = ["start", "center", "end", "spaceBetween", "spaceAround", "spaceEvenly"];
const ALIGNMENTS = ["stretch", "start", "center", "end"];

export const Row = {
  create: () => element("div"),
  update(node, props) {
    showBox(node, props);
    const distribution = oneOf(DISTRIBUTIONS, props.distribution);
    const alignment = ALIGNMENTS.includes(props.alignment) ? props.alignment : "auto";
    node.on("class", `row main-${distribution} cross-${alignment}`, (name) => {
      node.element.className = name;
    });
  },
};

export const Column = {
  create: () => element("div"),
  update(node, props) {
    showBox(node, props);
    const distribution = oneOf(DISTRIBUTIONS, props.distribution);
    const alignment = oneOf(ALIGNMENTS, props.alignment);
    node.on("class", `column main-${distribution} cross-${alignment}`, (name) => {
      node.element.className = name;
    });
  },
};

/** Children with their weights. */
function showBox(node, props) {
  const nodes = node.children("children", node.element, node.wanted(props.children));
  for (const child of nodes) {
    child.on("weight", node.surface.components.get(child.id)?.weight, (weight) => {
      child.outer.style.flex = weight === undefined ? "" : `${weight} 1 0`;
      child.outer.toggleAttribute("data-weight", weight !== undefined);
    });
  }
}

export const List = {
  create: () => element("div", { role: "list" }),
  update(node, props) {
    const direction = oneOf(["vertical", "horizontal"], props.direction);
    const alignment = oneOf(ALIGNMENTS, props.alignment);
    node.on("class", `list ${direction} cross-${alignment}`, (name) => {
      node.element.className = name;
    });
    // What scrolls has to be reachable by keyboard.
    node.on("direction", direction, () => {
      if (direction === "horizontal") node.element.tabIndex = 0;
      else node.element.removeAttribute("tabindex");
    });
    const item = (child) => element("div", { role: "listitem", class: "item" }, child.element);
    node.children("children", node.element, node.wanted(props.children), item);
  },
};

export const Card = {
  create: () => element("div", { class: "card" }),
  update(node, props) {
    node.child("child", node.element, props.child);
  },
};

export const Tabs = {
  create(node) {
    const bar = element("div", { role: "tablist", class: "tab-bar" });
    const panels = element("div");
    Object.assign(node.state, { bar, panels, tabs: [], chosen: 0 });
    bar.addEventListener("keydown", (event) => moveTab(node, event));
    return element("div", { class: "tabs" }, bar, panels);
  },
  update(node, props) {
    const { state } = node;
    const items = Array.isArray(props.tabItems) ? props.tabItems.filter(isObject) : [];
    while (state.tabs.length > items.length) dropTab(node);
    items.slice(0, limits.OPTIONS).forEach((item, at) => {
      state.tabs[at] ??= makeTab(node, at);
      setText(state.tabs[at].tab, node.text(item.title));
    });
    if (state.chosen >= items.length) state.chosen = 0;
    state.tabs.forEach(({ tab, panel }, at) => {
      const isChosen = at === state.chosen;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      panel.hidden = !isChosen;
      // What is in a tab is made when it is opened for the first time.
      if (isChosen || node.slots.has(`tab ${at}`)) {
        node.child(`tab ${at}`, panel, items[at].child);
      }
    });
  },
};

function makeTab(node, at) {
  const [tabId, panelId] = [freshId(), freshId()];
  const tab = element("button", { type: "button", role: "tab", id: tabId, "aria-controls": panelId });
  const panel = element("div", { role: "tabpanel", id: panelId, "aria-labelledby": tabId });
  tab.addEventListener("click", () => chooseTab(node, at));
  node.state.bar.append(tab);
  node.state.panels.append(panel);
  return { tab, panel };
}

function dropTab(node) {
  const { tabs } = node.state;
  const { tab, panel } = tabs.pop();
  node.children(`tab ${tabs.length}`, panel, []);
  node.slots.delete(`tab ${tabs.length}`);
  tab.remove();
  panel.remove();
}

function chooseTab(node, at) {
  node.state.chosen = at;
  node.refresh();
  node.state.tabs[at]?.tab.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function moveTab(node, event) {
  const { tabs, chosen } = node.state;
  const last = tabs.length - 1;
  const to = {
    ArrowRight: chosen === last ? 0 : chosen + 1,
    ArrowLeft: chosen === 0 ? last : chosen - 1,
    Home: 0,
    End: last,
  }[event.key];
  if (to === undefined || last < 0) return;
  event.preventDefault();
  chooseTab(node, to);
  tabs[to].tab.focus();
}

const INTERACTIVE = "button, input, textarea, select, video, audio, [tabindex]";

export const Modal = {
  create(node) {
    const entry = element("div", { class: "modal-entry" });
    const close = element("button", { type: "button", class: "close", "aria-label": "Close" },
      icon("close"));
    const content = element("div", { class: "modal-content" });
    const dialog = element("dialog", { "aria-label": "Dialog" }, close, content);
    Object.assign(node.state, { entry, content, dialog });
    const open = () => openModal(node);
    entry.addEventListener("click", open);
    entry.addEventListener("keydown", (event) => {
      if (event.target === entry && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        open();
      }
    });
    close.addEventListener("click", () => dialog.close());
    // A tap beside the dialog is one on its backdrop.
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    return element("div", { class: "modal" }, entry, dialog);
  },
  update(node, props) {
    const { entry, content, dialog } = node.state;
    node.child("entry", entry, props.entryPointChild);
    const isButton = entry.querySelector(INTERACTIVE) !== null;
    node.on("button", isButton, () => {
      if (isButton) ["role", "tabindex"].forEach((name) => entry.removeAttribute(name));
      else entry.setAttribute("role", "button");
      if (!isButton) entry.tabIndex = 0;
    });
    if (dialog.open || node.slots.has("content")) {
      node.child("content", content, props.contentChild);
    }
  },
};

function openModal(node) {
  const { dialog, content } = node.state;
  if (dialog.open) return;
  node.child("content", content, node.props.contentChild);
  const heading = content.querySelector("[role=heading], h1, h2, h3");
  dialog.setAttribute("aria-label", heading?.textContent || "Dialog");
  dialog.showModal();
  // What the content sets at its beginning may be shown elsewhere, too.
  node.surface.refreshSoon();
}
