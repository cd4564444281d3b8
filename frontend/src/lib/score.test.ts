import { expect, it } from "vitest";
import { barShare, cosineText } from "./score";

it.each([
  [0.3, 0.3, 1],
  [0.15, 0.3, 0.5],
  [0.31, 0.3, 1],
  [-0.1, 0.3, 0],
  [-0.1, -0.05, 0],
  [0, 0, 0],
  [NaN, 0.3, 0],
])("a cosine of %f beside the best %f fills %f of the bar", (score, best, share) => {
  expect(barShare(score, best)).toBeCloseTo(share, 10);
});

it.each([
  [0.31234, "0.312"],
  [1, "1.000"],
  [-0.25, "−0.250"],
  [-0.0001, "0.000"],
])("%f is written %s", (score, text) => {
  expect(cosineText(score)).toBe(text);
});
