/** Which page an address shows. A page is there as soon as its file is; each is loaded when asked for. */
import type { Component } from "svelte";

export type Page = Component<{ id?: string }>;
type Load = () => Promise<{ default: Page }>;

// The search page is in the shell: it is what most visits begin with.
const FILES = import.meta.glob<{ default: Page }>(["../pages/*.svelte", "!../pages/Search.svelte"]);

const PATHS: [pattern: RegExp, page: string][] = [
  [/^\/record\/([^/]+)\/?$/, "Record"],
  [/^\/taxon\/([^/]+)\/?$/, "Taxon"],
  [/^\/receipt\/([^/]+)\/?$/, "Receipt"],
  [/^\/compare\/?$/, "Compare"],
  [/^\/atlas\/?$/, "Atlas"],
  [/^\/identify\/?$/, "Identify"],
  [/^\/status\/?$/, "Status"],
  [/^\/versions\/?$/, "Versions"],
  [/^\/about\/?$/, "About"],
];

export interface Route {
  /** Name of the page's file; "Search" and "NotFound" among them. */
  page: string;
  /** What the address names: a record, a taxon, a receipt. */
  id?: string;
}

/** The route of a path; an address that leads nowhere, or to a page not built, is "NotFound". */
export function routeOf(path: string, has: (page: string) => boolean = exists): Route {
  if (path === "/") return { page: "Search" };
  for (const [pattern, page] of PATHS) {
    const found = pattern.exec(path);
    if (found && has(page)) return { page, id: found[1] && decoded(found[1]) };
  }
  return { page: "NotFound" };
}

/** Whether there is a file for a page. */
export function exists(page: string): boolean {
  return fileOf(page) in FILES;
}

/** The page's component; rejects when its file cannot be fetched. */
export async function load(page: string): Promise<Page> {
  const get = FILES[fileOf(page)] as Load;
  return (await get()).default;
}

const fileOf = (page: string) => `../pages/${page}.svelte`;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
