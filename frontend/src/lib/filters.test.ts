import { describe, expect, it } from "vitest";
import {
  active,
  type Filters,
  markOf,
  nextMark,
  pasted,
  readFilters,
  signed,
  split,
  withMark,
  without,
  writeFilters,
} from "./filters";

const read = (text: string) => readFilters(new URLSearchParams(text));
const write = (filters: Filters) => {
  const params = new URLSearchParams();
  writeFilters(params, filters);
  return decodeURIComponent(params.toString());
};

describe("a value and its sign", () => {
  it.each([
    ["country", "BR", "BR", false],
    ["country", "-BR", "BR", true],
    ["catalog", "\\-17", "-17", false],
    ["catalog", "--17", "-17", true],
    ["bbox", "-70,-10,-60,5", "-70,-10,-60,5", false],
    ["bbox", "-(-70,-10,-60,5)", "-70,-10,-60,5", true],
    ["date", "-(1900,1950)", "1900,1950", true],
  ] as const)("%s %s", (key, value, bare, excluded) => {
    expect(split(key, value)).toEqual({ bare, excluded });
    expect(signed(key, bare, excluded)).toBe(value);
  });
});

describe("filters", () => {
  const filters = read("country=BR&taxon=-Vanessa&taxon=Nymphalidae&nonsense=1");

  it("stand in one order, whatever the address had", () => {
    expect(write(filters)).toBe("taxon=-Vanessa&taxon=Nymphalidae&country=BR");
    expect(active(filters).map((each) => each.bare)).toEqual(["Vanessa", "Nymphalidae", "BR"]);
  });

  it("tell included from excluded", () => {
    expect(markOf(filters, "taxon", "vanessa")).toBe("exclude");
    expect(markOf(filters, "taxon", "Nymphalidae")).toBe("include");
    expect(markOf(filters, "country", "PE")).toBe(null);
  });

  it("go from nothing to include to exclude and back", () => {
    let now: Filters = {};
    const seen = [1, 2, 3].map(() => {
      now = withMark(now, "country", "BR", nextMark(markOf(now, "country", "BR")));
      return write(now);
    });
    expect(seen).toEqual(["country=BR", "country=-BR", ""]);
    expect(now).toEqual({});
  });

  it("lose one condition and keep the others", () => {
    expect(write(without(filters, { key: "taxon", value: "-Vanessa" }))).toBe(
      "taxon=Nymphalidae&country=BR",
    );
  });
});

describe("a pasted list", () => {
  it.each([
    [
      "Morpho peleides\nVanessa  atalanta\n\nMorpho peleides",
      ["Morpho peleides", "Vanessa atalanta"],
    ],
    ["YPM 1; YPM 2,\tYPM 3\r\n", ["YPM 1", "YPM 2", "YPM 3"]],
    [" \n ", []],
  ])("%j", (text, values) => expect(pasted(text)).toEqual(values));
});
