import { describe, expect, it } from "vitest";
import { askedAt, asking, atlasAddress, inVersion } from "./asking";
import { EMPTY } from "./url";

describe("the one search box", () => {
  it("asks on the page one is on, where it answers", () => {
    expect(asking("/", "?q=moth&open=1&tab=map", { q: "wing" })).toBe("/?q=wing&tab=map");
    expect(asking("/atlas", "?q=moth&by=genus&v=birds", { q: "wing" })).toBe(
      "/atlas?q=wing&v=birds&by=genus",
    );
    expect(asking("/compare", "?q=moth&version=a&version=b", { q: "wing" })).toBe(
      "/compare?q=wing&version=a&version=b",
    );
  });

  it("leads to the search page from all others, in the version chosen there", () => {
    expect(asking("/status", "?v=birds&q=no+question+here", { q: "wing" })).toBe(
      "/?q=wing&v=birds",
    );
    expect(askedAt("/record/1", "?q=moth&v=birds")).toEqual({ ...EMPTY, v: "birds" });
  });

  it("writes the atlas without what it does not show", () => {
    expect(atlasAddress({ ...EMPTY, q: "wing", tab: "map", open: "1" }, "family")).toBe(
      "/atlas?q=wing",
    );
  });
});

describe("another version", () => {
  it("keeps the address of any page", () => {
    expect(inVersion("/identify", "?image=ab&v=old", "birds")).toBe("/identify?image=ab&v=birds");
    expect(inVersion("/identify", "?image=ab&v=old", null)).toBe("/identify?image=ab");
    expect(inVersion("/", "?q=wing&fuse=a&fuse=b", "birds")).toBe("/?q=wing&v=birds");
  });

  it("keeps what was selected on the atlas that it was drawn on, and comes back to it", () => {
    const there = inVersion("/atlas", "?atlas=0,0+1,0+1,1", "birds", "tiny");
    expect(new URLSearchParams(there.slice(7)).get("atlas")).toBe("tiny@0,0 1,0 1,1");
    const again = inVersion("/atlas", there.slice(6), null, "tiny");
    expect(new URLSearchParams(again.slice(7)).get("atlas")).toBe("0,0 1,0 1,1");
  });
});
