// Elements are made one by one, and what a server says becomes text only.

const SVG = "http://www.w3.org/2000/svg";

const built = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
};

/** An HTML element; children are elements or text. */
export const element = (tag, attributes = {}, ...children) =>
  built(document.createElement(tag), attributes, children);

/** An SVG element. */
export const shape = (tag, attributes = {}, ...children) =>
  built(document.createElementNS(SVG, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

const SHOWN = new WeakMap();

/** Fills a place, but only if what is shown there has changed: who reads or selects is not disturbed. */
export const show = (place, facts, build) => {
  const key = JSON.stringify(facts);
  if (SHOWN.get(place) === key) return;
  SHOWN.set(place, key);
  place.replaceChildren(...[build()].flat());
};

const COUNT = new Intl.NumberFormat("en");
const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

export const count = (value) => COUNT.format(value);
export const short = (value) => (value >= 1000 ? COUNT.format(Math.round(value)) : SHORT.format(value));

/** A duration in milliseconds as number and unit. */
export const duration = (milliseconds) => {
  if (milliseconds === null || milliseconds === undefined) return ["–", ""];
  if (milliseconds >= 1000) return [SHORT.format(milliseconds / 1000), "s"];
  if (milliseconds > 0 && milliseconds < 0.1) return [SHORT.format(milliseconds * 1000), "µs"];
  return [SHORT.format(milliseconds), "ms"];
};

export const durationText = (milliseconds) => duration(milliseconds).join(" ").trim();

/** A span of seconds in its largest unit. */
export const span = (seconds) => {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const [name, size] = units.find(([, one]) => seconds >= one) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / size))} ${name}`;
};

export const clockTime = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour12: false });

/** What a status means at a glance. */
export const tone = (status) => (status < 400 ? "good" : status < 500 ? "warn" : "bad");

export const pill = (text, kind) => element("span", { class: `pill ${kind}` }, String(text));
