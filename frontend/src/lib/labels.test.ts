import { expect, it } from "vitest";
import { keptAt, versionLabel } from "./labels";

const dataset = { id: "d", title: "Butterflies" };

it.each([
  ["NHMUK", "ENT", "1042", "NHMUK ENT 1042"],
  ["MSS", "ENT", "MSS ENT 0001", "MSS ENT 0001"],
  ["YPM", "ENT", "YPM-ENT-0001", "YPM-ENT-0001"],
  ["MSS", null, "MSSX 1", "MSS MSSX 1"],
  [null, null, null, "Butterflies"],
])("%s, %s, %s is kept at %s", (institution_code, collection_code, catalog_number, expected) => {
  expect(keptAt({ institution_code, collection_code, catalog_number, dataset })).toBe(expected);
});

it.each([
  ["default", "hf-hub:imageomics/bioclip-2", "", "default · bioclip-2"],
  ["specimen-tiny", "models/specimen-tiny", "default", "specimen-tiny (default)"],
])("%s of %s", (name, model, note, expected) => {
  expect(versionLabel(name, model, note)).toBe(expected);
});
