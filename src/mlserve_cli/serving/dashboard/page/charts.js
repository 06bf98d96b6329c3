// Lines over time as SVG, with a cursor for mouse, finger and arrow keys.

import { element, shape } from "./elements.js";

const HEIGHT = 190;
const EDGE = { left: 52, right: 8, top: 8, bottom: 22 };

/** Round marks from zero to a value that is not exceeded, and where values stand from 0 to 1. */
const linear = (values) => {
  const wanted = Math.max(1, ...values) / 4;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 2.5, 5, 10].find((factor) => factor * power >= wanted - 1e-9) * power;
  const steps = Math.ceil(Math.max(1, ...values) / step - 1e-9);
  const marks = Array.from({ length: steps + 1 }, (_, index) => index * step);
  return { marks, share: (value) => value / marks.at(-1) };
};

/** The same for values of very different sizes: each mark is ten times the one before it. */
const logarithmic = (values) => {
  const logs = values.filter((value) => value > 0).map(Math.log10);
  const low = Math.floor(logs.length ? Math.min(...logs) : -1);
  const high = Math.max(Math.ceil(logs.length ? Math.max(...logs) : 1), low + 1);
  const marks = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return { marks, share: (value) => Math.max(0, (Math.log10(value) - low) / (high - low)) };
};

export const SCALES = { linear, logarithmic };

export class TimeChart {
  #place; #names; #format; #scale; #seconds; #svg; #legend; #points = []; #now = 0; #cursor = null; #width = 600;

  /** Series are drawn in the order of their names; `format` writes a value. */
  constructor(place, label, names, format, scale, seconds) {
    this.#place = place;
    this.#names = names;
    this.#format = format;
    this.#scale = scale;
    this.#seconds = seconds;
    this.#legend = element("ul", { class: "legend" });
    this.#svg = shape("svg", {
      class: "chart", role: "img", tabindex: "0",
      "aria-label": `${label}, last ${seconds} seconds; arrow keys move through time`,
    });
    place.append(this.#legend, this.#svg);
    this.#svg.addEventListener("pointermove", (event) => this.#point(event));
    this.#svg.addEventListener("pointerleave", () => this.#move(null));
    this.#svg.addEventListener("blur", () => this.#move(null));
    this.#svg.addEventListener("keydown", (event) => this.#press(event));
    new ResizeObserver(() => this.#draw()).observe(place);
  }

  /** Points have a time in seconds, and a value or null for each series. */
  update(points, now) {
    this.#points = points;
    this.#now = now;
    this.#draw();
  }

  #x = (time) => {
    const share = 1 - (this.#now - time) / this.#seconds;
    return EDGE.left + share * (this.#width - EDGE.left - EDGE.right);
  };

  #draw() {
    this.#width = Math.max(this.#place.clientWidth, 200);
    const values = this.#points.flatMap((point) => point.values.filter((value) => value !== null));
    const { marks, share } = this.#scale(values);
    const y = (value) => HEIGHT - EDGE.bottom - share(value) * (HEIGHT - EDGE.top - EDGE.bottom);
    const drawn = [];
    for (const value of marks) {
      drawn.push(
        shape("line", { class: "grid", x1: EDGE.left, x2: this.#width - EDGE.right, y1: y(value), y2: y(value) }),
        shape("text", { x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, this.#format(value)),
      );
    }
    for (const [ago, anchor] of [[this.#seconds, "start"], [this.#seconds / 2, "middle"], [0, "end"]]) {
      const text = ago ? `${ago} s ago` : "now";
      drawn.push(shape("text", { x: this.#x(this.#now - ago), y: HEIGHT - 4, "text-anchor": anchor }, text));
    }
    this.#names.forEach((_, index) => drawn.push(...this.#lines(index, y)));
    const chosen = this.#chosen;
    if (this.#cursor !== null && chosen) {
      const x = this.#x(chosen.time);
      drawn.push(shape("line", { class: "cursor", x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }));
    }
    this.#svg.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#svg.replaceChildren(...drawn);
    this.#name(chosen);
  }

  /** A line for each run of values; a series that stands alone is filled. */
  #lines(index, y) {
    const runs = [[]];
    for (const point of this.#points) {
      const value = point.values[index];
      if (value !== null) runs.at(-1).push(`${this.#x(point.time).toFixed(1)} ${y(value).toFixed(1)}`);
      else if (runs.at(-1).length) runs.push([]);
    }
    return runs.filter((run) => run.length).flatMap((run) => {
      const path = `M${run.join("L")}${run.length === 1 ? "h.1" : ""}`;
      const line = shape("path", { class: `series s${index}`, d: path });
      if (index || this.#names.length > 2) return [line];
      const [first, last] = [run[0], run.at(-1)].map((at) => at.split(" ")[0]);
      return [shape("path", { class: "wash", d: `${path}L${last} ${HEIGHT - EDGE.bottom}L${first} ${HEIGHT - EDGE.bottom}Z` }), line];
    });
  }

  #name(point) {
    const items = this.#names.map((name, index) => {
      const value = point?.values[index] ?? null;
      const key = shape("svg", { class: "key-line", viewBox: "0 0 16 8", "aria-hidden": "true" },
        shape("path", { class: `series s${index}`, d: "M0 4h16" }));
      return element("li", {}, key, `${name} ${value === null ? "–" : this.#format(value)}`);
    });
    const ago = point && this.#cursor !== null ? `${Math.round(this.#now - point.time)} s ago` : "now";
    this.#legend.replaceChildren(...items, element("li", { class: "when" }, ago));
  }

  get #chosen() {
    if (this.#cursor === null) return this.#points.at(-1);
    const distance = (point) => Math.abs(point.time - this.#cursor);
    return this.#points.reduce((best, point) => (best && distance(best) <= distance(point) ? best : point), undefined);
  }

  #move(time) {
    this.#cursor = time;
    this.#draw();
  }

  #point(event) {
    const box = this.#svg.getBoundingClientRect();
    const share = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    this.#move(this.#now - this.#seconds * (1 - share));
  }

  #press(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const index = this.#points.indexOf(this.#chosen) + (step ?? 0);
    if (event.key === "Escape") this.#move(null);
    if (!step || !this.#points[index]) return;
    event.preventDefault();
    this.#move(this.#points[index].time);
  }
}

/** Bars beside their labels and counts: `[label, count, tone]`. */
export const bars = (rows) => {
  const largest = Math.max(1, ...rows.map(([, value]) => value));
  return element("dl", { class: "bars" }, ...rows.flatMap(([label, value, kind, text]) => {
    const bar = element("div", { class: kind ?? "" });
    bar.style.width = `${(100 * value) / largest}%`;
    if (!value) bar.hidden = true;
    return [
      element("dt", {}, label),
      element("dd", { class: "track", "aria-hidden": "true" }, bar),
      element("dd", { class: "count" }, text),
    ];
  }));
};
