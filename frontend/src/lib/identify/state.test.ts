import { expect, test } from "vitest";
import { decodeIdentify, encodeIdentify, identifyQuery } from "./state";

const FULL =
  "?image=aa&image=bb&like=cc&record=dd&method=text&certainty=0.8&within=genus%3AMorpho" +
  "&latitude=9.5&longitude=-84&month=6&labels=a+moth&labels=Luna%3Dmoth&v=birds&at=2";

test("goes there and back", () => {
  expect(encodeIdentify(decodeIdentify(FULL))).toBe(FULL);
});

test("what cannot be used becomes its default", () => {
  const odd = decodeIdentify("?method=magic&certainty=7&month=13&latitude=9&at=-1");
  expect(odd).toMatchObject({ method: "both", certainty: 0.9, month: null, at: 0 });
  expect(encodeIdentify(odd)).toBe("");
});

test("labels with a bin are told apart for the API", () => {
  expect(identifyQuery(decodeIdentify(FULL))).toEqual({
    image: ["aa", "bb"],
    like: ["cc"],
    record: ["dd"],
    method: "text",
    certainty: "0.8",
    within: ["genus:Morpho"],
    latitude: "9.5",
    longitude: "-84",
    month: "6",
    embed_version: "birds",
    labels: ["a moth"],
    bins: ["Luna=moth"],
  });
});
