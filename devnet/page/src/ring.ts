/** Where something stands, in turns: 0 is at the top, clockwise. */
export type Turn = number;

/**
 * Moves points on a ring apart until each has its room, as little as it takes and without changing their order.
 * `room` is in turns. Where there is not room for all they are spread evenly.
 */
export function spread(places: readonly Turn[], room: Turn): Turn[] {
  const count = places.length;
  if (count < 2) return [...places];
  const gap = Math.min(room, 1 / count);
  const order = places.map((_, index) => index).sort((a, b) => places[a]! - places[b]! || a - b);
  const sorted = order.map((index) => places[index]!);
  // The widest gap is where the ring is cut open: whatever moves, moves away from there.
  let widest = 0;
  for (let i = 1; i < count; i++) {
    const before = (at: number) => (sorted[at]! - sorted[(at + count - 1) % count]! + 1) % 1;
    if (before(i) > before(widest)) widest = i;
  }
  const line = sorted.map((_, i) => {
    const at = (widest + i) % count;
    return sorted[at]! + (at < widest ? 1 : 0);
  });
  const placed = apart(line, gap);
  // All of it may have become longer than the ring is round.
  const length = placed[count - 1]! - placed[0]! + gap;
  const from = placed[0]!;
  const even = length > 1 ? placed.map((_, i) => from + i / count) : placed;
  const result = new Array<Turn>(count);
  even.forEach((place, i) => (result[order[(widest + i) % count]!] = ((place % 1) + 1) % 1));
  return result;
}

/** Points on a line, at least `gap` apart: groups that touch are centred where their members want to be. */
function apart(line: readonly number[], gap: number): number[] {
  interface Group {
    from: number;
    wanted: number[];
  }
  const groups: Group[] = [];
  for (const place of line) {
    let group: Group = { from: place, wanted: [place] };
    for (;;) {
      const before = groups.at(-1);
      if (before === undefined || before.from + before.wanted.length * gap <= group.from) break;
      groups.pop();
      const wanted = [...before.wanted, ...group.wanted];
      // The place of the first, if each of the group pulled it equally.
      const from = wanted.reduce((sum, place, index) => sum + place - index * gap, 0) / wanted.length;
      group = { from, wanted };
    }
    groups.push(group);
  }
  return groups.flatMap(({ from, wanted }) => wanted.map((_, index) => from + index * gap));
}

/** A point at this turn, `radius` away from the middle of a square of 100. */
export function point(turn: Turn, radius: number): { x: number; y: number } {
  const angle = turn * 2 * Math.PI;
  return { x: 50 + radius * Math.sin(angle), y: 50 - radius * Math.cos(angle) };
}
