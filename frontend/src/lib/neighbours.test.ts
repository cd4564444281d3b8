import { expect, it } from "vitest";
import { neighbours } from "./neighbours";

const hits = [
  { image: { id: "a1" }, record: { id: "a" } },
  { image: { id: "x" }, record: null },
  { image: { id: "a2" }, record: { id: "a" } },
  { image: { id: "b1" }, record: { id: "b" } },
];

it.each([
  ["a", "a1", null, "a2"],
  ["a", "a2", "a1", "b1"],
  ["a", null, null, "a2"],
  ["b", "b1", "a2", null],
  ["b", "elsewhere", null, null],
  ["c", null, null, null],
])("%s %s lies between %s and %s", (open, pic, previous, next) => {
  const beside = neighbours(hits, { open, pic });
  expect([beside.previous?.pic ?? null, beside.next?.pic ?? null]).toEqual([previous, next]);
});
