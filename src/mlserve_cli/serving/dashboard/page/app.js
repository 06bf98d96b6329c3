// Asks the server once a second and shows what it says.

import { SCALES, TimeChart } from "./charts.js";
import { showDrift } from "./drift.js";
import { byId, durationText, short } from "./elements.js";
import { History, SPAN_SECONDS } from "./history.js";
import { showPanels } from "./panels.js";
import { ask, dropKey, hasKey, keepKey } from "./server.js";
import { offerModels, prepareTrial } from "./trial.js";

const POLL_MILLISECONDS = 1000;
const RETRY_MILLISECONDS = 3000;
const DRIFT_MILLISECONDS = 5000;

const history = new History();
let throughput = null;
let latency = null;
let timer = 0;
let driftShown = -Infinity;

const state = (text, kind) => {
  const pill = byId("state");
  if (pill.textContent === text) return;
  pill.textContent = text;
  pill.className = `pill ${kind}`;
};

const trouble = (text) => {
  const banner = byId("trouble");
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  byId("main").classList.toggle("stale", Boolean(text));
};

const prepareCharts = () => {
  throughput ??= new TimeChart(byId("throughput"), "Requests and errors per second", ["requests", "errors"], short, SCALES.linear, SPAN_SECONDS);
  latency ??= new TimeChart(byId("latency"), "Latency percentiles", ["p50", "p95", "p99"], durationText, SCALES.logarithmic, SPAN_SECONDS);
};

const showAll = (summary) => {
  trouble("");
  state("Live", "good");
  byId("main").hidden = false;
  prepareCharts();
  history.add(summary);
  showPanels(summary, history);
  throughput.update(history.points.map(({ time, perSecond, errorsPerSecond }) =>
    ({ time, values: [perSecond, errorsPerSecond] })), summary.time);
  latency.update(history.points.map(({ time, milliseconds }) => ({ time, values: milliseconds })), summary.time);
  offerModels(summary.models);
};

const askForKey = () => {
  byId("key-refused").hidden = !hasKey();
  dropKey();
  trouble("");
  state("Locked", "warn");
  byId("main").hidden = true;
  byId("key").hidden = false;
  byId("key-text").focus();
};

const look = async () => {
  const answer = await ask("dashboard/data");
  if (answer.status === 401) return askForKey();
  if (!answer.ok) throw new Error(`The server answers ${answer.status}`);
  const summary = await answer.json();
  showAll(summary);
  if (performance.now() - driftShown >= DRIFT_MILLISECONDS) {
    driftShown = performance.now();
    await showDrift(byId("drift"), summary.watches_drift);
  }
  return plan(POLL_MILLISECONDS);
};

const plan = (milliseconds) => {
  clearTimeout(timer);
  timer = setTimeout(poll, milliseconds);
};

const poll = async () => {
  // Nobody looks; going on is up to `visibilitychange`.
  if (document.hidden) return;
  try {
    await look();
  } catch {
    state("Not connected", "bad");
    trouble("The server does not answer. What you see is from before; trying again every 3 seconds.");
    plan(RETRY_MILLISECONDS);
  }
};

byId("key").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(byId("key-text").value);
  byId("key-text").value = "";
  byId("key").hidden = true;
  poll();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && byId("key").hidden) plan(0);
});
prepareTrial();
if (document.body.dataset.key === "needed" && !hasKey()) askForKey();
else poll();
