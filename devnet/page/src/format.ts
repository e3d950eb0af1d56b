/** The end of a peer id: all ids begin alike. */
export function short(id: string): string {
  return id.length > 12 ? `…${id.slice(-6)}` : id;
}

/** The beginning of a resource's id. */
export function shortResource(id: string): string {
  return id.length > 12 ? `${id.slice(0, 8)}…` : id;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
];

/** A length of time with its largest unit. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  for (const [unit, size] of UNITS) {
    if (whole >= size) return `${Math.floor(whole / size)} ${unit}`;
  }
  return `${whole} s`;
}

export function bytes(count: number): string {
  if (count < 1_024) return `${count} B`;
  if (count < 1_024 * 1_024) return `${(count / 1_024).toFixed(count < 10_240 ? 1 : 0)} KiB`;
  return `${(count / 1_024 / 1_024).toFixed(1)} MiB`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString("en-GB");
}
