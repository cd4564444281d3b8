/** The calls about sets that are taken away or cited. */
import { answer, client } from "./client";
import { type Query, searchQuery } from "./query";
import type { Get } from "./types";
import type { SearchState } from "./url";

export type Cited = Get<"/api/v1/cite">;
export type Receipt = Get<"/api/v1/receipts/{id}">;
export type Format = Receipt["format"];

export interface Wanted {
  format: Format;
  vectors: boolean;
  nearest: number;
}

/** The most of a query that an export holds. */
export const MOST_NEAREST = 2000;

/** A search, or the images picked out of it, as a set. */
function setQuery(state: SearchState, images: readonly string[]): Query {
  const query = searchQuery(state);
  delete query.limit;
  return images.length ? { ...query, images: [...images] } : query;
}

export function fetchCited(
  state: SearchState,
  images: readonly string[],
  nearest: number,
  signal: AbortSignal,
): Promise<Cited> {
  const query = { ...setQuery(state, images), nearest };
  return answer(client.GET("/api/v1/cite", { params: { query }, signal }));
}

/** Asks for a file; the receipt says how far it is. */
export function startExport(
  state: SearchState,
  images: readonly string[],
  wanted: Wanted,
): Promise<Receipt> {
  // The API reads numbers and flags from strings too, as it does in addresses.
  const body = { ...setQuery(state, images), ...wanted } as never;
  return answer(client.POST("/api/v1/exports", { body }));
}

export function fetchReceipt(id: string, signal: AbortSignal): Promise<Receipt> {
  return answer(client.GET("/api/v1/receipts/{id}", { params: { path: { id } }, signal }));
}

/** Bytes a file takes, roughly: measured on tables of real records. */
export function estimate(format: Format, images: number, records: number, values: number): number {
  const each = { csv: 850, parquet: 220, images: 460, dwca: 45 }[format];
  const vectors = format === "parquet" ? images * values * 4 : 0;
  return images * each + (format === "dwca" ? records * 90 : 0) + vectors;
}
