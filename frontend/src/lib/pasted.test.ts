import { expect, it } from "vitest";
import { ownRecord } from "./pasted";

const ID = "0b7f2c1e-1234-5abc-8def-0123456789ab";
const HERE = "https://museum.example";

it("knows the address of a record of this site, however it is shown", () => {
  expect(ownRecord(` ${HERE}/record/${ID}?pic=1 `, HERE)).toBe(ID);
  expect(ownRecord(`${HERE}/?q=wing&open=${ID}`, HERE)).toBe(ID);
  expect(ownRecord(`${HERE}/api/v1/records/${ID}`, HERE)).toBe(ID);
});

it.each([
  "blue wings",
  `https://elsewhere.example/record/${ID}`,
  `${HERE}/record/not-a-record`,
  `${HERE}/record/${ID} and wings`,
  "https://",
])("takes %s for words", (text) => {
  expect(ownRecord(text, HERE)).toBeNull();
});
