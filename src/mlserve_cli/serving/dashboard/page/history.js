// What the sums of the server were over the last minutes, from which rates and percentiles come.

export const SPAN_SECONDS = 120;
const WINDOW_SECONDS = 5;
const TILE_SECONDS = 10;

const sum = (values) => values.reduce((all, value) => all + value, 0);
const failed = (statuses) =>
  sum(Object.entries(statuses).filter(([status]) => status >= "400").map(([, count]) => count));

/** The value that a share of the counted values does not exceed; null where there are none. */
export const quantile = (counts, share) => {
  const wanted = Math.max(1, Math.ceil(share * sum(counts.map(([, count]) => count))));
  let found = 0;
  for (const [value, count] of counts) {
    found += count;
    if (found >= wanted) return value;
  }
  return null;
};

const quantiles = (counts) => [0.5, 0.95, 0.99].map((share) => quantile(counts, share));

const sampled = (summary) => ({
  time: summary.time,
  started: summary.started,
  total: sum(Object.values(summary.statuses)),
  errors: failed(summary.statuses),
  rows: summary.rows,
  latency: new Map(summary.latency),
});

/** What happened between two samples. */
const between = (before, now) => {
  const seconds = Math.max(now.time - before.time, 1e-3);
  const counts = [...now.latency]
    .map(([value, count]) => [value, count - (before.latency.get(value) ?? 0)])
    .filter(([, count]) => count > 0);
  const requests = now.total - before.total;
  return {
    requests,
    perSecond: requests / seconds,
    errors: now.errors - before.errors,
    errorsPerSecond: (now.errors - before.errors) / seconds,
    rowsPerSecond: (now.rows - before.rows) / seconds,
    milliseconds: quantiles(counts),
  };
};

export class History {
  #samples = [];
  /** Per sample but the first: time, and what happened up to it. */
  points = [];

  add(summary) {
    const now = sampled(summary);
    const last = this.#samples.at(-1);
    // Another server has come: its sums begin anew.
    if (last && (now.total < last.total || now.started - last.started > 5)) {
      this.#samples = [];
      this.points = [];
    }
    this.#samples.push(now);
    if (this.#samples.length > 1) {
      const { perSecond, errorsPerSecond } = between(this.#samples.at(-2), now);
      const { milliseconds } = between(this.#since(WINDOW_SECONDS), now);
      this.points.push({ time: now.time, perSecond, errorsPerSecond, milliseconds });
    }
    const oldest = now.time - SPAN_SECONDS;
    while (this.#samples[0].time < oldest - WINDOW_SECONDS) this.#samples.shift();
    while (this.points.length && this.points[0].time < oldest) this.points.shift();
  }

  /** What happened in the last seconds; null before there are two samples. */
  get lately() {
    return this.#samples.length > 1
      ? between(this.#since(TILE_SECONDS), this.#samples.at(-1))
      : null;
  }

  /** Sums since the server began. */
  get sums() {
    const now = this.#samples.at(-1);
    return { ...now, milliseconds: quantiles([...now.latency]) };
  }

  #since(seconds) {
    const now = this.#samples.at(-1);
    const earlier = this.#samples.slice(0, -1);
    return earlier.find((sample) => sample.time >= now.time - seconds - 0.5) ?? earlier.at(-1);
  }
}
