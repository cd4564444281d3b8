/** The address of the compare page: a search, the versions that answer it, and what is shown. */
import { decode, encode, EMPTY, type SearchState } from "../url";

export const MOST_VERSIONS = 4;
export const SHOWN = 12;

export interface CompareState {
  search: SearchState;
  /** Versions of the columns, two to four; empty: to be chosen. */
  versions: readonly string[];
  /** Leaves out what every version shows at the same rank. */
  differences: boolean;
  view: "columns" | "sets";
  /** Query set that is shown. */
  set: string | null;
}

export function decodeCompare(text: string): CompareState {
  const params = new URLSearchParams(text);
  const named = [...params.getAll("version"), ...params.getAll("v")].map((name) => name.trim());
  return {
    search: { ...decode(text), v: null, fuse: [], open: null, pic: null },
    versions: [...new Set(named)].filter(Boolean).slice(0, MOST_VERSIONS),
    differences: params.get("differences") === "true",
    view: params.get("view") === "sets" ? "sets" : "columns",
    set: params.get("set")?.trim() || null,
  };
}

export function encodeCompare(state: CompareState): string {
  const plain = { ...EMPTY, ...state.search, v: null, fuse: [], open: null, pic: null };
  const params = new URLSearchParams(encode(plain));
  for (const name of state.versions) params.append("version", name);
  if (state.differences) params.set("differences", "true");
  if (state.view === "sets") params.set("view", "sets");
  if (state.view === "sets" && state.set) params.set("set", state.set);
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** Versions to begin with: the default and the newest others, as many as two. */
export function usualVersions(
  known: readonly { embed_version: string; is_default: boolean; state: string }[],
): string[] {
  const ready = known.filter((version) => version.state === "ready");
  const ordered = [
    ...ready.filter((version) => version.is_default),
    ...ready.filter((version) => !version.is_default).reverse(),
  ];
  return ordered.slice(0, 2).map((version) => version.embed_version);
}

export type Change = { kind: "up" | "down"; by: number } | { kind: "equal" } | { kind: "fresh" };

/** How a rank compares with that of another version; null there: not among those compared. */
export function changeOf(rank: number, other: number | null | undefined): Change {
  if (other === null || other === undefined) return { kind: "fresh" };
  if (other === rank) return { kind: "equal" };
  return { kind: other > rank ? "up" : "down", by: Math.abs(other - rank) };
}
