// Random messages: what is shown after each has to be what a new surface shows that is given the
// same components and the same data at once. Returns what differs first.
async (seed, rounds) => {
  const { Messages } = await import("/__clawdbot__/a2ui/messages.js");
  let state = seed;
  const random = (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  const pick = (list) => list[random(list.length)];
  const some = (make, most) => Array.from({ length: random(most + 1) }, make);
  const id = () => `c${random(12)}`;
  const path = () => pick(["/a", "/b", "a", "n", ".", "/l", "l", "/l/x/n", "/l/y", "/", "./n"]);
  const word = () => pick(["", "x", "**b** c", "2026-01-17", "3", "home", "- a\n- b", "true", "1:30"]);
  const value = () => pick([
    { literalString: word() }, { path: path() }, { literalNumber: random(9) }, { path: path() },
    { literalBoolean: random(2) === 1 }, word(), null, { literalArray: some(word, 3) },
  ]);
  const children = () => pick([
    { explicitList: some(id, 4) }, { explicitList: some(id, 4) },
    { template: { componentId: id(), dataBinding: path() } },
  ]);
  const common = ["text", "label", "value", "name", "description", "selections"];
  const props = () => {
    const made = Object.fromEntries(common.map((name) => [name, value()]));
    return Object.assign(made, {
      child: id(), children: children(), entryPointChild: id(), contentChild: id(),
      tabItems: some(() => ({ title: value(), child: id() }), 3),
      options: some(() => ({ label: value(), value: word() }), 3),
      usageHint: pick(["h1", "h2", "body", "caption", "avatar", 5]),
      distribution: pick(["start", "end", "spaceBetween", "x"]),
      alignment: pick(["start", "end", "center", undefined]),
      direction: pick(["horizontal", "vertical"]), axis: pick(["vertical", "horizontal"]),
      textFieldType: pick(["shortText", "longText", "number", "date", "obscured", "x"]),
      enableDate: random(2) === 1, enableTime: random(2) === 1, primary: random(2) === 1,
      minValue: random(5), maxValue: random(20), maxAllowedSelections: random(4),
      action: pick([{ name: "x" }, null]), fit: pick(["cover", "none", 3]),
    });
  };
  const kinds = ["Text", "Icon", "AudioPlayer", "Row", "Column", "List", "Card", "Tabs", "Divider",
    "Modal", "Button", "CheckBox", "TextField", "DateTimeInput", "MultipleChoice", "Slider",
    "Image", "Video", "Column", "List", "Row", "Chart"];
  const component = () => ({ id: id(), weight: random(4), component: { [pick(kinds)]: props() } });
  const entry = (depth) => ({
    key: pick(["a", "b", "n", "l", "x", "y", "0"]),
    ...pick([{ valueString: word() }, { valueNumber: random(9) }, { valueBoolean: random(2) === 1 },
      depth < 3 ? { valueMap: some(() => entry(depth + 1), 3) } : { valueString: word() }]),
  });
  const message = () => pick([
    () => ({ surfaceUpdate: { components: some(component, 4) } }),
    () => ({ surfaceUpdate: { components: some(component, 4) } }),
    () => ({ dataModelUpdate: { path: pick(["", path()]), contents: some(() => entry(0), 3) } }),
    () => ({ beginRendering: { root: `c${random(3)}` } }),
  ])();

  const contents = (map) => Array.from(map, ([key, inner]) => {
    if (inner instanceof Map) return { key, valueMap: contents(inner) };
    const type = { string: "valueString", number: "valueNumber", boolean: "valueBoolean" };
    return { key, [type[typeof inner]]: inner };
  });
  /** What is shown, without the ids that are counted. */
  const look = (node) => {
    if (node.nodeType === Node.TEXT_NODE) return JSON.stringify(node.data);
    const attributes = Array.from(node.attributes ?? [], ({ name, value }) =>
      `${name}=${/^e\d+$/.test(value) ? "e" : value}`).filter((text) => text !== "style=").sort();
    const held = ["value", "checked", "disabled", "min", "step"].map((name) => node[name]).join();
    const inside = Array.from(node.childNodes, look).join(" ");
    return `<${node.localName} ${attributes.join(" ")} ${held}>${inside}</>\n`;
  };
  const fresh = (surface) => {
    const shown = document.createElement("div");
    const messages = new Messages(shown, () => {});
    const components = Array.from(surface.components.values(), ({ source }) => JSON.parse(source));
    messages.apply([
      { surfaceUpdate: { components } },
      { dataModelUpdate: { contents: contents(surface.model.root) } },
      { beginRendering: { root: surface.root } },
    ]);
    return shown;
  };
  for (let round = 0; round < rounds; round += 1) {
    const shown = document.createElement("div");
    document.body.append(shown);
    const messages = new Messages(shown, () => {});
    const all = Array.from({ length: 12 }, (_, at) => ({ ...component(), id: `c${at}` }));
    all[0].component = { Column: { children: { explicitList: ["c1", "c2", "c3", "c4", "c5"] } } };
    const said = [
      { surfaceUpdate: { components: all } },
      { dataModelUpdate: { contents: some(() => entry(0), 6) } },
      { beginRendering: { root: "c0" } },
    ];
    messages.apply(said);
    for (let step = 0; step < 12; step += 1) {
      said.push(message());
      const { error, warnings = [] } = messages.apply([said[said.length - 1]]);
      const broken = error ?? warnings.find((text) => text.includes("cannot be shown"));
      if (broken) return { seed, round, broken, said };
      const surface = messages.surfaces.get("main");
      const other = fresh(surface);
      document.body.append(other);
      const [is, should] = [look(shown), look(other)];
      other.remove();
      // What is left out depends on what was there before.
      if ([is, should].some((text) => text.includes("The rest is left out"))) break;
      const counted = shown.querySelectorAll("[data-id]").length;
      if (is !== should) return { seed, round, step, is, should, last: said[said.length - 1] };
      if (counted !== surface.shown) return { seed, round, step, counted, shown: surface.shown };
    }
    shown.remove();
  }
  return null;
}
