import { describe, expect, it } from "vitest";
import { bars, heights, rangeOf, yearsOf } from "./timeline";

describe("bars of years", () => {
  it("are single years where there is room", () => {
    expect(
      bars([
        { year: 1901, count: 2 },
        { year: 1903, count: 1 },
      ]),
    ).toEqual([
      { from: 1901, to: 1901, count: 2 },
      { from: 1902, to: 1902, count: 0 },
      { from: 1903, to: 1903, count: 1 },
    ]);
  });

  it("begin at round years and lose nobody", () => {
    const years = Array.from({ length: 173 }, (_, at) => ({ year: 1849 + at, count: at }));
    const made = bars(years);
    expect(made.length).toBeLessThanOrEqual(60);
    expect(made[0]).toMatchObject({ from: 1845, to: 1849 });
    expect(made.reduce((sum, bar) => sum + bar.count, 0)).toBe((172 * 173) / 2);
  });

  it("are none without years", () => expect(bars([])).toEqual([]));

  it("show the small beside the large", () => {
    expect(heights([0, 1, 10_000])).toEqual([0, 0.03, 1]);
  });
});

describe("a range of years", () => {
  it.each([
    ["1900,1950", 1900, 1950],
    ["1929", 1929, 1929],
    ["1900,", 1900, null],
    [",1950", null, 1950],
    ["1900-01-01,1909-12-31", 1900, 1909],
  ])("%s", (text, from, to) => expect(yearsOf(text)).toEqual({ from, to }));

  it.each(["1929-06", "1900-01-01,1900-03-01", "x"])("%s is not one", (text) => {
    expect(yearsOf(text)).toBe(null);
  });

  it.each([
    [1900, 1950, "1900,1950"],
    [1950, 1900, "1900,1950"],
    [null, 950, ",0950"],
    [null, null, ""],
  ])("%s to %s is written", (from, to, text) => expect(rangeOf(from, to)).toBe(text));
});
