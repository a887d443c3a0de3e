// Components that the user changes or presses: Button, CheckBox, TextField, DateTimeInput,
// MultipleChoice, Slider.
import { dateTime } from "./datetime.js";
import { element, freshId, setText } from "./dom.js";
import * as limits from "./limits.js";
import { isObject, literalOf, oneOf, toJson, asText } from "./model.js";
import { validate } from "./validation.js";

export const Button = {
  create(node) {
    const button = element("button", { type: "button" });
    button.addEventListener("click", () => press(node));
    return button;
  },
  update(node, props) {
    node.on("class", `button${props.primary === true ? " primary" : ""}`, (name) => {
      node.element.className = name;
    });
    node.child("child", node.element, props.child);
    node.on("label", node.element.textContent.trim() === "" ? spoken(node) : "", (words) => {
      if (words === "") node.element.removeAttribute("aria-label");
      else node.element.setAttribute("aria-label", words);
    });
  },
};

/** What a button without words is called: `arrow back`, by its icon, or as its action. */
function spoken({ element: button, props }) {
  const name = button.querySelector("svg")?.dataset.icon ?? asText(props.action?.name);
  return name.replace(/(?=[A-Z])/g, " ").toLowerCase();
}

function press(node) {
  const action = node.props.action;
  const name = isObject(action) && typeof action.name === "string" ? action.name.trim() : "";
  if (name === "") return;
  node.surface.act({
    name,
    sourceComponentId: node.id,
    context: contextOf(node, action.context),
  }, node.element);
}

/** What the bindings say at this moment. */
function contextOf(node, context) {
  const entries = Array.isArray(context) ? context.filter(isObject) : [];
  const values = Object.create(null);
  for (const { key, value } of entries) {
    if (typeof key === "string") values[key] = toJson(node.value(value));
  }
  return values;
}

export const CheckBox = {
  create(node) {
    const box = element("input", { type: "checkbox" });
    const label = element("span");
    Object.assign(node.state, { box, label });
    box.addEventListener("change", () => node.write(node.props.value, box.checked));
    return element("label", { class: "check", dir: "auto" }, box, label);
  },
  update(node, props) {
    const { box, label } = node.state;
    setText(label, node.text(props.label));
    follow(node, props.value, node.boolean(props.value), (value) => { box.checked = value; });
  },
};

/**
 * Sets an input to the value that it is bound to. Without a path nothing follows the user, so that
 * only a new definition sets it.
 */
function follow(node, bound, value, set) {
  if (typeof bound?.path === "string") set(value);
  else node.on("literal", JSON.stringify(bound) ?? "", () => set(value));
}

/** The input is another one: sets and validates it once more. */
function again(node) {
  ["literal", "valid"].forEach((name) => node.seen.delete(name));
}

const FIELDS = ["shortText", "longText", "number", "date", "obscured"];
const INPUT_TYPES = { shortText: "text", number: "number", date: "date", obscured: "password" };

export const TextField = {
  create(node) {
    const label = element("label", { dir: "auto" });
    const problem = element("div", { class: "problem", role: "alert", id: freshId() });
    Object.assign(node.state, { label, problem });
    return element("div", { class: "field" }, label, problem);
  },
  update(node, props) {
    const { label, problem } = node.state;
    node.on("type", oneOf(FIELDS, props.textFieldType), (type) => makeField(node, type));
    const { field } = node.state;
    const text = node.text(props.label);
    setText(label, text);
    label.hidden = text === "";
    const isDate = field.type === "date";
    follow(node, props.text, node.text(props.text), (given) => {
      setField(node, isDate ? dateTime(true).input(given) : given);
    });
    const pattern = typeof props.validationRegexp === "string" ? props.validationRegexp : "";
    node.on("valid", JSON.stringify([pattern, field.value]), () => {
      const tried = field.value;
      validate(pattern, tried, (isValid, why) => {
        if (why !== undefined) node.warn(why);
        // The answer may come when there is another text.
        if (field !== node.state.field || field.value !== tried) return;
        field.setAttribute("aria-invalid", String(!isValid));
        problem.textContent = isValid ? "" : "This does not have the expected form.";
      });
    });
  },
};

function makeField(node, type) {
  const { label, problem, field: before } = node.state;
  again(node);
  const field = type === "longText" ? element("textarea", { rows: 3 })
    : element("input", { type: INPUT_TYPES[type], step: type === "number" && "any" });
  // Names and notes are written in the direction of their language.
  field.dir = "auto";
  field.id = freshId();
  field.setAttribute("aria-describedby", problem.id);
  if (type === "obscured") field.autocomplete = "off";
  label.htmlFor = field.id;
  node.state.field = field;
  field.addEventListener("input", () => {
    node.state.edited = node.surface.actions;
    writeField(node);
  });
  field.addEventListener("blur", () => { node.state.edited = undefined; });
  if (before) before.replaceWith(field);
  else label.after(field);
}

/** A number that was one stays one. */
function writeField(node) {
  const { text } = node.props;
  const { value } = node.state.field;
  const isNumber = typeof node.value(text) === "number" && value.trim() !== ""
    && Number.isFinite(Number(value));
  if (!node.write(text, isNumber ? Number(value) : value)) node.refresh();
}

function setField(node, text) {
  const { field, edited } = node.state;
  if (field.value === text || isSameNumber(field, text)) return;
  // Nobody is interrupted while typing: what was typed since the last action stays.
  if (document.activeElement === field && edited === node.surface.actions) {
    writeField(node);
    return;
  }
  const caret = typeof field.selectionStart === "number" ? field.selectionStart : undefined;
  field.value = text;
  if (caret !== undefined && document.activeElement === field) {
    field.setSelectionRange(caret, caret);
  }
}

/** "1." on its way to "1.5" is 1 already. */
function isSameNumber(field, text) {
  return field.type === "number" && field.value !== "" && Number(field.value) === Number(text);
}

export const DateTimeInput = {
  create(node) {
    node.state.field = element("input");
    node.state.field.addEventListener("input", () => {
      const { field, format } = node.state;
      node.state.written = { text: format.output(field.value), value: field.value };
      node.write(node.props.value, node.state.written.text);
    });
    return element("div", { class: "field" }, node.state.field);
  },
  update(node, props) {
    const { state } = node;
    const { field } = state;
    const format = dateTime(props.enableDate, props.enableTime, props.outputFormat);
    state.format = format;
    node.on("type", format.type, () => {
      again(node);
      field.type = format.type;
      field.setAttribute("aria-label", format.label);
    });
    follow(node, props.value, node.text(props.value), (text) => {
      const own = state.written?.text === text ? state.written.value : undefined;
      const value = own ?? format.input(text);
      if (field.value !== value) field.value = value;
    });
  },
};

export const MultipleChoice = {
  create(node) {
    Object.assign(node.state, { name: freshId(), options: new Map() });
    return element("div", { class: "choices" });
  },
  update(node, props) {
    const { options } = node.state;
    const given = Array.isArray(props.options) ? props.options.filter(isObject) : [];
    const most = Number.isInteger(props.maxAllowedSelections) && props.maxAllowedSelections > 0
      ? props.maxAllowedSelections : Infinity;
    const type = most === 1 ? "radio" : "checkbox";
    node.element.setAttribute("role", type === "radio" ? "radiogroup" : "group");
    const values = given.slice(0, limits.OPTIONS).map(({ value }) => asText(value));
    node.on("options", JSON.stringify([type, values]), () => makeOptions(node, type, values));
    values.forEach((value, at) => {
      setText(options.get(value).label, node.text(given[at].label) || value);
    });
    follow(node, props.selections, node.texts(props.selections), (selected) => {
      options.forEach(({ box }, value) => { box.checked = selected.includes(value); });
    });
    limit(node, most);
  },
};

function makeOptions(node, type, values) {
  const { options, name } = node.state;
  again(node);
  options.clear();
  node.element.replaceChildren();
  for (const value of new Set(values)) {
    const box = element("input", { type, name });
    const label = element("span");
    box.addEventListener("change", () => choose(node));
    options.set(value, { box, label });
    node.element.append(element("label", { class: "check", dir: "auto" }, box, label));
  }
}

function choose(node) {
  const chosen = [...node.state.options].filter(([, { box }]) => box.checked);
  const values = chosen.map(([value]) => value);
  if (!node.write(node.props.selections, values)) node.refresh();
}

/** Nothing more can be chosen once there are as many as allowed. */
function limit(node, most) {
  const boxes = Array.from(node.state.options.values(), ({ box }) => box);
  const isFull = most > 1 && boxes.filter((box) => box.checked).length >= most;
  boxes.forEach((box) => { box.disabled = isFull && !box.checked; });
}

export const Slider = {
  create(node) {
    const range = element("input", { type: "range", "aria-label": "Value" });
    const shown = element("output", { for: (range.id = freshId()) });
    Object.assign(node.state, { range, shown });
    range.addEventListener("input", () => {
      shown.textContent = range.value;
      node.write(node.props.value, Number(range.value));
    });
    return element("div", { class: "slider" }, range, shown);
  },
  update(node, props) {
    const { range, shown } = node.state;
    const min = Number.isFinite(props.minValue) ? props.minValue : 0;
    const max = Number.isFinite(props.maxValue) ? props.maxValue : Math.max(100, min + 100);
    const [low, high] = min <= max ? [min, max] : [max, min];
    node.on("range", `${low} ${high}`, () => {
      again(node);
      Object.assign(range, { min: low, max: high, step: stepOf(low, high, literalOf(props.value)) });
    });
    const value = node.number(props.value) ?? low;
    follow(node, props.value, value, () => {
      if (Number(range.value) !== value) range.value = value;
      shown.textContent = range.value;
    });
  },
};

/** Whole numbers, unless the range is too small for them; then some hundred steps. */
function stepOf(low, high, literal) {
  const isWhole = [low, high, literal ?? 0].every((value) => Number.isInteger(Number(value)));
  if (isWhole && high - low > 1) return 1;
  return high > low ? 10 ** Math.floor(Math.log10((high - low) / 100)) : "any";
}
