// What the numbers of one moment look like.

import { bars } from "./charts.js";
import {
  byId, clockTime, count, duration, durationText, element, pill, short, show, span, tone,
} from "./elements.js";

const MEANINGS = {
  200: "answered", 400: "malformed", 401: "no valid key", 404: "no such model", 413: "too large",
  415: "media type", 422: "does not fit the model", 429: "overloaded", 500: "failed",
  503: "overloaded", 504: "too late",
};

const tile = (name, [value, unit], note) =>
  element("div", { class: "tile" },
    element("h2", {}, name),
    element("b", {}, value, unit ? element("i", {}, unit) : null),
    element("span", {}, note));

const percent = (part, whole) => {
  const share = (100 * part) / whole;
  return part && share < 0.01 ? "<0.01" : share.toFixed(share < 10 && part ? 2 : 0);
};

const tiles = (summary, history) => {
  const { lately, sums } = history;
  const latency = (index) => [
    duration(lately?.milliseconds[index]),
    sums.total ? `${durationText(sums.milliseconds[index])} since start` : "no requests yet",
  ];
  const wait = summary.wait_milliseconds;
  return [
    tile("Throughput", lately ? [short(lately.perSecond), "/s"] : ["–", ""],
      `${count(sums.total)} requests, ${count(summary.rows)} rows`),
    tile("Median latency", ...latency(0)),
    tile("p95 latency", ...latency(1)),
    tile("p99 latency", ...latency(2)),
    tile("Errors", lately?.requests ? [percent(lately.errors, lately.requests), "%"] : ["–", ""],
      `${count(sums.errors)} of ${count(sums.total)} since start`),
    tile("In flight", [count(summary.in_flight), ""],
      `${count(summary.queue_rows)} rows queued${wait === null ? "" : `, p95 wait ${durationText(wait)}`}`),
  ];
};

const facts = (summary) => [
  `${summary.workers} ${summary.workers === 1 ? "worker" : "workers"}`,
  `${summary.restarts} ${summary.restarts === 1 ? "restart" : "restarts"}`,
  summary.memory_bytes === null ? null : `${count(Math.round(summary.memory_bytes / 1e6))} MB`,
  summary.started === null ? null : `up ${span(summary.time - summary.started)}`,
  `version ${summary.mlserve}`,
].filter((fact) => fact !== null).join(" · ");

const table = (heads, rows) =>
  element("table", {},
    element("thead", {}, element("tr", {}, ...heads.map(([text, kind]) => element("th", { scope: "col", class: kind }, text)))),
    element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell, index) =>
      element("td", { class: heads[index][1], title: heads[index][2] ? cell : null }, cell))))));

const MODEL_HEADS = [
  ["Model", "name", true], ["Version"], ["Engine"], ["Requests", "number"],
  ["Errors", "number"], ["Rows", "number"], ["p50", "number"], ["p95", "number"],
  ["p99", "number"], ["Loaded", "number"], ["Saved", "number"],
];

const models = (summary) => summary.models.map((model) => [
  model.name, String(model.version), model.engine, count(model.requests), count(model.errors),
  count(model.rows), ...(model.milliseconds ?? [null, null, null]).map(durationText),
  `${span(summary.time - model.loaded)} ago`,
  model.created === null ? "–" : `${span(summary.time - model.created)} ago`,
]);

const statuses = (summary) => {
  const found = Object.entries(summary.statuses);
  if (!found.length) return element("p", { class: "note" }, "No answers yet.");
  const all = found.reduce((total, [, value]) => total + value, 0);
  return bars(found.map(([status, value]) => [
    `${status} ${MEANINGS[status] ?? ""}`, value, tone(status), `${count(value)} · ${percent(value, all)} %`,
  ]));
};

const sizes = ({ sizes: { bounds, requests } }) => {
  const last = requests.findLastIndex((value) => value > 0);
  if (last < 0) return element("p", { class: "note" }, "No calls of a model yet.");
  const label = (index) => {
    const low = index ? bounds[index - 1] + 1 : 1;
    if (index === bounds.length) return `over ${count(bounds[index - 1])}`;
    return low === bounds[index] ? count(low) : `${count(low)} – ${count(bounds[index])}`;
  };
  return bars(requests.slice(0, last + 1).map((value, index) => [label(index), value, "", count(value)]));
};

const recent = (summary) => {
  if (!summary.recent.length) return element("p", { class: "note" }, "No predictions yet.");
  return table(
    [
      ["Time"], ["Model", "name", true], ["Rows", "number"], ["Took", "number"],
      ["Status"], ["Request id", "id wide", true],
    ],
    summary.recent.map((one) => [
      clockTime(one.time), one.version === null ? one.model || "none" : `${one.model}/${one.version}`,
      one.rows === null ? "–" : count(one.rows), durationText(one.milliseconds),
      pill(one.status, tone(one.status)), one.request_id || "–",
    ]),
  );
};

const QUALITY_HEADS = [
  ["Model", "name", true], ["Metric"], ["Now", "number"], ["At save", "number"],
  ["Fell by", "number"], ["Labels", "number"],
];

const quality = (summary) => {
  if (!summary.quality.length) return element("p", { class: "note" }, "No labels yet.");
  const known = (value) => (value === null ? "–" : short(value));
  return table(QUALITY_HEADS, summary.quality.map((one) => [
    `${one.model}/${one.version}`, one.metric.replaceAll("_", " "), short(one.value),
    known(one.stored), known(one.drop), count(one.labels),
  ]));
};

/** Shows everything but the charts over time. */
export const showPanels = (summary, history) => {
  byId("facts").textContent = facts(summary);
  byId("tiles").replaceChildren(...tiles(summary, history));
  byId("empty").hidden = history.sums.total > 0;
  const rows = models(summary);
  show(byId("models"), rows, () =>
    rows.length ? table(MODEL_HEADS, rows) : element("p", { class: "note" }, "No model is loaded."));
  show(byId("statuses"), summary.statuses, () => statuses(summary));
  show(byId("sizes"), summary.sizes, () => sizes(summary));
  show(byId("quality"), summary.quality, () => quality(summary));
  show(byId("recent"), summary.recent, () => recent(summary));
};
