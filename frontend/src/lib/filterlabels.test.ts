import { describe, expect, it } from "vitest";
import { chipOf } from "./filterlabels";
import { active, readFilters } from "./filters";

describe("a chip", () => {
  it.each([
    ["taxon=genus:Morpho", "Morpho"],
    ["taxon=-Vanessa", "not Vanessa"],
    ["country=BR", "Brazil"],
    ["country=-Yugoslavia", "not Yugoslavia"],
    ["country=QQ", "QQ"],
    ["date=1900,1950", "1900–1950"],
    ["date=1929", "1929"],
    ["date=1900-01-01,1909-12-31", "1900–1909"],
    ["date=,1950", "until 1950"],
    ["date=1950,", "since 1950"],
    ["date=-(1900,1950)", "not 1900–1950"],
    ["month=6,7", "June, July"],
    ["bbox=-70.25,-10,30,5.04", "70.3°W to 30°E, 10°S to 5°N"],
    ["coordinates=false", "without coordinates"],
    ["missing=country", "no country"],
    ["missing=-country", "country stated"],
    ["sex=female", "female"],
  ])("%s says %s", (address, text) => {
    const [only] = active(readFilters(new URLSearchParams(address)));
    expect(only && chipOf(only, new Map())).toBe(text);
  });

  it("uses the server's word for it", () => {
    const [only] = active(readFilters(new URLSearchParams("dataset=-0B1C")));
    expect(only && chipOf(only, new Map([["dataset=0b1c", "Peabody Lepidoptera"]]))).toBe(
      "not Peabody Lepidoptera",
    );
  });
});
