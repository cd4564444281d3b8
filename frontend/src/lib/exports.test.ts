import { afterEach, expect, it, vi } from "vitest";
import { estimate, startExport } from "./exports";
import { size } from "./strings/export";
import { EMPTY } from "./url";

afterEach(() => vi.restoreAllMocks());

it("sends the search as it is, or the images picked out of it", async () => {
  const sent: unknown[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (request) => {
    sent.push(JSON.parse(await (request as Request).text()));
    return Response.json({ id: "r" }, { status: 202 });
  });
  const wanted = { format: "csv", vectors: false, nearest: 200 } as const;
  const asked = {
    ...EMPTY,
    q: "wings",
    v: "tiny",
    filters: { taxon: ["-Morpho"], coordinates: ["true"] },
  };
  await startExport(asked, [], wanted);
  await startExport(asked, ["a", "b"], wanted);
  const common = { q: "wings", embed_version: "tiny", taxon: ["-Morpho"], coordinates: "true" };
  expect(sent[0]).toEqual({ ...common, ...wanted });
  expect(sent[1]).toEqual({ ...common, ...wanted, images: ["a", "b"] });
});

it("says sizes as people do", () => {
  expect([0, 999, 1000, 9_540, 12_345, 1_200_000, 3e12].map(size)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.0 kB",
    "9.5 kB",
    "12 kB",
    "1.2 MB",
    "3,000 GB",
  ]);
});

it("expects vectors to weigh four bytes a number", () => {
  expect(estimate("parquet", 10, 5, 512) - estimate("parquet", 10, 5, 0)).toBe(20_480);
});
