import { describe, expect, it } from "vitest";
import { countQuery, queryString, searchQuery } from "./query";
import { curl, python, r } from "./snippets";
import { decode } from "./url";

describe("what the API is asked", () => {
  it("is everything the address says, under the API's names", () => {
    const state = decode(
      "?q=red&img=" +
        "a".repeat(64) +
        "&w=0.8&less=moth&taxon=-Vanessa&taxon=Morpho&coordinates=true&group_by=genus&per_group=4" +
        "&fold=true&min_score=0&v=clip&n=20&tab=map&open=r",
    );
    expect(searchQuery(state)).toEqual({
      q: "red",
      image: "a".repeat(64),
      image_weight: "0.8",
      less: ["moth"],
      less_weight: "0.5",
      embed_version: "clip",
      taxon: ["-Vanessa", "Morpho"],
      coordinates: "true",
      group_by: "genus",
      per_group: "4",
      fold: "true",
      min_score: "0",
      limit: "20",
    });
  });

  it("leaves out what says nothing", () => {
    expect(searchQuery(decode("?q=a&w=0.9&less_weight=1"))).toEqual({ q: "a", limit: "60" });
  });

  it("counts under the filters and the first version, whatever is asked for", () => {
    expect(countQuery(decode("?q=a&fuse=x&fuse=y&country=BR"))).toEqual({
      country: ["BR"],
      embed_version: "x",
    });
  });
});

describe("lines to run elsewhere", () => {
  const query = { q: 'l\'aile "bleue"', taxon: ["Morpho", "-Vanessa"] };
  const address = "http://museum/api/v1/search";

  it("quote what a shell would read", () => {
    expect(curl(address, { q: "it's" })).toBe("curl 'http://museum/api/v1/search?q=it%27s'");
    expect(curl("it's", {})).toBe(`curl 'it'\\''s'`);
  });

  it("say the same in Python and R", () => {
    expect(python(address, query)).toContain('"taxon": ["Morpho", "-Vanessa"],');
    expect(python(address, query)).toContain('"q": "l\'aile \\"bleue\\"",');
    expect(python(address, query)).toContain("score");
    expect(python(address, query, false) + r(address, query, false)).not.toContain("score");
    expect(r(address, query)).toContain(JSON.stringify(address + queryString(query)));
  });
});
