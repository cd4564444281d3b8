import { describe, expect, it } from "vitest";
import { isItalic, nameParts, plainName, type NameFields } from "./names";

/** The name with italic runs between underscores. */
const marked = (fields: NameFields) =>
  nameParts(fields)
    .map((part) => (part.italic ? `_${part.text}_` : part.text))
    .join("");

describe("nameParts", () => {
  it.each<[string, NameFields]>([
    [
      "_Heliconius erato_ (Linnaeus, 1758)",
      {
        scientific_name: "Heliconius erato (Linnaeus, 1758)",
        canonical_name: "Heliconius erato",
        authorship: "(Linnaeus, 1758)",
        taxon_rank: "species",
      },
    ],
    [
      "_Heliconius erato_ Linnaeus",
      {
        scientific_name: "Heliconius erato Linnaeus",
        canonical_name: "Heliconius erato",
        taxon_rank: "SPECIES",
      },
    ],
    ["Nymphalidae Rafinesque, 1815", family("Nymphalidae", "Rafinesque, 1815")],
    ["_Quercus_", { canonical_name: "Quercus", taxon_rank: "genus" }],
    ["Quercus", { canonical_name: "Quercus" }],
    ["_Rosa_ × _alba_", { canonical_name: "Rosa × alba", taxon_rank: "species" }],
    [
      "_Poa annua_ var. _reptans_",
      { canonical_name: "Poa annua var. reptans", taxon_rank: "variety" },
    ],
    ["_Danaus_ cf. _plexippus_", { canonical_name: "Danaus cf. plexippus", taxon_rank: "species" }],
    ["_Danaus_ sp.", { canonical_name: "Danaus sp.", taxon_rank: "genus" }],
    ["_Canis lupus familiaris_", { scientific_name: "Canis lupus familiaris" }],
    ["", { vernacular_name: "Wolf" }],
  ])("%s", (expected, fields) => {
    expect(marked(fields)).toBe(expected);
  });

  it("leaves the author out when asked", () => {
    const parts = nameParts(family("Nymphalidae", "Rafinesque, 1815"), false);
    expect(parts).toEqual([{ text: "Nymphalidae", italic: false }]);
  });
});

describe("isItalic", () => {
  it.each(["genus", "subgenus", "species", "Subspecies", "variety", "form"])("%s is", (rank) => {
    expect(isItalic(rank, "X")).toBe(true);
  });

  it.each(["kingdom", "order", "family", "subfamily", "superfamily", "tribe"])(
    "%s is not",
    (rank) => {
      expect(isItalic(rank, "X")).toBe(false);
    },
  );
});

describe("plainName", () => {
  it("falls back to the common name, then to null", () => {
    expect(plainName({ vernacular_name: "Wolf" })).toBe("Wolf");
    expect(plainName({})).toBeNull();
  });
});

function family(canonical_name: string, authorship: string): NameFields {
  return {
    scientific_name: `${canonical_name} ${authorship}`,
    canonical_name,
    authorship,
    taxon_rank: "family",
  };
}
