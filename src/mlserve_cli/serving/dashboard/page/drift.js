// Drift per column, with the distributions of the reference and of the current data.

import { count, element, pill, shape, short, show } from "./elements.js";
import { ask } from "./server.js";

const WIDTH = 240;
const HEIGHT = 84;
// Columns come the worst first.
const MOST_COLUMNS = 24;
const TONES = { ok: "good", suspected: "warn", alarm: "bad", failed: "bad" };

const shares = (counts) => {
  const all = counts.reduce((total, value) => total + value, 0) || 1;
  return counts.map((value) => value / all);
};

/** Both sides of a histogram: the reference filled, the current data as a line around it. */
const numeric = ({ edges, reference, current }) => {
  // Bins may differ in width: areas are what compares.
  const widths = edges.slice(1).map((edge, index) => Math.max(edge - edges[index], 1e-12));
  const heights = (counts) => shares(counts).map((share, index) => share / widths[index]);
  const [before, now] = [heights(reference), heights(current)];
  const largest = Math.max(...before, ...now, 1e-12);
  const span = edges.at(-1) - edges[0] || 1;
  const x = (edge) => (((edge - edges[0]) / span) * WIDTH).toFixed(1);
  const y = (value) => (HEIGHT - (value / largest) * (HEIGHT - 4)).toFixed(1);
  const steps = (values) =>
    `M0 ${HEIGHT}${values.map((value, index) => `V${y(value)}H${x(edges[index + 1])}`).join("")}V${HEIGHT}`;
  return [
    shape("path", { class: "reference", d: `${steps(before)}Z` }),
    shape("path", { class: "current", d: steps(now) }),
  ];
};

/** Both sides of categories as bars beside each other. */
const discrete = ({ labels, reference, current }) => {
  const [before, now] = [shares(reference), shares(current)];
  const largest = Math.max(...before, ...now, 1e-12);
  const step = WIDTH / before.length;
  const bar = (kind, value, x, label) => shape("rect", {
    class: kind, x, width: step * 0.4, y: HEIGHT - (value / largest) * (HEIGHT - 4),
    height: (value / largest) * (HEIGHT - 4),
  }, shape("title", {}, `${label}: ${short(100 * value)} %`));
  return before.flatMap((value, index) => [
    bar("reference", value, index * step + step * 0.08, labels[index]),
    bar("current-bar", now[index], index * step + step * 0.52, labels[index]),
  ]);
};

const column = (found) => {
  const drawn = found.histogram ? numeric(found.histogram) : found.categories ? discrete(found.categories) : null;
  const limit = typeof found.threshold === "number" ? `, threshold ${short(found.threshold)}` : "";
  const effect = typeof found.effect === "number"
    ? `${(found.effect_name ?? "effect").replaceAll("_", " ")} ${short(found.effect)}${limit}`
    : found.verdict ?? "nothing to compare";
  return element("article", { class: "column" },
    element("div", { class: "line" }, element("h4", {}, found.name), pill(found.state, TONES[found.state] ?? "")),
    element("p", { class: "note" }, effect),
    drawn && shape("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
      "aria-label": `Reference and current distribution of ${found.name}`,
    }, ...drawn));
};

const legend = () => {
  const key = (kind, text) => element("li", {},
    shape("svg", { class: "swatch", viewBox: "0 0 16 10", "aria-hidden": "true" },
      shape("rect", { class: kind, width: 16, height: 10 })), text);
  return element("ul", { class: "legend" }, key("reference", "reference"), key("current", "current"));
};

const note = (text) => element("p", { class: "note" }, text);

const sentence = (model, windowRows) => {
  if (model.problem) return model.problem;
  if (model.state === "no reference") return "No training data are stored with this model: save it with its data.";
  if (!model.windows) return `${count(model.waiting_rows ?? 0)} of ${count(windowRows)} rows for the first window.`;
  const windows = `${count(model.windows)} ${model.windows === 1 ? "window" : "windows"}`;
  return `${windows}, the last of ${count(model.window_rows)} rows against ${count(model.reference_rows)} of the reference.`;
};

const watched = (model, windowRows) => {
  const more = model.columns.length - MOST_COLUMNS;
  return element("div", { class: "watched" },
    element("div", { class: "line" }, element("h3", {}, `${model.name}/${model.version}`),
      pill(model.state, TONES[model.state] ?? "")),
    note(sentence(model, windowRows)),
    element("div", { class: "columns" }, ...model.columns.slice(0, MOST_COLUMNS).map(column)),
    more > 0 ? note(`${count(more)} more, all of them less different.`) : null);
};

/** Asks what has drifted, and shows it. */
export const showDrift = async (place, isWatched) => {
  const answer = isWatched ? await ask("drift") : null;
  if (answer === null || answer.status === 404) {
    show(place, "none", () => note("Not watched."));
    return;
  }
  if (!answer.ok) throw new Error(`/drift answers ${answer.status}`);
  const found = await answer.json();
  show(place, found, () => [
    found.models.some((model) => model.columns.length) ? legend() : "",
    ...found.models.map((model) => watched(model, found.window_rows)),
  ]);
};
