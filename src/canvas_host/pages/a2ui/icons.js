// The icons of A2UI v0.8, drawn for this page on 24 by 24 units: strokes, `o x y r` a circle,
// `. x y` a dot, `f …` a filled shape.

const FRAME = "M5 5h14a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z";
const RING = "o 12 12 9";
const SLASH = "M4 3l17 18";
const SHEET = ["M6 5h12a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z",
  "M4 10h16M8 3v4M16 3v4"];
const HEART = "M12 20C7 16 3.5 12.8 3.5 9A4.5 4.5 0 0 1 12 7a4.5 4.5 0 0 1 8.5 2\
c0 3.8-3.5 7-8.5 11z";
const STAR = "M12 3l2.7 5.9 6.3.7-4.7 4.3 1.3 6.3L12 17l-5.6 3.2 1.3-6.3L3 9.6l6.3-.7z";
const EYE = "M2 12c3-5 6.5-7 10-7s7 2 10 7c-3 5-6.5 7-10 7s-7-2-10-7z";
const BELL = ["M6 16v-5a6 6 0 0 1 12 0v5l1.5 2h-15z", "M10 21h4"];
const LOCK = "M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6\
A1.5 1.5 0 0 1 6.5 11z";

const DRAWINGS = {
  accountCircle: [RING, "o 12 9.5 3", "M6.5 18.5c1.5-4 9.5-4 11 0"],
  add: ["M12 5v14M5 12h14"],
  arrowBack: ["M20 12H4M11 5l-7 7 7 7"],
  arrowForward: ["M4 12h16M13 5l7 7-7 7"],
  attachFile: ["M20 11.5l-8 8a5 5 0 0 1-7-7l8.5-8.5a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4\
l7.5-7.5"],
  calendarToday: [...SHEET, ". 9 14.5"],
  call: ["M6.5 4h3l1.5 4.5-2 1.5a12 12 0 0 0 5 5l1.5-2 4.5 1.5v3a2 2 0 0 1-2.2 2A16.5 16.5 0 0 1 4.5 6.2\
a2 2 0 0 1 2-2.2z"],
  camera: ["M4.5 7.5h3L9 5h6l1.5 2.5h3A1.5 1.5 0 0 1 21 9v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18V9\
a1.5 1.5 0 0 1 1.5-1.5z", "o 12 13 3.5"],
  check: ["M4.5 12.5l5 5L20 6.5"],
  close: ["M6 6l12 12M18 6L6 18"],
  delete: ["M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10.5 11v5M13.5 11v5"],
  download: ["M12 4v11M7 10.5l5 5 5-5M5 20h14"],
  edit: ["M4 20l1-4.5L16 4.5a2.1 2.1 0 0 1 3.5 3.5L8.5 19z", "M14 6.5l3.5 3.5"],
  event: [...SHEET, "f M13 13h4v4h-4z"],
  error: [RING, "M12 7v6", ". 12 16.5"],
  favorite: [HEART, `f ${HEART}`],
  favoriteOff: [HEART, SLASH],
  folder: ["M3 18.5v-13A1.5 1.5 0 0 1 4.5 4H9l2.5 3h8A1.5 1.5 0 0 1 21 8.5v10a1.5 1.5 0 0 1-1.5 1.5h-15\
A1.5 1.5 0 0 1 3 18.5z"],
  help: [RING, "M9.5 9.8a2.6 2.6 0 1 1 3.7 2.3c-.8.4-1.2.9-1.2 1.9", ". 12 17"],
  home: ["M3.5 11.5L12 4l8.5 7.5M6 9.5V20h12V9.5M10 20v-6h4v6"],
  info: [RING, "M12 11v6", ". 12 7.5"],
  locationOn: ["M12 21c-4-5-6.5-8.3-6.5-11.5a6.5 6.5 0 0 1 13 0C18.5 12.7 16 16 12 21z", "o 12 9.5 2.3"],
  lock: [LOCK, "M8 11V8a4 4 0 0 1 8 0v3"],
  lockOpen: [LOCK, "M8 11V7a4 4 0 0 1 7.7-1.5"],
  mail: [FRAME, "M4 7.5l8 6 8-6"],
  menu: ["M4 7h16M4 12h16M4 17h16"],
  moreVert: [". 12 6", ". 12 12", ". 12 18"],
  moreHoriz: [". 6 12", ". 12 12", ". 18 12"],
  notificationsOff: [...BELL, SLASH],
  notifications: BELL,
  payment: [FRAME, "M3 10h18M7 15h3"],
  person: ["o 12 8 4", "M4.5 20.5c0-4.5 4-6.5 7.5-6.5s7.5 2 7.5 6.5"],
  phone: ["M8.5 3h7A1.5 1.5 0 0 1 17 4.5v15a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 7 19.5v-15\
A1.5 1.5 0 0 1 8.5 3z", "M11 18h2"],
  photo: [FRAME, "o 8.5 9.5 1.5", "M4 18l5-5 3 3 3.5-4L21 17"],
  print: ["M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z"],
  refresh: ["M19.5 13.5a7.8 7.8 0 1 1-2-7L20 9M20 4v5h-5"],
  search: ["o 10.5 10.5 6.5", "M15.5 15.5L21 21"],
  send: ["M3 11.5L21 3l-6 18-3.5-8.5zM11.5 12.5L21 3"],
  settings: ["o 12 12 6.5", "o 12 12 2.5", "M12 2.5v3M12 18.5v3M2.5 12h3M18.5 12h3M5.3 5.3l2.1 2.1\
M16.6 16.6l2.1 2.1M5.3 18.7l2.1-2.1M16.6 7.4l2.1-2.1"],
  share: ["o 18 5.5 2.5", "o 6 12 2.5", "o 18 18.5 2.5", "M8.2 10.8l7.6-4.2M8.2 13.2l7.6 4.2"],
  shoppingCart: ["M2.5 4h3l2.5 11h10l2.5-8H6.5", "o 9.5 19.5 1.3", "o 17 19.5 1.3"],
  star: [STAR, `f ${STAR}`],
  starHalf: [STAR, "f M12 3v14l-5.6 3.2 1.3-6.3L3 9.6l6.3-.7z"],
  starOff: [STAR, SLASH],
  upload: ["M12 16V5M7 9.5l5-5 5 5M5 20h14"],
  visibility: [EYE, "o 12 12 3"],
  visibilityOff: [EYE, "o 12 12 3", SLASH],
  warning: ["M12 4L2.5 20h19z", "M12 10v4.5", ". 12 17.3"],
};
const NAMES = new Set(Object.keys(DRAWINGS));
/** What an icon that does not exist looks like. */
const UNKNOWN = ["M4 4h3M10 4h4M17 4h3v3M20 10v4M20 17v3h-3M14 20h-4M7 20H4v-3M4 14v-4M4 7V4",
  "M9.5 9.8a2.6 2.6 0 1 1 3.7 2.3c-.8.4-1.2.9-1.2 1.9", ". 12 17"];

/** `account_circle` is written for `accountCircle` by some. */
function known(name) {
  const camel = name.trim().replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  return NAMES.has(camel) ? camel : undefined;
}

export function isIcon(name) {
  return known(name) !== undefined;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const found = known(name);
  const svg = shape("svg", { viewBox: "0 0 24 24", "aria-hidden": "true", "data-icon": found ?? "?" });
  for (const drawing of found ? DRAWINGS[found] : UNKNOWN) svg.append(drawn(drawing));
  return svg;
}

function drawn(drawing) {
  const [word, x, y, radius] = drawing.split(" ");
  if (word === "o") return shape("circle", { cx: x, cy: y, r: radius });
  if (word === ".") return shape("circle", { cx: x, cy: y, r: 1.2, class: "filled" });
  if (word === "f") return shape("path", { d: drawing.slice(2), class: "filled" });
  return shape("path", { d: drawing });
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
