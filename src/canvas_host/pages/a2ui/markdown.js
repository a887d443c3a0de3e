// The simple Markdown of texts: headings, lists, code, bold and italic. Everything else, above all
// HTML, links and images, stays the text that it is. Nodes are made one by one, never from markup.
import { element } from "./dom.js";

const FENCE = /^\s{0,3}```/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;

/** Blocks of text. */
export function markdown(text) {
  const lines = text.split(/\r\n?|\n/);
  const blocks = document.createDocumentFragment();
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    if (line.trim() === "") at += 1;
    else if (FENCE.test(line)) at = code(lines, at, blocks);
    else if (HEADING.test(line)) {
      const [, marks, words] = HEADING.exec(line);
      const level = Math.min(marks.length, 6);
      blocks.append(element(`h${level}`, {}, inline(words)));
      at += 1;
    } else if (ITEM.test(line)) at = list(lines, at, blocks);
    else at = paragraph(lines, at, blocks);
  }
  return blocks;
}

function code(lines, start, blocks) {
  let end = start + 1;
  while (end < lines.length && !FENCE.test(lines[end])) end += 1;
  const text = lines.slice(start + 1, end).join("\n");
  blocks.append(element("pre", {}, element("code", {}, text)));
  return end + 1;
}

/** Items with more space in front go into a list of their own, two levels at most. */
function list(lines, start, blocks) {
  const [, indent, number] = ITEM.exec(lines[start]);
  const tag = number === undefined ? "ul" : "ol";
  const made = element(tag, { start: number !== undefined && number !== "1" && number });
  blocks.append(made);
  let at = start;
  let inner;
  for (; at < lines.length; at += 1) {
    const item = ITEM.exec(lines[at]);
    if (!item) {
      const isMore = /^\s+\S/.test(lines[at]) && made.lastChild;
      if (!isMore) break;
      (inner ?? made).lastChild.append(" ", inline(lines[at].trim()));
      continue;
    }
    const isInner = item[1].length > indent.length && made.lastChild;
    if (!isInner && (item[2] === undefined) !== (number === undefined)) break;
    if (!isInner) inner = undefined;
    else if (!inner) {
      inner = element(item[2] === undefined ? "ul" : "ol");
      made.lastChild.append(inner);
    }
    (isInner ? inner : made).append(element("li", {}, inline(item[3])));
  }
  return at;
}

function paragraph(lines, start, blocks) {
  const made = element("p");
  let at = start;
  while (at < lines.length && lines[at].trim() !== "") {
    if (at > start && [FENCE, HEADING, ITEM].some((block) => block.test(lines[at]))) break;
    if (at > start) made.append(element("br"));
    made.append(inline(lines[at].trim()));
    at += 1;
  }
  blocks.append(made);
  return at;
}

const TAGS = { "`": "code", "**": "strong", __: "strong", "*": "em", _: "em" };
const MARKS = ["`", "**", "__", "*", "_"];
const ESCAPABLE = /[\\`*_#+\-.!()[\]{}<>|~]/;

/** Bold, italic and code within a line. */
export function inline(text, depth = 0) {
  const made = document.createDocumentFragment();
  // A mark that is closed nowhere behind here is not looked for again: the time stays linear.
  const unclosed = new Set();
  let plain = "";
  let at = 0;
  while (at < text.length) {
    if (text[at] === "\\" && ESCAPABLE.test(text[at + 1] ?? "")) {
      plain += text[at + 1];
      at += 2;
      continue;
    }
    const mark = depth < 4 ? MARKS.find((mark) => text.startsWith(mark, at)) : undefined;
    const end = mark && !unclosed.has(mark) && opens(text, at, mark) ? closing(text, at, mark) : -1;
    if (mark && end < 0 && opens(text, at, mark)) unclosed.add(mark);
    if (end < 0) {
      const length = mark ? mark.length : 1;
      plain += text.slice(at, at + length);
      at += length;
      continue;
    }
    made.append(plain);
    plain = "";
    const inside = text.slice(at + mark.length, end);
    made.append(element(TAGS[mark], {}, mark === "`" ? inside : inline(inside, depth + 1)));
    at = end + mark.length;
  }
  made.append(plain);
  made.normalize();
  return made;
}

function opens(text, at, mark) {
  const next = text[at + mark.length];
  if (next === undefined || (mark !== "`" && /\s/.test(next))) return false;
  return mark[0] !== "_" || !isWord(text[at - 1]);
}

/** Where the mark is closed: not behind a space, and an underscore not within a word. */
function closing(text, start, mark) {
  let at = start + mark.length + (mark === "`" ? 0 : 1);
  for (;;) {
    at = text.indexOf(mark, at);
    if (at < 0) return -1;
    const isEnd = mark === "`" || (!/[\s\\]/.test(text[at - 1])
      && (mark[0] !== "_" || !isWord(text[at + mark.length]))
      && !isPartOfLonger(text, at, mark));
    if (isEnd) return at;
    at += 1;
  }
}

/** `*` within `**` closes nothing; the last two of `***` close bold. */
function isPartOfLonger(text, at, mark) {
  if (mark.length === 2) return text[at + 2] === mark[0];
  return text[at + 1] === mark || (text[at - 1] === mark && text[at - 2] !== mark);
}

function isWord(character) {
  return character !== undefined && /[\p{L}\p{N}_]/u.test(character);
}
