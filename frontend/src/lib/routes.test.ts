import { describe, expect, it } from "vitest";
import { exists, load, routeOf } from "./routes";

const all = () => true;

describe("routes", () => {
  it.each([
    ["/", "Search", undefined],
    ["/record/1b2c", "Record", "1b2c"],
    ["/taxon/genus%3AMorpho", "Taxon", "genus:Morpho"],
    ["/taxon/species:Morpho%20peleides/", "Taxon", "species:Morpho peleides"],
    ["/record/100%", "Record", "100%"],
    ["/versions", "Versions", undefined],
    ["/versions/x", "NotFound", undefined],
    ["/nowhere", "NotFound", undefined],
  ])("%s shows %s", (path, page, id) => {
    expect(routeOf(path, all)).toEqual(
      page === "NotFound" || page === "Search" ? { page } : { page, id },
    );
  });

  it("has no page without its file", () => {
    expect(routeOf("/compare", () => false)).toEqual({ page: "NotFound" });
    expect(exists("NotFound")).toBe(true);
    expect(exists("Nothing")).toBe(false);
  });

  it("loads what there is", async () => {
    expect(await load("About")).toBeTypeOf("function");
  });
});
