import { expect, it } from "vitest";
import { nextIndex } from "./gridnav";

/** Two rows of three, then a row of one wide picture under the right half. */
const boxes = [
  { left: 0, right: 10, top: 0 },
  { left: 10, right: 20, top: 0 },
  { left: 20, right: 30, top: 0 },
  { left: 0, right: 15, top: 50 },
  { left: 15, right: 30, top: 50.4 },
  { left: 0, right: 30, top: 100 },
];

it.each([
  [0, "ArrowRight", 1],
  [2, "ArrowRight", 3],
  [5, "ArrowRight", 5],
  [0, "ArrowLeft", 0],
  [3, "ArrowLeft", 2],
  [0, "ArrowDown", 3],
  [2, "ArrowDown", 4],
  [4, "ArrowDown", 5],
  [5, "ArrowDown", 5],
  [4, "ArrowUp", 2],
  [1, "ArrowUp", 1],
  [3, "Home", 0],
  [3, "End", 5],
  [3, "x", 3],
])("from %i, %s leads to %i", (at, key, to) => {
  expect(nextIndex(boxes, at, key)).toBe(to);
});
