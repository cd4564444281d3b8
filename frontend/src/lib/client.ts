/** Typed calls to the REST API. Every failure is an `ApiProblem` with words a person can use. */
import createClient from "openapi-fetch";
import type { paths } from "./api.d.ts";
import { countQuery, searchQuery } from "./query";
import { strings } from "./strings";
import type {
  BrowseResult,
  Facet,
  FacetName,
  Facets,
  MapCounts,
  RecordDetail,
  SearchResult,
  Suggestions,
  Summary,
  TaxonTree,
  Timeline,
  Version,
  Why,
} from "./types";
import type { SearchState } from "./url";

export class ApiProblem extends Error {
  constructor(
    readonly title: string,
    readonly detail: string,
    readonly status: number,
    /** Last part of the problem's type: "unknown-version", "not-found", … ; "offline" is ours. */
    readonly slug: string,
    readonly requestId: string | null,
  ) {
    super(title);
  }
}

/** For the calls of a page that is loaded on its own. */
export const client = createClient<paths>({
  baseUrl: location.origin,
  // Looked up at each call, so that what replaces it later (a test, an extension) is used.
  fetch: (request) => globalThis.fetch(request),
});

/** Turns an `application/problem+json` body, or anything else a proxy may answer, into a problem. */
export function toProblem(status: number, body: unknown, header: string | null): ApiProblem {
  const given = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const text = (key: string) => (typeof given[key] === "string" ? given[key] : "");
  return new ApiProblem(
    text("title") || strings.problem.titleOf(status),
    text("detail") || strings.problem.noDetail,
    status,
    text("type").split("/").at(-1) || "unknown",
    text("request_id") || header,
  );
}

/** The body of an answer, or the problem that it is. */
export async function answer<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  let result;
  try {
    result = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiProblem(
      strings.problem.offline,
      strings.problem.offlineDetail,
      0,
      "offline",
      null,
    );
  }
  const { data, error, response } = result;
  if (response.ok && data !== undefined) return data;
  throw toProblem(response.status, error, response.headers.get("x-request-id"));
}

/** The first page of an answer, or the one that `cursor` names. */
export function search(
  state: SearchState,
  signal?: AbortSignal,
  cursor?: string,
): Promise<SearchResult> {
  const query = { ...searchQuery(state), ...(cursor && { cursor }) };
  return answer(client.GET("/api/v1/search", { params: { query }, signal }));
}

/** What speaks for an image as an answer to a search. */
export function fetchWhy(state: SearchState, image_id: string): Promise<Why> {
  const query = { ...searchQuery(state), image_id };
  return answer(client.GET("/api/v1/search/why", { params: { query } }));
}

/** Images that pass the filters, where there is nothing to rank them by. */
export async function browse(
  state: SearchState,
  signal?: AbortSignal,
  cursor?: string,
): Promise<BrowseResult> {
  const query = { ...countQuery(state), limit: state.n, ...(cursor && { cursor }) };
  return answer(client.GET("/api/v1/images", { params: { query }, signal }));
}

/** Images by their ids, as many of them as the version of a search finds. */
export async function fetchImages(state: SearchState, image: readonly string[]) {
  const embed_version = state.v ?? state.fuse[0];
  const query = { image: [...image], limit: image.length, ...(embed_version && { embed_version }) };
  return (await answer(client.GET("/api/v1/images", { params: { query } }))).hits;
}

/** The facets of the panel, counted under the filters. */
export function fetchFacets(
  state: SearchState,
  facet: readonly FacetName[],
  signal: AbortSignal,
): Promise<Facets> {
  const query = { ...countQuery(state), facet: [...facet], limit: 8 };
  return answer(client.GET("/api/v1/facets", { params: { query }, signal }));
}

/** One facet in depth: values of which a word begins with `prefix`. */
export async function fetchFacet(
  state: SearchState,
  facet: FacetName,
  prefix: string,
  limit: number,
): Promise<Facet> {
  const query = { ...countQuery(state), facet: [facet], prefix, limit };
  const { facets } = await answer(client.GET("/api/v1/facets", { params: { query } }));
  const [only] = facets;
  if (!only) throw new ApiProblem(strings.problem.noDetail, "", 500, "unknown", null);
  return only;
}

/** How many images pass the filters. */
export async function countOf(state: SearchState): Promise<number> {
  const query = { ...countQuery(state), facet: ["coordinates" as const], limit: 1 };
  return (await answer(client.GET("/api/v1/facets", { params: { query } }))).total;
}

/** Images by year and month under the filters. */
export function fetchTimeline(state: SearchState, signal: AbortSignal): Promise<Timeline> {
  return answer(client.GET("/api/v1/timeline", { params: { query: countQuery(state) }, signal }));
}

/** Images by place in a part of the map: west, south, east, north. */
export function fetchMap(
  state: SearchState,
  window: readonly number[],
  cells: number,
  signal: AbortSignal,
): Promise<MapCounts> {
  const query = { ...countQuery(state), window: window.join(","), cells };
  return answer(client.GET("/api/v1/map", { params: { query }, signal }));
}

/** Names, places, collections and words that begin as typed. */
export function fetchSuggestions(q: string, version: string | null): Promise<Suggestions> {
  const query = { q: q.slice(0, 200), limit: 5, ...(version && { embed_version: version }) };
  return answer(client.GET("/api/v1/suggest", { params: { query } }));
}

/** Taxa under one (`order:Lepidoptera`), or the uppermost. */
export function fetchTaxa(state: SearchState, under: string | null): Promise<TaxonTree> {
  const query = { ...countQuery(state), ...(under && { under }) };
  return answer(client.GET("/api/v1/taxa/tree", { params: { query } }));
}

export function fetchRecord(id: string, signal?: AbortSignal): Promise<RecordDetail> {
  return answer(client.GET("/api/v1/records/{id}", { params: { path: { id } }, signal }));
}

export async function fetchVersions(): Promise<Version[]> {
  return (await answer(client.GET("/api/v1/versions"))).versions;
}

export function fetchSummary(): Promise<Summary> {
  return answer(client.GET("/api/v1/summary"));
}

/** Sends a photo and returns its id, to be used as `img`. */
export async function upload(file: File): Promise<string> {
  const sent = client.POST("/api/v1/uploads", {
    body: { image: "" },
    bodySerializer: () => {
      const form = new FormData();
      form.append("image", file);
      return form;
    },
  });
  return (await answer(sent)).id;
}

export function uploadUrl(id: string): string {
  return `/api/v1/uploads/${encodeURIComponent(id)}`;
}

export function thumbnailUrl(imageId: string): string {
  return `/api/v1/images/${encodeURIComponent(imageId)}/thumbnail`;
}

/** The image as published, where its licence allows a copy. */
export function imageUrl(imageId: string): string {
  return `/api/v1/images/${encodeURIComponent(imageId)}/file`;
}
