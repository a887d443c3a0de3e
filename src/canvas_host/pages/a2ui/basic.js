// Components that show something: Text, Image, Icon, Video, AudioPlayer, Divider.
import { element, safeUrl } from "./dom.js";
import { icon, isIcon } from "./icons.js";
import { inline, markdown } from "./markdown.js";
import { oneOf } from "./model.js";

/** What may be broken anywhere to save room: an address rather than a word. */
const LONG_WORD = /\S{17}/;
const HINTS = ["body", "h1", "h2", "h3", "h4", "h5", "caption"];

export const Text = {
  create: () => element("div", { dir: "auto" }),
  update(node, props) {
    const hint = oneOf(HINTS, props.usageHint);
    const shown = node.element;
    node.on("hint", hint, () => {
      shown.className = `text ${hint}`;
      if (hint[0] === "h") {
        shown.setAttribute("role", "heading");
        shown.setAttribute("aria-level", hint[1]);
      } else {
        shown.removeAttribute("role");
        shown.removeAttribute("aria-level");
      }
    });
    const text = node.text(props.text);
    node.on("text", `${hint} ${text}`, () => {
      shown.classList.toggle("long-words", LONG_WORD.test(text));
      shown.replaceChildren(hint === "body" ? markdown(text) : oneLine(text));
    });
  },
};

/** A heading is one already, whatever marks it. */
function oneLine(text) {
  return inline(text.replace(/^\s{0,3}#{1,6}\s+/, "").replace(/\s*[\r\n]+\s*/g, " ").trim());
}

const FITS = ["contain", "cover", "fill", "none", "scale-down"];
const SIZES = ["", "icon", "avatar", "smallFeature", "mediumFeature", "largeFeature", "header"];

export const Image = {
  create: () => element("div"),
  update(node, props) {
    const [size, fit] = [oneOf(SIZES, props.usageHint), props.fit];
    node.on("class", `image ${size} ${FITS.includes(fit) ? `fit-${fit}` : ""}`, (name) => {
      node.element.className = name;
    });
    node.on("url", node.text(props.url), (url) => {
      const picture = () => element("img", { alt: "", decoding: "async" });
      load(node, url, picture, "photo", "picture");
    });
  },
};

export const Video = {
  create: () => element("div", { class: "video" }),
  update(node, props) {
    node.on("url", node.text(props.url), (url) => {
      const video = () => element("video", { controls: true, playsinline: true, preload: "metadata" });
      load(node, url, video, "error", "video");
    });
  },
};

export const AudioPlayer = {
  create(node) {
    node.state.description = element("div", { class: "text caption" });
    node.state.player = element("div");
    return element("div", { class: "audio" }, node.state.description, node.state.player);
  },
  update(node, props) {
    const { description, player } = node.state;
    const text = node.text(props.description);
    node.on("description", text, () => {
      description.textContent = text;
      description.hidden = text === "";
    });
    node.on("url", node.text(props.url), (url) => {
      const audio = () => element("audio", { controls: true, preload: "metadata" });
      load(node, url, audio, "error", "recording", player);
    });
    player.firstChild?.setAttribute("aria-label", text || "Recording");
  },
};

/** Shows what is at a URL, or why it is not shown. */
function load(node, url, make, symbol, what, target = node.element) {
  const failed = (why) => target.replaceChildren(element("div", { class: "note" }, icon(symbol), why));
  target.replaceChildren();
  // It may come with the data.
  if (url.trim() === "") return;
  const safe = safeUrl(url);
  if (safe === undefined) {
    node.warn(`only http, https, data and blob URLs are loaded, not ${url.slice(0, 60)}`);
    failed(`This ${what} is at an address that is not allowed`);
    return;
  }
  const made = make();
  made.addEventListener("error", () => {
    if (made.parentNode === target) failed(`This ${what} cannot be loaded`);
  });
  made.src = safe;
  target.append(made);
}

export const Icon = {
  create: () => element("span", { class: "icon" }),
  update(node, props) {
    const name = node.text(props.name);
    node.on("name", name, () => {
      if (name !== "" && !isIcon(name)) node.warn(`there is no icon ${name.slice(0, 60)}`);
      node.element.replaceChildren(icon(name));
    });
  },
};

export const Divider = {
  create: () => element("div", { role: "separator" }),
  update(node, props) {
    const axis = oneOf(["horizontal", "vertical"], props.axis);
    node.on("axis", axis, () => {
      node.element.className = `divider ${axis}`;
      node.element.setAttribute("aria-orientation", axis);
    });
  },
};
