/** The points of an atlas as they come: two steps of 16 bits each, by number. */
import type { Box, XY } from "./camera";
import { boxOf, holds } from "./shape";

/** The step of a point that is not shown. */
export const NOWHERE = 65535;
const STEPS = 65534;
const CELLS = 128;

export class Chart {
  readonly count: number;
  readonly xs: Uint16Array;
  readonly ys: Uint16Array;
  #cells: { starts: Uint32Array; members: Uint32Array } | null = null;

  constructor(
    data: ArrayBuffer,
    readonly bounds: Box,
  ) {
    this.count = data.byteLength / 4;
    this.xs = new Uint16Array(data, 0, this.count);
    this.ys = new Uint16Array(data, 2 * this.count, this.count);
  }

  /** Size of a step, in map units. */
  get unit(): XY {
    const [left, bottom, right, top] = this.bounds;
    return [(right - left) / STEPS, (top - bottom) / STEPS];
  }

  /** Where a point lies; null where it is not shown. */
  at(number: number): XY | null {
    const x = this.xs[number];
    const y = this.ys[number];
    if (x === undefined || y === undefined || x === NOWHERE) return null;
    const [wide, high] = this.unit;
    return [this.bounds[0] + x * wide, this.bounds[1] + y * high];
  }

  /** The point nearest to a place, no farther than `reach`; among those that `counts` lets pass. */
  nearest([x, y]: XY, reach: number, counts?: (number: number) => boolean): number | null {
    let best: number | null = null;
    let least = reach * reach;
    this.#within([x - reach, y - reach, x + reach, y + reach], (number, [px, py]) => {
      const far = (px - x) ** 2 + (py - y) ** 2;
      if (far <= least && (counts?.(number) ?? true)) [best, least] = [number, far];
    });
    return best;
  }

  /** Numbers of the points inside a polygon. */
  inside(corners: readonly XY[], counts?: (number: number) => boolean): number[] {
    const found: number[] = [];
    this.#within(boxOf(corners), (number, at) => {
      if (holds(corners, at) && (counts?.(number) ?? true)) found.push(number);
    });
    return found.sort((a, b) => a - b);
  }

  /** Numbers of points in a box, `most` of them at the most. */
  within(box: Box, most: number, counts: (number: number) => boolean): number[] {
    const found: number[] = [];
    this.#within(box, (number, [x, y]) => {
      const inside = x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3];
      if (inside && counts(number)) found.push(number);
      return found.length < most;
    });
    return found;
  }

  /** Calls `each` for the points in the cells of a box and around, until it gives false. */
  #within([left, bottom, right, top]: Box, each: (number: number, at: XY) => unknown): void {
    const { starts, members } = (this.#cells ??= this.#sorted());
    const [x0, y0, x1, y1] = this.bounds;
    const cell = (value: number, low: number, high: number) =>
      Math.min(CELLS - 1, Math.max(0, Math.floor(((value - low) / (high - low || 1)) * CELLS)));
    for (let row = cell(bottom, y0, y1); row <= cell(top, y0, y1); row++) {
      const from = row * CELLS + cell(left, x0, x1);
      const to = row * CELLS + cell(right, x0, x1);
      for (const number of members.subarray(starts[from], starts[to + 1])) {
        const at = this.at(number);
        if (at && each(number, at) === false) return;
      }
    }
  }

  /** Numbers sorted by the cell they lie in, so that a look at a place need not pass all. */
  #sorted() {
    const of = (number: number) => cellOf(this.ys, number) * CELLS + cellOf(this.xs, number);
    const starts = new Uint32Array(CELLS * CELLS + 1);
    let shown = 0;
    for (let n = 0; n < this.count; n++) {
      if (this.xs[n] === NOWHERE) continue;
      add(starts, of(n) + 1, 1);
      shown++;
    }
    for (let c = 0; c < CELLS * CELLS; c++) add(starts, c + 1, starts[c] ?? 0);
    const next = starts.slice();
    const members = new Uint32Array(shown);
    for (let n = 0; n < this.count; n++) {
      if (this.xs[n] === NOWHERE) continue;
      members[next[of(n)] ?? 0] = n;
      add(next, of(n), 1);
    }
    return { starts, members };
  }
}

function cellOf(steps: Uint16Array, number: number): number {
  return Math.min(CELLS - 1, ((steps[number] ?? 0) * CELLS) >> 16);
}

function add(to: Uint32Array, at: number, much: number): void {
  to[at] = (to[at] ?? 0) + much;
}

/** Bytes of a base64 text. */
export function bytes(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Whether a bit is set, the first in the lowest bit of the first byte. */
export function bit(mask: Uint8Array, number: number): boolean {
  return (((mask[number >> 3] ?? 0) >> (number & 7)) & 1) === 1;
}
