import { describe, expect, it } from "vitest";
import type { Position } from "geojson";
import topology from "world-atlas/countries-110m.json";
import { cut, world } from "../../scripts/cut-land.mjs";
import { boxShapes, boxText, cellLabel, cellPoints } from "./mapdata";

describe("a box", () => {
  it.each([
    [{ west: -10, south: 0, east: 20, north: 30 }, "-10,0,20,30"],
    [{ west: 170, south: -50, east: 190, north: 50 }, "170,-50,-170,50"],
    [{ west: -400, south: -95, east: 400, north: 95 }, "-180,-90,180,90"],
    [{ west: -190, south: 0, east: -180, north: 1 }, "170,0,-180,1"],
  ])("%j", (bounds, text) => expect(boxText(bounds)).toBe(text));

  it("is drawn in one piece across the date line", () => {
    const [shape] = boxShapes("170,-50,-170,50").features;
    expect(shape?.geometry.coordinates[0]?.map(([x]) => x)).toEqual([170, 190, 190, 170, 170]);
    expect(boxShapes(null).features).toEqual([]);
  });
});

describe("cells", () => {
  const cell = { west: -80, south: -5, east: -70, north: 5, image_id: "i" };

  it("have circles whose area is the count", () => {
    const at = { ...cell, longitude: -75, latitude: 0 };
    const radii = cellPoints([
      { ...at, count: 100 },
      { ...at, count: 25 },
    ]).features.map((feature) => feature.properties?.radius);
    expect(radii).toEqual([24, 14.5]);
  });

  it("say where they are", () => expect(cellLabel(cell)).toBe("0°N 75°W"));
});

describe("land", () => {
  it("is cut where it crosses the antimeridian, and loses nothing", () => {
    const square = [
      [
        [170, 0],
        [-170, 0],
        [-170, 20],
        [170, 20],
        [170, 0],
      ],
    ];
    const area = (ring: Position[]) =>
      Math.abs(
        ring.reduce((sum, [x = 0, y = 0], at) => {
          const [a = 0, b = 0] = ring[(at + 1) % ring.length] ?? [];
          return sum + (x * b - a * y) / 2;
        }, 0),
      );
    const parts = cut(square);
    expect(parts).toHaveLength(2);
    expect(parts.map(([ring]) => area(ring ?? []))).toEqual([200, 200]);
  });

  it("has no edge across the map", () => {
    const [land, borders] = world(topology).features;
    const rings = [...land.geometry.coordinates.flat(), ...borders.geometry.coordinates];
    const wide = rings.flatMap((ring) =>
      ring.filter(
        ([x = 0, y = 0], at) => at && y > -89 && Math.abs(x - (ring[at - 1]?.[0] ?? x)) > 30,
      ),
    );
    expect(rings.length).toBeGreaterThan(200);
    expect(wide).toEqual([]);
  });
});
