import type { Sample } from "./api.ts";

interface Props {
  title: string;
  history: readonly Sample[];
  value: (sample: Sample) => number;
  format?: (value: number) => string;
}

const WIDTH = 160;
const HEIGHT = 40;
/** Samples further apart than this many of the usual distances have a gap between them. */
const GAP = 3;

/** One figure over time, as a line, with what it is now. */
export function Chart({ title, history, value, format = (value) => value.toLocaleString("en") }: Props) {
  const values = history.map(value);
  const now = values.at(-1);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const spoken = now === undefined ? `${title}: nothing yet` : `${title}: ${format(now)} now, between ${format(low)} and ${format(high)}`;
  return (
    <div class="chart" role="img" aria-label={spoken}>
      <p>
        {title} <strong>{now === undefined ? "–" : format(now)}</strong>
      </p>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="base" d={`M0 ${HEIGHT - 0.5}H${WIDTH}`} />
        <path class="line" d={line(history, values)} />
      </svg>
      <small>{now === undefined ? " " : low === high ? "unchanged" : `${format(low)} to ${format(high)}`}</small>
    </div>
  );
}

/** From the lowest value, or 0 where that is near, to the highest. */
export function line(history: readonly Sample[], values: readonly number[]): string {
  if (values.length < 2) return "";
  const high = Math.max(...values);
  const lowest = Math.min(...values);
  const low = lowest < high / 2 ? 0 : lowest;
  const from = history[0]!.at_ms;
  const length = Math.max(1, history.at(-1)!.at_ms - from);
  const usual = length / (values.length - 1);
  const y = (value: number) => (high === low ? HEIGHT / 2 : HEIGHT - 3 - ((value - low) / (high - low)) * (HEIGHT - 6));
  let path = "";
  for (const [index, sample] of history.entries()) {
    const isGap = index === 0 || sample.at_ms - history[index - 1]!.at_ms > GAP * usual;
    path += `${isGap ? "M" : "L"}${(((sample.at_ms - from) / length) * WIDTH).toFixed(1)} ${y(values[index]!).toFixed(1)}`;
  }
  return path;
}
