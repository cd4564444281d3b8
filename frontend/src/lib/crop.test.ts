import { describe, expect, it } from "vitest";
import { MIDDLE, moved, resized, WHOLE } from "./crop";

const rounded = (crop: object) =>
  Object.values(crop).map((value: number) => Math.round(value * 1000) / 1000);

describe("a crop", () => {
  it("moves within the picture", () => {
    expect(rounded(moved(MIDDLE, 0.1, -0.05))).toEqual([0.25, 0.1, 0.7, 0.7]);
    expect(rounded(moved(MIDDLE, 9, -9))).toEqual([0.3, 0, 0.7, 0.7]);
  });

  it.each([
    ["nw", 0.1, 0.1, [0.1, 0.1, 0.9, 0.9]],
    ["se", -0.5, -0.25, [0, 0, 0.5, 0.75]],
    ["ne", 1, 0.5, [0, 0.5, 1, 0.5]],
    ["sw", 5, -5, [0.96, 0, 0.04, 0.04]],
  ] as const)("by %s keeps the other corner", (handle, dx, dy, want) => {
    expect(rounded(resized(WHOLE, handle, dx, dy))).toEqual(want);
  });
});
