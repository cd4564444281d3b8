import { describe, expect, it } from "vitest";
import { optionGroups, typedPart } from "./suggest";
import type { Suggestions } from "./types";

const found: Suggestions = {
  names: [
    {
      filter: "genus:Morpho",
      name: "Morpho",
      rank: "genus",
      authorship: null,
      matched: "Morpho",
      kind: "accepted",
      count: 3,
    },
  ],
  places: [],
  collections: [{ filter: { key: "collection", value: "MOR" }, label: "MOR", count: 2 }],
  words: ["morpho", "morning blue"],
};

describe("suggestions", () => {
  it("keep words apart from names, and begin with what is typed", () => {
    const groups = optionGroups("mor", found);
    expect(groups.map((group) => group.title)).toEqual(["words", "names", "collections"]);
    expect(groups[0]?.options[0]).toEqual({ kind: "words", text: "mor" });
    expect(groups[1]?.options[0]).toMatchObject({ key: "taxon", value: "genus:Morpho" });
  });

  it("offer the words alone until the server has answered", () => {
    expect(optionGroups("mor", null)).toEqual([
      { title: "words", options: [{ kind: "words", text: "mor" }] },
    ]);
  });

  it.each([
    ["blue wings mor", "blue wings", "blue wings", "mor"],
    ["mor", "blue wings", "", "mor"],
    ["blue wings", "blue wings", "", "blue wings"],
  ])("%s after %s", (draft, searched, kept, typed) => {
    expect(typedPart(draft, searched)).toEqual({ kept, typed });
  });
});
