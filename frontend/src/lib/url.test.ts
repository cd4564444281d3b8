import { describe, expect, it } from "vitest";
import { asks, decode, EMPTY, encode, isCombined, searchKey, shows, type SearchState } from "./url";

const sha = "a".repeat(64);

const CASES: [string, Partial<SearchState>][] = [
  ["", {}],
  ["?q=red+wings", { q: "red wings" }],
  ["?q=%C3%89caille+%26+fils+%3D+%2B+%23", { q: "Écaille & fils = + #" }],
  [`?img=${sha}`, { img: sha }],
  ["?like=1b4e28ba", { like: "1b4e28ba" }],
  [`?q=blue&img=${sha}&w=0.8`, { q: "blue", img: sha, w: 0.8 }],
  ["?q=a&w=0", { q: "a", w: 0 }],
  ["?q=a&v=bioclip-2&n=100", { q: "a", v: "bioclip-2", n: 100 }],
  ["?q=a&open=r1&pic=i1", { q: "a", open: "r1", pic: "i1" }],
  ["?like_record=r1", { likeRecord: "r1" }],
  [
    "?q=a&less=moth&less=grey+wings&less_like=i1&less_weight=0.8",
    {
      q: "a",
      less: ["moth", "grey wings"],
      lessLike: ["i1"],
      lessWeight: 0.8,
    },
  ],
  ["?q=a&fuse=clip&fuse=bioclip", { q: "a", fuse: ["clip", "bioclip"] }],
  [
    "?q=a&group_by=species&per_group=3&fold=true&min_score=0.25&tab=map",
    {
      q: "a",
      groupBy: "species",
      perGroup: 3,
      fold: true,
      minScore: 0.25,
      tab: "map",
    },
  ],
  ["?min_score=0", { minScore: 0 }],
  [
    "?taxon=family%3ANymphalidae&taxon=-Vanessa&country=BR&bbox=-%28170%2C-50%2C-170%2C50%29",
    {
      filters: {
        taxon: ["family:Nymphalidae", "-Vanessa"],
        country: ["BR"],
        bbox: ["-(170,-50,-170,50)"],
      },
    },
  ],
];

describe("the address and the state", () => {
  it.each(CASES)("%s reads and writes the same", (address, part) => {
    const state = { ...EMPTY, ...part };
    expect(decode(address)).toEqual(state);
    expect(encode(state)).toBe(address);
  });

  it.each([
    ["?w=2&n=0", { w: 1, n: 1 }],
    ["?w=-1&n=9999", { w: 0, n: 200 }],
    ["?w=x&n=&q=++", {}],
    ["?w=0.333333&n=12.7", { w: 0.33, n: 13 }],
    ["?w=Infinity&n=NaN", {}],
    [`?img=${sha.toUpperCase()}&like=b`, { img: sha }],
    ["?pic=i1", {}],
    ["?utm_source=x", {}],
    [
      "?image=" + sha + "&image_weight=0.8&embed_version=a&limit=20",
      { img: sha, w: 0.8, v: "a", n: 20 },
    ],
    ["?like=b&like_record=r", { like: "b" }],
    ["?fuse=only&fuse=+", { v: "only" }],
    ["?fuse=a&fuse=b&v=c", { fuse: ["a", "b"] }],
    ["?group_by=colour&tab=list&fold=no&per_group=99&min_score=high", { perGroup: 12 }],
    ["?country=&country=BR&country=BR&taxon=-", { filters: { country: ["BR"] } }],
    ["?year=1900,1950", { filters: { date: ["1900,1950"] } }],
  ])("%s is made usable", (address, part) => {
    expect(decode(address)).toEqual({ ...EMPTY, ...part });
  });

  it("writes one address for one search, whatever the order and the spaces", () => {
    expect(encode(decode("?n=100&v=a&q=%20red%20"))).toBe("?q=red&v=a&n=100");
  });

  it("never writes two pictures", () => {
    expect(encode({ img: sha, like: "b" })).toBe(`?img=${sha}`);
  });
});

describe("what is asked", () => {
  it("is nothing without words or a picture", () => {
    expect(asks(decode("?v=a&n=5"))).toBe(false);
    expect(asks(decode("?like=a"))).toBe(true);
  });

  it("is combined only with both", () => {
    expect(isCombined(decode("?q=a"))).toBe(false);
    expect(isCombined(decode("?q=a&like=b"))).toBe(true);
  });

  it("is shown with filters alone, though not searched for", () => {
    expect(shows(decode("?country=BR"))).toBe(true);
    expect(asks(decode("?country=BR"))).toBe(false);
    expect(shows(decode("?group_by=genus"))).toBe(false);
  });

  it("is another with another filter, and the same on another tab", () => {
    expect(searchKey(decode("?q=a&country=BR"))).not.toBe(searchKey(decode("?q=a&country=-BR")));
    expect(searchKey(decode("?q=a&tab=map&less_weight=1"))).toBe(searchKey(decode("?q=a")));
  });

  it("does not change with the open record, nor with a weight that weighs nothing", () => {
    expect(searchKey(decode("?q=a&open=r&pic=i&w=0.9"))).toBe(searchKey(decode("?q=a")));
    expect(searchKey(decode("?q=a&like=b&w=0.9"))).not.toBe(searchKey(decode("?q=a&like=b")));
  });
});
