// The form that asks a model.

import { byId, durationText, element, tone } from "./elements.js";
import { ask } from "./server.js";

const examples = new Map();

const example = async (name) => {
  if (!examples.has(name)) {
    const answer = await ask(`models/${encodeURIComponent(name)}`);
    if (!answer.ok) return "";
    examples.set(name, JSON.stringify((await answer.json()).example, null, 2));
  }
  return examples.get(name);
};

const fill = async () => {
  const name = byId("trial-model").value;
  try {
    const body = name ? await example(name) : "";
    if (byId("trial-model").value === name) byId("trial-body").value = body;
  } catch {
    // The server is gone, and the page says so.
  }
};

const indented = (text) => {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
};

const say = (status, kind, time, text) => {
  const shown = byId("trial-status");
  shown.textContent = status;
  shown.className = `pill ${kind}`;
  shown.hidden = false;
  byId("trial-time").textContent = time;
  byId("trial-answer").textContent = text;
};

const send = async () => {
  const button = byId("trial-send");
  if (button.disabled) return;
  button.disabled = true;
  const path = `models/${encodeURIComponent(byId("trial-model").value)}/predict`;
  const headers = { "content-type": "application/json" };
  const started = performance.now();
  try {
    const answer = await ask(path, { method: "POST", headers, body: byId("trial-body").value }, 60000);
    const text = await answer.text();
    const took = durationText(performance.now() - started);
    say(answer.status, tone(answer.status), `${took} in this browser`, indented(text));
  } catch {
    say("no answer", "bad", "", "The server does not answer.");
  } finally {
    button.disabled = false;
  }
};

/** Makes the form work. */
export const prepareTrial = () => {
  byId("trial-form").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  byId("trial-body").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  byId("trial-model").addEventListener("change", fill);
  byId("trial-reset").addEventListener("click", fill);
};

/** Offers these models; what was chosen or typed stays as long as its model does. */
export const offerModels = (models) => {
  const names = [...new Set(models.map((model) => model.name))];
  const select = byId("trial-model");
  const before = select.value;
  if (JSON.stringify(names) === select.dataset.names) return;
  select.dataset.names = JSON.stringify(names);
  select.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  if (names.includes(before)) select.value = before;
  else fill();
};
