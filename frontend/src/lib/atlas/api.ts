/** The calls of the atlas. */
import { answer, ApiProblem, client, toProblem } from "../client";
import type { Filters } from "../filters";
import { filterQuery } from "../query";
import { atlas as words } from "../strings/atlas";
import type { Get } from "../types";
import { EMPTY, type SearchState } from "../url";
import { searchQuery } from "../query";
import type { Facets } from "../types";
import { Chart } from "./chart";
import type { Box } from "./camera";

export type Atlas = Get<"/api/v1/atlas/{version}">;
export type Colours = Get<"/api/v1/atlas/{version}/colours">;
/** A fact of the record or picture, or how like the query it is. */
export type Colouring = Colours["by"] | "score";
/** What the colours stand for. */
export interface Legend {
  values: readonly { label: string; count: number }[];
  others: number;
  missing: number;
  codes: string;
}
export type Label = Get<"/api/v1/atlas/{version}/labels">["levels"][number][number];
export type Passing = Get<"/api/v1/atlas/{version}/mask">;
export type Point = Get<"/api/v1/atlas/{version}/images">["points"][number];
export type Position = Get<"/api/v1/atlas/{version}/positions">["positions"][number];

const of = (version: string) => ({ version });

export function fetchAtlas(version: string, signal: AbortSignal): Promise<Atlas> {
  return answer(client.GET("/api/v1/atlas/{version}", { params: { path: of(version) }, signal }));
}

export async function fetchChart(atlas: Atlas, signal: AbortSignal): Promise<Chart> {
  const version = atlas.embed_version.embed_version;
  const address = `/api/v1/atlas/${encodeURIComponent(version)}/points?revision=${encodeURIComponent(atlas.revision)}`;
  let response;
  try {
    response = await fetch(address, { signal });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiProblem("", "", 0, "offline", null);
  }
  if (!response.ok) throw toProblem(response.status, await response.json(), null);
  return new Chart(await response.arrayBuffer(), atlas.bounds as unknown as Box);
}

export async function fetchLabels(version: string, signal: AbortSignal): Promise<Label[][]> {
  const path = of(version);
  return (await answer(client.GET("/api/v1/atlas/{version}/labels", { params: { path }, signal })))
    .levels;
}

export function fetchColours(
  version: string,
  by: Colours["by"],
  signal: AbortSignal,
): Promise<Legend> {
  const params = { path: of(version), query: { by } };
  return answer(client.GET("/api/v1/atlas/{version}/colours", { params, signal }));
}

/** How like the query every point is, as shares of all. */
export async function fetchScores(
  version: string,
  state: SearchState,
  signal: AbortSignal,
): Promise<Legend> {
  const params = {
    path: of(version),
    query: searchQuery({ ...state, v: null, fuse: [], filters: {} }),
  };
  const { levels, codes } = await answer(
    client.GET("/api/v1/atlas/{version}/scores", { params, signal }),
  );
  const values = levels.map(({ share, least, count }) => ({
    label: words.level(share, least),
    count,
  }));
  return { values, others: 0, missing: 0, codes };
}

/** Which points pass the filters. */
export function fetchMask(version: string, filters: Filters, signal: AbortSignal) {
  const query = filterQuery(filters);
  return answer(
    client.GET("/api/v1/atlas/{version}/mask", { params: { path: of(version), query }, signal }),
  );
}

export async function fetchPoints(version: string, number: number[]): Promise<Point[]> {
  const params = { path: of(version), query: { number } };
  return (await answer(client.GET("/api/v1/atlas/{version}/images", { params }))).points;
}

/** Where the images nearest to a query lie, the best first. */
export async function fetchNearest(
  version: string,
  state: SearchState,
  signal: AbortSignal,
): Promise<Position[]> {
  const asked = { ...state, n: 200, v: version, fuse: [], groupBy: null, fold: false };
  const filters = { ...state.filters, atlas: [] };
  const query = searchQuery({ ...asked, filters });
  const { hits } = await answer(client.GET("/api/v1/search", { params: { query }, signal }));
  const image = hits.map((hit) => hit.image.id);
  if (!image.length) return [];
  const params = { path: of(version), query: { image } };
  return (await answer(client.GET("/api/v1/atlas/{version}/positions", { params, signal })))
    .positions;
}

/** Counts of a part of the map. */
export function fetchCounts(
  version: string,
  state: SearchState,
  facet: Facets["facets"][number]["name"][],
  limit: number,
  signal: AbortSignal,
): Promise<Facets> {
  const filters = filterQuery(state.filters);
  const query = { ...filters, embed_version: version, facet, limit };
  return answer(client.GET("/api/v1/facets", { params: { query }, signal }));
}

/** A search of everything in a version. */
export function everything(version: string): SearchState {
  return { ...EMPTY, v: version };
}
