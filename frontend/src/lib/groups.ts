/** Hits under the headings the server gave them. */
import { type Filters, withMark } from "./filters";
import type { Hit } from "./types";
import type { Group, SearchState } from "./url";

type Grouped = Pick<Hit, "group">;

export interface Heap<T extends Grouped> {
  key: string;
  group: Hit["group"];
  hits: T[];
}

/** Groups in order of their best hit; hits without a group stand under a heading of their own. */
export function heaps<T extends Grouped>(hits: readonly T[]): Heap<T>[] {
  const found = new Map<string, Heap<T>>();
  for (const hit of hits) {
    const key = hit.group?.key ?? "";
    const heap: Heap<T> = found.get(key) ?? { key, group: hit.group, hits: [] };
    heap.hits.push(hit);
    found.set(key, heap);
  }
  return [...found.values()];
}

/** The filters that keep one group only; null where the group cannot be said as a filter. */
export function onlyGroup(filters: Filters, by: Group, key: string): Filters | null {
  if (!key) return null;
  if (by === "record") return withMark(filters, "record", key, "include");
  if (by === "institution" || by === "collection" || by === "country")
    return withMark(filters, by, key, "include");
  if (by === "decade") {
    const year = Number.parseInt(key, 10);
    return Number.isNaN(year) ? null : withMark(filters, "date", `${year},${year + 9}`, "include");
  }
  return withMark(filters, "taxon", key.includes(":") ? key : `${by}:${key}`, "include");
}

const RANKS: readonly Group[] = ["order", "family", "genus", "species"];

/** How one group is looked into: by the next rank down where there is one, else not grouped. */
export function within({ groupBy, perGroup }: Pick<SearchState, "groupBy" | "perGroup">) {
  const next = groupBy && RANKS[RANKS.indexOf(groupBy) + 1];
  return groupBy && RANKS.includes(groupBy) && next
    ? { groupBy: next, perGroup }
    : { groupBy: null, perGroup: 1 };
}
