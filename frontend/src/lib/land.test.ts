import type { FeatureCollection } from "geojson";
import { describe, expect, it } from "vitest";
import { degrees, pathOf, windowAround } from "./land";

const square = (west: number, south: number): FeatureCollection["features"][number] => ({
  type: "Feature",
  properties: { kind: "land" },
  geometry: {
    type: "Polygon",
    coordinates: [
      [
        [west, south],
        [west + 5, south],
        [west + 5, south + 5],
        [west, south],
      ],
    ],
  },
});
const land: FeatureCollection = {
  type: "FeatureCollection",
  features: [square(0, 0), square(-179, 0), square(60, 60)],
};

describe("the land around a place", () => {
  it("shows what reaches into the window, and nothing else", () => {
    expect(pathOf(land, "land", windowAround(2, 2, null, 2))).toBe("M0 0L5 0L5 -5L0 0Z");
    expect(pathOf(land, "border", windowAround(2, 2, null, 2))).toBe("");
  });

  it("goes on across the date line", () => {
    expect(pathOf(land, "land", windowAround(2, 178, null, 2))).toBe("M181 0L186 0L186 -5L181 0Z");
  });

  it("is as wide as the uncertainty asks, and ends at the poles", () => {
    expect(windowAround(0, 0, 2_000_000, 2).height).toBeCloseTo(4 * degrees(2_000_000));
    const polar = windowAround(89, 0, null, 2);
    expect([polar.north, polar.height]).toEqual([90, 10]);
    expect(windowAround(-89, 0, null, 2).north - 10).toBe(-90);
  });
});
