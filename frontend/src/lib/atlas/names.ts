/** Names on the map without overlap: the larger region keeps its name, the smaller waits for zoom. */
import type { XY } from "./camera";

export interface Placeable {
  name: string;
  count: number;
}

export interface Placed<T> {
  label: T;
  /** Middle of the name on the screen. */
  x: number;
  y: number;
}

const GAP = 6;

/**
 * The labels that can stand, largest first. `widthOf` and `height` are the name's on the screen; of
 * one name only the first within `apart` pixels is kept.
 */
export function placed<T extends Placeable>(
  labels: readonly T[],
  at: (label: T) => XY,
  widthOf: (label: T) => number,
  { width, height }: { width: number; height: number },
  line = 20,
  apart = 120,
): Placed<T>[] {
  const kept: (Placed<T> & { half: number })[] = [];
  for (const label of [...labels].sort((a, b) => b.count - a.count)) {
    const [x, y] = at(label);
    const half = widthOf(label) / 2;
    if (x < half || x > width - half || y < line / 2 || y > height - line / 2) continue;
    const clashes = kept.some(
      (other) =>
        (Math.abs(other.x - x) < other.half + half + GAP && Math.abs(other.y - y) < line + 2) ||
        (other.label.name === label.name && Math.hypot(other.x - x, other.y - y) < apart),
    );
    if (!clashes) kept.push({ label, x, y, half });
  }
  return kept.map(({ label, x, y }) => ({ label, x, y }));
}

/** Those that can stand as squares of `side` without one covering another, the first before others. */
export function spaced<T extends { at: XY }>(all: readonly T[], side: number): T[] {
  const kept: T[] = [];
  for (const each of all) {
    const clashes = kept.some(
      ({ at }) => Math.abs(at[0] - each.at[0]) < side && Math.abs(at[1] - each.at[1]) < side,
    );
    if (!clashes) kept.push(each);
  }
  return kept;
}
