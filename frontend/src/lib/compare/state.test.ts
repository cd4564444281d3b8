import { describe, expect, test } from "vitest";
import { changeOf, decodeCompare, encodeCompare, usualVersions } from "./state";

describe("the address of the compare page", () => {
  test("goes there and back", () => {
    const text = "?q=red+wings&taxon=genus%3AMorpho&version=a&version=b&differences=true";
    expect(encodeCompare(decodeCompare(text))).toBe(text);
  });

  test("takes v for version, each once, at most four", () => {
    expect(decodeCompare("?v=a&v=b&version=a&v=c&v=d&v=e").versions).toEqual(["a", "b", "c", "d"]);
  });

  test("keeps no version of the search itself", () => {
    expect(decodeCompare("?q=x&v=a&v=b&fuse=a&fuse=b").search).toMatchObject({ v: null, fuse: [] });
  });
});

test("rank changes", () => {
  expect(changeOf(3, 15)).toEqual({ kind: "up", by: 12 });
  expect(changeOf(5, 2)).toEqual({ kind: "down", by: 3 });
  expect(changeOf(5, 5)).toEqual({ kind: "equal" });
  expect(changeOf(5, null)).toEqual({ kind: "fresh" });
});

test("begins with the default and the newest other that can be searched", () => {
  const version = (embed_version: string, is_default = false, state = "ready") => ({
    embed_version,
    is_default,
    state,
  });
  const known = [
    version("old"),
    version("own", true),
    version("new"),
    version("x", false, "building"),
  ];
  expect(usualVersions(known)).toEqual(["own", "new"]);
});
