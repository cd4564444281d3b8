/** What is offered while typing. */
import { plural } from "./format";

export const suggest = {
  suggest: {
    label: "Suggestions",
    titles: {
      words: "Search for the words",
      names: "Only this taxon",
      places: "Only from there",
      collections: "Only this collection",
    },
    synonym: (name: string) => `synonym ${name}`,
    found: (count: number) => `${plural(count, "name")} suggested`,
  },
} as const;
