// `styles` of a surface: a font and a primary colour, which are checked before they are used.

const FAMILY = /^[A-Za-z0-9][A-Za-z0-9 _-]{0,60}$/;
const COLOUR = /^#[0-9a-f]{6}$/i;
const [WHITE, BLACK] = [[255, 255, 255], [0, 0, 0]];
/** The least favourable backgrounds, in the light and in the dark; see style.css. */
const LIGHT = [242, 243, 245];
const DARK = [30, 33, 38];
/** What is readable: WCAG 2, level AA. */
const READABLE = 4.5;

export function applyStyles(target, styles, warn) {
  const key = JSON.stringify([styles.font, styles.primaryColor]);
  if (target.styled === key) return;
  target.styled = key;
  setFont(target, styles.font, warn);
  setPrimary(target, styles.primaryColor, warn);
}

function setFont(target, font, warn) {
  const given = typeof font === "string" ? font.split(",") : [];
  const families = given.map((family) => family.trim().replace(/^(["'])(.*)\1$/, "$2"));
  const isUsable = families.length <= 8 && families.every((family) => FAMILY.test(family));
  if (font !== undefined && font !== null && !(given.length > 0 && isUsable)) {
    warn("styles.font is not a list of names");
  }
  const generic = ["serif", "sans-serif", "monospace", "system-ui", "cursive", "fantasy"];
  const quoted = families.map((family) => (generic.includes(family) ? family : `"${family}"`));
  const isSet = given.length > 0 && isUsable;
  target.style.fontFamily = isSet ? [...quoted, "system-ui", "sans-serif"].join(", ") : "";
}

function setPrimary(target, colour, warn) {
  const isColour = typeof colour === "string" && COLOUR.test(colour);
  if (colour !== undefined && colour !== null && !isColour) {
    warn("styles.primaryColor is not a colour like #1A73E8");
  }
  const names = ["--primary", "--on-primary", "--ink-light", "--ink-dark"];
  if (!isColour) {
    names.forEach((name) => target.style.removeProperty(name));
    return;
  }
  const rgb = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  const onPrimary = contrast(rgb, WHITE) >= contrast(rgb, BLACK) ? "#ffffff" : "#000000";
  const inks = [readable(rgb, LIGHT, BLACK), readable(rgb, DARK, WHITE)];
  const values = [css(rgb), onPrimary, ...inks.map(css)];
  names.forEach((name, at) => target.style.setProperty(name, values[at]));
}

function css(rgb) {
  return `rgb(${rgb.map(Math.round).join(", ")})`;
}

/** The colour, mixed with `towards` until it can be read on `background`. */
function readable(rgb, background, towards) {
  for (let share = 0; share < 1; share += 0.1) {
    const mixed = rgb.map((part, at) => part * (1 - share) + towards[at] * share);
    if (contrast(mixed, background) >= READABLE) return mixed;
  }
  return towards;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

function luminance(rgb) {
  const [red, green, blue] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
