import { describe, expect, it } from "vitest";
import { heaps, onlyGroup, within } from "./groups";

const hit = (rank: number, key: string | null) => ({
  rank,
  group: key === null ? null : { key, label: key, size: null },
});

describe("groups", () => {
  it("come in the order of their best, with what belongs to none", () => {
    const found = heaps([hit(1, "b"), hit(2, "a"), hit(3, null), hit(4, "b")]);
    expect(found.map(({ key, hits }) => [key, hits.map((each) => each.rank)])).toEqual([
      ["b", [1, 4]],
      ["a", [2]],
      ["", [3]],
    ]);
  });

  it.each([
    ["genus", "Morpho", { taxon: ["genus:Morpho"] }],
    ["country", "BR", { country: ["BR"] }],
    ["decade", "1920", { date: ["1920,1929"] }],
    ["record", "r1", { record: ["r1"] }],
    ["genus", "", null],
  ] as const)("of a %s are narrowed to %s", (by, key, filters) => {
    expect(onlyGroup({}, by, key)).toEqual(filters);
  });
});

it("looks into a group by the next rank down, and into the lowest not at all", () => {
  expect(within({ groupBy: "family", perGroup: 6 })).toEqual({ groupBy: "genus", perGroup: 6 });
  expect(within({ groupBy: "species", perGroup: 6 })).toEqual({ groupBy: null, perGroup: 1 });
  expect(within({ groupBy: "country", perGroup: 6 })).toEqual({ groupBy: null, perGroup: 1 });
});
