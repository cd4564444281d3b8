/** What may be meant by what is typed: words to search for, apart from names to filter by. */
import type { FilterKey } from "./filters";
import type { NameSuggestion, Suggestions } from "./types";

export interface WordsOption {
  kind: "words";
  text: string;
}

export interface FilterOption {
  kind: "filter";
  key: FilterKey;
  value: string;
  label: string;
  count: number;
  /** The taxon, where it is one. */
  name: NameSuggestion | null;
}

export type Option = WordsOption | FilterOption;

export interface OptionGroup {
  title: "words" | "names" | "places" | "collections";
  options: Option[];
}

const MOST_WORDS = 3;

/** Groups in the order of the list; the words as typed come first, so that Enter keeps its meaning. */
export function optionGroups(typed: string, found: Suggestions | null): OptionGroup[] {
  const completed = (found?.words ?? []).filter((text) => text !== typed).slice(0, MOST_WORDS);
  const words = [typed, ...completed].map((text): Option => ({ kind: "words", text }));
  const groups: OptionGroup[] = [{ title: "words", options: words }];
  if (!found) return groups;
  const names = found.names.map((name): Option => ({
    kind: "filter",
    key: "taxon",
    value: name.filter,
    label: name.name,
    count: name.count,
    name,
  }));
  groups.push({ title: "names", options: names });
  for (const title of ["places", "collections"] as const) {
    const options = found[title].map(({ filter, label, count }): Option => ({
      kind: "filter",
      key: filter.key as FilterKey,
      value: filter.value,
      label,
      count,
      name: null,
    }));
    groups.push({ title, options });
  }
  return groups.filter((group) => group.options.length);
}

/**
 * The part being typed: what was already searched for stays before it.
 * "blue wings mor" after a search for "blue wings" is about "mor".
 */
export function typedPart(draft: string, searched: string): { kept: string; typed: string } {
  const kept = searched.trim();
  if (kept && draft.startsWith(`${kept} `)) return { kept, typed: draft.slice(kept.length).trim() };
  return { kept: "", typed: draft.trim() };
}
