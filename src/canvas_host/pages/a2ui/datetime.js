// Dates and times: what an input of the browser needs, and what the agent asked for.

const TYPES = {
  date: { type: "date", label: "Date" },
  time: { type: "time", label: "Time" },
  both: { type: "datetime-local", label: "Date and time" },
};

/** How a `DateTimeInput` reads and writes; without a choice it asks for date and time. */
export function dateTime(enableDate, enableTime, outputFormat) {
  const [date, time] = [enableDate === true, enableTime === true];
  const kind = date === time ? TYPES.both : TYPES[date ? "date" : "time"];
  const format = typeof outputFormat === "string" && outputFormat.length < 100 ? outputFormat : "";
  return {
    ...kind,
    input: (text) => toInput(kind.type, text, format),
    output: (value) => (format === "" || value === "" ? value : write(value, format)),
  };
}

const pad = (number, width = 2) => String(number).padStart(width, "0");

/** The text of a model as the input wants it; empty if it is no date. */
function toInput(type, text, format) {
  const parts = readIso(text) ?? readAs(text, format);
  if (!parts) return "";
  const date = parts.year && `${pad(parts.year, 4)}-${pad(parts.month)}-${pad(parts.day)}`;
  const time = parts.hour !== undefined && `${pad(parts.hour)}:${pad(parts.minute)}`;
  if (type === "date") return date || "";
  if (type === "time") return time || "";
  return date ? `${date}T${time || "00:00"}` : "";
}

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;
const TIME = /^(\d\d?):(\d\d)(?::\d\d(?:\.\d+)?)?$/;

function readIso(text) {
  const time = TIME.exec(text.trim());
  if (time) return { hour: Number(time[1]), minute: Number(time[2]) };
  const found = ISO.exec(text.trim());
  if (!found) return undefined;
  // With a zone it is a moment, which is shown as it is called here.
  if (found[6]) {
    const moment = new Date(text.trim());
    if (Number.isNaN(moment.getTime())) return undefined;
    return {
      year: moment.getFullYear(), month: moment.getMonth() + 1, day: moment.getDate(),
      hour: moment.getHours(), minute: moment.getMinutes(),
    };
  }
  const [year, month, day, hour, minute] = found.slice(1, 6)
    .map((part) => (part === undefined ? undefined : Number(part)));
  return { year, month, day, hour, minute };
}

const TOKEN = /yyyy|YYYY|MMMM|MMM|MM|M|dd|DD|d|D|HH|H|hh|h|mm|ss|a|A|'[^']*'/g;

/** Writes the value of an input in a format like `dd.MM.yyyy HH:mm`. */
function write(value, format) {
  const parts = readIso(value);
  if (!parts) return value;
  const { year = 1970, month = 1, day = 1, hour = 0, minute = 0 } = parts;
  const monthName = (style) => new Date(2000, month - 1, 1).toLocaleString("en", { month: style });
  const twelve = hour % 12 === 0 ? 12 : hour % 12;
  const half = hour < 12 ? "AM" : "PM";
  const words = {
    yyyy: pad(year, 4), YYYY: pad(year, 4), MMMM: monthName("long"), MMM: monthName("short"),
    MM: pad(month), M: month, dd: pad(day), DD: pad(day), d: day, D: day, HH: pad(hour), H: hour,
    hh: pad(twelve), h: twelve, mm: pad(minute), ss: "00", a: half, A: half,
  };
  return format.replace(TOKEN, (token) => words[token] ?? token.slice(1, -1));
}

const FIELDS = {
  yyyy: "year", YYYY: "year", MM: "month", M: "month", dd: "day", DD: "day", d: "day", D: "day",
  HH: "hour", H: "hour", mm: "minute",
};

/** Reads what was written in a format of digits. */
function readAs(text, format) {
  const tokens = format.match(TOKEN) ?? [];
  const digits = text.match(/\d+/g) ?? [];
  const isReadable = tokens.length > 0 && tokens.length === digits.length
    && tokens.every((token) => FIELDS[token] || token === "ss");
  if (!isReadable) return undefined;
  return Object.fromEntries(tokens.map((token, at) => [FIELDS[token] ?? "second", Number(digits[at])]));
}
