/** The state of the page as parameters of the REST API. */
import { active, type Filters } from "./filters";
import { hasLess, isCombined, type SearchState } from "./url";

export type Query = Record<string, string | string[]>;

/** Everything `GET /api/v1/search` is asked; defaults of the API left out. */
export function searchQuery(state: SearchState): Query {
  const less = hasLess(state);
  return filled({
    q: state.q,
    image: state.img,
    like: state.like,
    like_record: state.likeRecord,
    image_weight: isCombined(state) ? state.w : null,
    less: state.less,
    less_like: state.lessLike,
    less_weight: less ? state.lessWeight : null,
    fuse: state.fuse,
    embed_version: state.v,
    ...filterQuery(state.filters),
    group_by: state.groupBy,
    per_group: state.groupBy && state.perGroup > 1 ? state.perGroup : null,
    fold: state.fold || null,
    min_score: state.minScore,
    limit: state.n,
  });
}

/** The filters and the version they are counted in. */
export function countQuery(state: SearchState): Query {
  return filled({ ...filterQuery(state.filters), embed_version: state.v ?? state.fuse[0] });
}

/** The filters alone. */
export function filterQuery(filters: Filters): Query {
  const query: Record<string, string[]> = {};
  for (const { key, value } of active(filters)) (query[key] ??= []).push(value);
  // One answer is wanted of this key, not a list.
  const { coordinates, ...rest } = query;
  return coordinates?.[0] ? { ...rest, coordinates: coordinates[0] } : rest;
}

/** A query string, lists as repeated keys; "" for none. */
export function queryString(query: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    for (const each of [value].flat()) params.append(key, each);
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

type Loose = string | number | boolean | readonly string[] | null | undefined;

function filled(loose: Record<string, Loose>): Query {
  const query: Query = {};
  for (const [key, value] of Object.entries(loose)) {
    if (Array.isArray(value) ? value.length : value !== null && value !== undefined && value !== "")
      query[key] = Array.isArray(value) ? [...value] : String(value);
  }
  return query;
}
