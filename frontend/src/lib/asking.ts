/** What the one search box asks: the question of the page one is on, or a new one on the search page. */
import { carried } from "./atlas/shape";
import { decodeCompare, encodeCompare } from "./compare/state";
import { decode, EMPTY, encode, type SearchState } from "./url";

const ANSWERING = ["/", "/compare", "/atlas"];

/** The question that an address holds; of a page that answers none only its version. */
export function askedAt(path: string, search: string): SearchState {
  const asked = decode(search);
  if (path === "/compare") return decodeCompare(search).search;
  return ANSWERING.includes(path) ? asked : { ...EMPTY, v: asked.v };
}

/** Where the same page, or else the search page, answers a changed question. */
export function asking(path: string, search: string, change: Partial<SearchState>): string {
  const asked = { ...askedAt(path, search), open: null, pic: null, ...change };
  if (path === "/compare")
    return `/compare${encodeCompare({ ...decodeCompare(search), search: asked })}`;
  if (path === "/atlas") return atlasAddress(asked, new URLSearchParams(search).get("by"));
  return `/${encode(asked)}`;
}

/** The atlas under a search, its points coloured `by` (null: by family). */
export function atlasAddress(asked: SearchState, by: string | null): string {
  const query = new URLSearchParams(encode({ ...asked, tab: "grid", open: null, pic: null }));
  if (by && by !== "family") query.set("by", by);
  return `/atlas${query.size ? `?${query}` : ""}`;
}

/**
 * The same address in another version, null for the default, which is called `standard`. A selection
 * on the atlas stays: it names the atlas that it was drawn on.
 */
export function inVersion(path: string, search: string, v: string | null, standard = ""): string {
  if (ANSWERING.includes(path)) {
    const asked = askedAt(path, search);
    const from = asked.v ?? standard;
    const atlas = asked.filters.atlas?.map((each) => carried(each, from, v ?? standard));
    const filters = atlas ? { ...asked.filters, atlas } : asked.filters;
    return asking(path, search, { v, fuse: [], filters });
  }
  const params = new URLSearchParams(search);
  params.delete("embed_version");
  if (v) params.set("v", v);
  else params.delete("v");
  return `${path}${params.size ? `?${params}` : ""}`;
}
