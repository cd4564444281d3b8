/** Calls of the compare page. */
import { answer, client } from "../client";
import { queryString, searchQuery, type Query } from "../query";
import type { Get } from "../types";
import type { SearchState } from "../url";

export type Comparison = Get<"/api/v1/compare">;
export type Column = Comparison["columns"][number];
export type Pair = Comparison["pairs"][number];
export type Tally = Get<"/api/v1/judgements/tally">;
export type PairTally = Tally["pairs"][number];
export type QuerySetRef = Get<"/api/v1/query-sets">["sets"][number];
export type QuerySet = Get<"/api/v1/query-sets/{name}">;
export type Run = Get<"/api/v1/query-sets/{name}/run">;
export type RunRow = Run["rows"][number];

const CHUNK = 5;

/** The search value without versions and paging. */
export function question(search: SearchState): Query {
  const how = ["embed_version", "fuse", "limit", "group_by", "per_group", "fold", "min_score"];
  return Object.fromEntries(
    Object.entries(searchQuery(search)).filter(([key]) => !how.includes(key)),
  );
}

/** A query string of the API's own keys that the search page opens as well. */
export function addressOf(query: object, versions: readonly string[]): string {
  return queryString({ ...(query as Query), version: [...versions] });
}

export function fetchComparison(
  search: SearchState,
  versions: readonly string[],
  limit: number,
): Promise<Comparison> {
  const query = { ...question(search), version: [...versions], limit };
  return answer(client.GET("/api/v1/compare", { params: { query } }));
}

export function fetchTally(versions: readonly string[], queryKey?: string): Promise<Tally> {
  const query = { version: [...versions], ...(queryKey && { query_key: queryKey }) };
  return answer(client.GET("/api/v1/judgements/tally", { params: { query } }));
}

/** Thumbs of this browser for a query: true, false by image. */
export async function fetchThumbs(queryKey: string): Promise<Map<string, boolean>> {
  const query = { query_key: queryKey, judge: judgeName() };
  return byImage(await answer(client.GET("/api/v1/judgements", { params: { query } })));
}

/** Stores a thumb, or takes it back where it is null. */
export async function sendThumb(
  search: SearchState,
  imageId: string,
  relevant: boolean | null,
  version: string,
  ranks: Record<string, number | null>,
): Promise<Map<string, boolean>> {
  const query = question(search) as object;
  const body = {
    query,
    image_id: imageId,
    relevant,
    embed_version: version,
    ranks,
    judge: judgeName(),
  } as never;
  return byImage(await answer(client.POST("/api/v1/judgements", { body })));
}

export async function fetchSets(): Promise<QuerySetRef[]> {
  return (await answer(client.GET("/api/v1/query-sets"))).sets;
}

export function fetchSet(name: string): Promise<QuerySet> {
  return answer(client.GET("/api/v1/query-sets/{name}", { params: { path: { name } } }));
}

export function saveSet(
  name: string,
  description: string,
  queries: readonly { label: string; query: object }[],
): Promise<QuerySet> {
  const body = { description, queries: [...queries] } as never;
  return answer(client.PUT("/api/v1/query-sets/{name}", { params: { path: { name } }, body }));
}

export async function deleteSet(name: string): Promise<void> {
  const params = { path: { name } };
  await answer(
    client
      .DELETE("/api/v1/query-sets/{name}", { params })
      .then((result) => ({ ...result, data: result.response.ok ? true : undefined })),
  );
}

/** Runs a set a few queries at a time; `onrows` is told all rows so far and how many there are. */
export async function runSet(
  name: string,
  versions: readonly string[],
  onrows: (rows: RunRow[], total: number) => boolean,
): Promise<void> {
  const rows: RunRow[] = [];
  let offset: number | null = 0;
  while (offset !== null) {
    const query = { version: [...versions], offset, limit: CHUNK };
    const params = { path: { name }, query };
    const part: Run = await answer(client.GET("/api/v1/query-sets/{name}/run", { params }));
    rows.push(...part.rows);
    if (!onrows([...rows], part.total)) return;
    offset = part.next_offset;
  }
}

function byImage(given: Get<"/api/v1/judgements">): Map<string, boolean> {
  return new Map(given.judgements.map((each) => [each.image_id, each.relevant]));
}

let unkept: string | null = null;

/** A random word that stands for this browser among judges; says nothing about the visitor. */
export function judgeName(): string {
  try {
    const kept = localStorage.getItem("judge");
    if (kept) return kept;
    const made = randomWord();
    localStorage.setItem("judge", made);
    return made;
  } catch {
    return (unkept ??= randomWord());
  }
}

function randomWord(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
