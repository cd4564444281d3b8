import { describe, expect, it } from "vitest";
import { fit, level, pan, toMap, toScreen, zoom } from "./camera";
import { bit, bytes, Chart, NOWHERE } from "./chart";
import { placed, spaced } from "./names";
import { look } from "./painter";
import { channels, palette } from "./palette";
import { boxOf, carried, holds, ofBox, partOf, read, simplified, written } from "./shape";

const SIZE = { width: 800, height: 600 };
const WHOLE = fit([-10, -10, 10, 10], SIZE);

function chart(points: [number, number][]): Chart {
  const steps = new Uint16Array([...points.map(([x]) => x), ...points.map(([, y]) => y)]);
  return new Chart(steps.buffer, [0, 0, 65534, 65534]);
}

describe("camera", () => {
  it("shows all of a box and finds its way back from the screen", () => {
    const corner = toScreen([10, 10], WHOLE, SIZE);
    expect(corner[0]).toBeLessThan(SIZE.width);
    expect(corner[1]).toBeGreaterThan(0);
    expect(toMap(corner, WHOLE, SIZE)[0]).toBeCloseTo(10);
    expect(toMap(corner, WHOLE, SIZE)[1]).toBeCloseTo(10);
  });

  it("keeps what is under the pointer while it zooms, within limits", () => {
    const at = [200, 450] as const;
    const nearer = zoom(WHOLE, 3, at, SIZE, WHOLE);
    expect(toMap(at, nearer, SIZE)[0]).toBeCloseTo(toMap(at, WHOLE, SIZE)[0]);
    expect(toMap(at, nearer, SIZE)[1]).toBeCloseTo(toMap(at, WHOLE, SIZE)[1]);
    expect(zoom(WHOLE, 1e9, at, SIZE, WHOLE).scale).toBeCloseTo(WHOLE.scale * 400);
    expect(zoom(WHOLE, 1e-9, at, SIZE, WHOLE).scale).toBeCloseTo(WHOLE.scale * 0.6);
  });

  it("moves with the hand and names lower ranks when near", () => {
    const moved = pan(WHOLE, 50, -20);
    const [x, y] = toScreen([0, 0], moved, SIZE);
    expect([x, y]).toEqual([expect.closeTo(450), expect.closeTo(280)]);
    expect([1, 3, 9].map((much) => level({ ...WHOLE, scale: WHOLE.scale * much }, WHOLE))).toEqual([
      0, 1, 2,
    ]);
  });
});

describe("shape", () => {
  it("tells inside from outside, dents included", () => {
    const dented = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]] as const; // prettier-ignore
    expect(holds(dented, [1, 1])).toBe(true);
    expect(holds(dented, [2, 3])).toBe(false);
    expect(holds(dented, [5, 1])).toBe(false);
  });

  it("keeps a drawn path short enough for an address", () => {
    const round = Array.from({ length: 5000 }, (_, at) => {
      const turn = (at / 5000) * 2 * Math.PI;
      return [Math.cos(turn), Math.sin(turn)] as const;
    });
    const kept = simplified(round, 0.001);
    expect(kept.length).toBeLessThanOrEqual(60);
    expect(kept.length).toBeGreaterThan(20);
    expect(written(kept).length).toBeLessThan(1000);
  });

  it("reads what it wrote and refuses what is no polygon", () => {
    const corners = ofBox([-1.23456, 0, 2, 3]);
    expect(read(written(corners))).toEqual([[-1.235, 0], [2, 0], [2, 3], [-1.235, 3]]); // prettier-ignore
    expect(boxOf(corners)).toEqual([-1.23456, 0, 2, 3]);
    for (const odd of ["", "1,2 3,4", "a,b c,d e,f", "1 2 3"]) expect(read(odd)).toBeNull();
  });
});

describe("chart", () => {
  const points = chart([
    [100, 100],
    [200, 100],
    [60000, 60000],
    [NOWHERE, NOWHERE],
  ]);

  it("knows where points lie and which are not shown", () => {
    expect(points.count).toBe(4);
    expect(points.at(2)).toEqual([60000, 60000]);
    expect(points.at(3)).toBeNull();
    expect(points.at(9)).toBeNull();
  });

  it("finds the nearest within reach among those that count", () => {
    expect(points.nearest([110, 100], 50)).toBe(0);
    expect(points.nearest([110, 100], 200, (number) => number !== 0)).toBe(1);
    expect(points.nearest([5000, 5000], 50)).toBeNull();
    expect(points.nearest([65534, 65534], 1e6)).toBe(2);
  });

  it("finds what lies inside, the same as asking each", () => {
    const many = chart(
      Array.from({ length: 900 }, (_, at) => [(at * 7919) % 65534, (at * 104729) % 65534]),
    );
    const corners = [[5000, 3000], [60000, 9000], [50000, 62000], [20000, 30000]] as const; // prettier-ignore
    const each = Array.from({ length: 900 }, (_, at) => at).filter((at) =>
      holds(corners, many.at(at) ?? [0, 0]),
    );
    expect(many.inside(corners)).toEqual(each);
    expect(many.inside(corners, (number) => number % 2 === 0)).toEqual(
      each.filter((number) => number % 2 === 0),
    );
  });

  it("reads bits from the lowest of the first byte", () => {
    const mask = bytes(btoa(String.fromCharCode(0b101, 0b10)));
    expect([0, 1, 2, 9, 10, 99].map((at) => bit(mask, at))).toEqual([
      true,
      false,
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("names", () => {
  const at = (label: { x: number; y: number }) => [label.x, label.y] as const;
  const one = (name: string, count: number, x: number, y: number) => ({ name, count, x, y });

  it("keeps the larger of two that would overlap, and one of a name within sight", () => {
    const labels = [
      one("Small", 3, 105, 100),
      one("Large", 9, 100, 104),
      one("Large", 8, 160, 160),
      one("Far", 2, 300, 300),
      one("Outside", 99, 5, 100),
    ];
    const kept = placed(labels, at, () => 60, { width: 400, height: 400 });
    expect(kept.map(({ label }) => label.name)).toEqual(["Large", "Far"]);
  });
});

describe("colours", () => {
  it("have two more than there are values, and a scale where order matters", () => {
    expect(palette(8, false, false)).toHaveLength(10);
    expect(new Set(palette(8, false, true)).size).toBe(10);
    const scale = palette(5, true, false);
    expect(scale[0]).toBe("#440154");
    expect(new Set(scale.slice(0, 5)).size).toBe(5);
    expect(channels("#0a10ff")).toEqual([10, 16, 255]);
  });

  it("grow fainter and smaller with the crowd, and never vanish", () => {
    const [few, many] = [look(500, 1), look(200_000, 1)];
    expect(many.size).toBeLessThan(few.size);
    expect(many.density).toBeLessThan(few.density);
    expect(look(5_000_000, 1).size).toBeGreaterThanOrEqual(2);
    expect(look(200_000, 50).size).toBeGreaterThan(many.size);
  });
});

describe("what is near", () => {
  it("is found in a box, no more than asked for", () => {
    const steps = [0, 13107, 26214, 39321, 65534, NOWHERE];
    const chart = new Chart(new Uint16Array([...steps, ...steps]).buffer, [0, 0, 10, 10]);
    expect(chart.within([1, 1, 7, 7], 9, () => true)).toEqual([1, 2, 3]);
    expect(chart.within([1, 1, 7, 7], 9, (number) => number !== 2)).toEqual([1, 3]);
    expect(chart.within([0, 0, 10, 10], 2, () => true)).toHaveLength(2);
  });

  it("stands as squares of which none covers another", () => {
    const at = (x: number, y: number) => ({ at: [x, y] as const });
    expect(spaced([at(0, 0), at(30, 30), at(70, 0), at(0, 61)], 60)).toEqual([
      at(0, 0),
      at(70, 0),
      at(0, 61),
    ]);
  });
});

describe("a part of another version's atlas", () => {
  it("names it, and none where it is its own", () => {
    expect(partOf("a@b@0,0 1,0 1,1").version).toBe("a@b");
    expect(partOf("0,0 1,0 1,1")).toEqual({ version: null, corners: read("0,0 1,0 1,1") });
  });

  it("is carried along and back", () => {
    const there = carried("-(0,0 1,0 1,1)", "a", "b");
    expect(there).toBe("-(a@0,0 1,0 1,1)");
    expect(carried(there, "b", "c")).toBe(there);
    expect(carried(there, "b", "a")).toBe("-(0,0 1,0 1,1)");
  });
});
