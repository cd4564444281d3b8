/** Polygons on the map: drawn by hand, kept in the address, asked which points they hold. */
import type { Box, XY } from "./camera";

/** Corners that a filter may have. */
const MOST = 60;

/** A drawn path with only the corners it needs: at most 60, none nearer to the next than `step`. */
export function simplified(path: readonly XY[], step: number): XY[] {
  let kept = thinned(path, step);
  for (let wider = step * 1.5; kept.length > MOST; wider *= 1.5) kept = thinned(path, wider);
  return kept;
}

function thinned(path: readonly XY[], step: number): XY[] {
  const kept: XY[] = [];
  for (const point of path) {
    const last = kept.at(-1);
    if (!last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= step) kept.push(point);
  }
  return kept;
}

/** As the filter `atlas` writes it: `x,y x,y x,y`, three decimals. */
export function written(corners: readonly XY[]): string {
  return corners.map(([x, y]) => `${short(x)},${short(y)}`).join(" ");
}

const short = (value: number) => String(Math.round(value * 1000) / 1000);

/** A part of an atlas as the filter names it: of the version searched (null), or of another. */
export function partOf(text: string): { version: string | null; corners: XY[] | null } {
  const cut = text.lastIndexOf("@");
  return { version: cut < 0 ? null : text.slice(0, cut), corners: read(text.slice(cut + 1)) };
}

/** The same part said for searches in version `to`, being one of `from` where none is named. */
export function carried(value: string, from: string, to: string): string {
  const inner = /^-\((.*)\)$/.exec(value.trim())?.[1];
  if (inner !== undefined) return `-(${carried(inner, from, to)})`;
  const cut = value.lastIndexOf("@");
  const version = cut < 0 ? from : value.slice(0, cut);
  const corners = value.slice(cut + 1);
  return version === to ? corners : `${version}@${corners}`;
}

/** The corners that `written` wrote; null when that is not a polygon. */
export function read(text: string): XY[] | null {
  const corners = text
    .trim()
    .split(/\s+/)
    .map((pair) => pair.split(",").map(Number));
  const good = corners.every((pair) => pair.length === 2 && pair.every(Number.isFinite));
  return good && corners.length >= 3 ? corners.map(([x = 0, y = 0]) => [x, y]) : null;
}

/** The corners of a box. */
export function ofBox([left, bottom, right, top]: Box): XY[] {
  return [
    [left, bottom],
    [right, bottom],
    [right, top],
    [left, top],
  ];
}

/** Whether a point lies inside (even-odd rule). */
export function holds(corners: readonly XY[], [x, y]: XY): boolean {
  let inside = false;
  let [x0, y0] = corners.at(-1) ?? [0, 0];
  for (const [x1, y1] of corners) {
    if (y1 > y !== y0 > y && x < ((x0 - x1) * (y - y1)) / (y0 - y1) + x1) inside = !inside;
    [x0, y0] = [x1, y1];
  }
  return inside;
}

/** Left, bottom, right, top of a polygon. */
export function boxOf(corners: readonly XY[]): Box {
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
