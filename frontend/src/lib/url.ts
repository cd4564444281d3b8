/** The address is the whole state of the search page: one codec, lossless both ways. */
import { count, type Filters, readFilters, writeFilters } from "./filters";

export const TABS = ["grid", "table", "map", "atlas"] as const;
export type Tab = (typeof TABS)[number];

export const GROUPS = [
  "record",
  "species",
  "genus",
  "family",
  "order",
  "institution",
  "collection",
  "country",
  "decade",
] as const;
export type Group = (typeof GROUPS)[number];

export interface SearchState {
  /** Words; empty when there are none. */
  q: string;
  /** Id (sha256) of an uploaded photo. */
  img: string | null;
  /** Id of an image in the index; never together with `img`. */
  like: string | null;
  /** Id of a record whose images are searched by; never together with a picture. */
  likeRecord: string | null;
  /** Share of the picture when there are words too, 0 to 1. */
  w: number;
  /** Words to move away from. */
  less: readonly string[];
  /** Images or uploads to move away from. */
  lessLike: readonly string[];
  /** How far, 0 to 1. */
  lessWeight: number;
  /** Embed version; null is the server's default. */
  v: string | null;
  /** Versions to fuse; then `v` is null. */
  fuse: readonly string[];
  filters: Filters;
  groupBy: Group | null;
  /** Best so many of each group. */
  perGroup: number;
  /** Near-duplicates under the best of them. */
  fold: boolean;
  /** Lowest cosine shown. */
  minScore: number | null;
  /** How many images a page of results has. */
  n: number;
  tab: Tab;
  /** Record shown in the drawer. */
  open: string | null;
  /** Image of that record shown large. */
  pic: string | null;
}

export const DEFAULT_WEIGHT = 0.5;
export const DEFAULT_LIMIT = 60;
export const MAX_LIMIT = 200;
export const MOST_PER_GROUP = 12;
export const MOST_FUSED = 4;

export const EMPTY: Readonly<SearchState> = {
  q: "",
  img: null,
  like: null,
  likeRecord: null,
  w: DEFAULT_WEIGHT,
  less: [],
  lessLike: [],
  lessWeight: DEFAULT_WEIGHT,
  v: null,
  fuse: [],
  filters: {},
  groupBy: null,
  perGroup: 1,
  fold: false,
  minScore: null,
  n: DEFAULT_LIMIT,
  tab: "grid",
  open: null,
  pic: null,
};

/** Names that the API has for what the page writes shorter: an API address opens as a page. */
const LONG = { img: "image", w: "image_weight", v: "embed_version", n: "limit" } as const;

/** Reads a query string. What cannot be used becomes its default, so an old link still opens. */
export function decode(search: string): SearchState {
  const params = new URLSearchParams(search);
  for (const [short, long] of Object.entries(LONG)) {
    if (!params.has(short) && params.has(long)) params.set(short, params.get(long) ?? "");
  }
  const text = (key: string) => params.get(key)?.trim() || null;
  const number = (key: string, or: number, low: number, high: number, per: number) =>
    numberOr(params.get(key), or, low, high, per);
  const fuse = several(params, "fuse").slice(0, MOST_FUSED);
  const fused = fuse.length > 1 ? fuse : [];
  return {
    q: text("q") ?? "",
    ...onePicture(text("img")?.toLowerCase() ?? null, text("like"), text("like_record")),
    w: number("w", DEFAULT_WEIGHT, 0, 1, 100),
    less: several(params, "less"),
    lessLike: several(params, "less_like"),
    lessWeight: number("less_weight", DEFAULT_WEIGHT, 0, 1, 100),
    v: fused.length ? null : (text("v") ?? fuse[0] ?? null),
    fuse: fused,
    filters: readFilters(params),
    groupBy: among(GROUPS, text("group_by")),
    perGroup: number("per_group", 1, 1, MOST_PER_GROUP, 1),
    fold: ["true", "1"].includes(text("fold") ?? ""),
    minScore: orNull(number("min_score", NaN, -1, 1, 1000)),
    n: number("n", DEFAULT_LIMIT, 1, MAX_LIMIT, 1),
    tab: among(TABS, text("tab")) ?? "grid",
    open: text("open"),
    pic: text("open") && text("pic"),
  };
}

/** Writes the query string, defaults left out, keys in one fixed order; "" when nothing is set. */
export function encode(state: Partial<SearchState>): string {
  const full = { ...EMPTY, ...state };
  const params = new URLSearchParams();
  const set = (key: string, value: unknown, unless: unknown) => {
    if (value !== null && value !== "" && value !== unless) params.set(key, String(value));
  };
  const picture = onePicture(full.img, full.like, full.likeRecord);
  set("q", full.q.trim(), "");
  set("img", picture.img, null);
  set("like", picture.like, null);
  set("like_record", picture.likeRecord, null);
  set("w", round(full.w, 100), DEFAULT_WEIGHT);
  for (const words of full.less) params.append("less", words);
  for (const id of full.lessLike) params.append("less_like", id);
  set("less_weight", round(full.lessWeight, 100), DEFAULT_WEIGHT);
  if (full.fuse.length > 1) for (const name of full.fuse) params.append("fuse", name);
  else set("v", full.v, null);
  writeFilters(params, full.filters);
  set("group_by", full.groupBy, null);
  set("per_group", full.perGroup, 1);
  set("fold", full.fold, false);
  set("min_score", full.minScore, null);
  set("n", full.n, DEFAULT_LIMIT);
  set("tab", full.tab, "grid");
  set("open", full.open, null);
  if (full.open) set("pic", full.pic, null);
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** Whether there is anything to search by. */
export function asks(state: SearchState): boolean {
  return Boolean(state.q || hasPicture(state));
}

/** Whether there is anything to show: a query, or filters to look through. */
export function shows(state: SearchState): boolean {
  return asks(state) || count(state.filters) > 0;
}

/** Whether a picture or a record of pictures is searched by. */
export function hasPicture(state: SearchState): boolean {
  return Boolean(state.img || state.like || state.likeRecord);
}

/** Whether there are both words and a picture, so that the weight matters. */
export function isCombined(state: SearchState): boolean {
  return Boolean(state.q && hasPicture(state));
}

/** Whether anything is moved away from. */
export function hasLess(state: SearchState): boolean {
  return state.less.length + state.lessLike.length > 0;
}

/** The part of the state that decides the result: two states with one key have one answer. */
export function searchKey(state: SearchState): string {
  const w = isCombined(state) ? state.w : DEFAULT_WEIGHT;
  const lessWeight = hasLess(state) ? state.lessWeight : DEFAULT_WEIGHT;
  const perGroup = state.groupBy ? state.perGroup : 1;
  return encode({ ...state, w, lessWeight, perGroup, tab: "grid", open: null, pic: null });
}

/** The question "what looks like this image", in the same version and way of seeing. */
export function moreLike(state: SearchState, imageId: string): SearchState {
  const { v, fuse, n, tab, filters } = state;
  return { ...EMPTY, v, fuse, n, tab, filters, like: imageId };
}

/** The same question, further from an image. */
export function lessLikeToo(state: SearchState, imageId: string): SearchState {
  const lessLike = [...new Set([...state.lessLike, imageId])];
  return { ...state, lessLike, open: null, pic: null };
}

/** At most one of the three stays: the upload, else the image, else the record. */
function onePicture(img: string | null, like: string | null, likeRecord: string | null) {
  return {
    img,
    like: img ? null : like,
    likeRecord: img || like ? null : likeRecord,
  };
}

function several(params: URLSearchParams, key: string): string[] {
  return [...new Set(params.getAll(key).map((value) => value.trim()))].filter(Boolean);
}

function among<T extends string>(known: readonly T[], text: string | null): T | null {
  return known.find((each) => each === text) ?? null;
}

function numberOr(text: string | null, fallback: number, low: number, high: number, per: number) {
  const value = text === null || !text.trim() ? NaN : Number(text);
  return Number.isFinite(value) ? round(Math.min(high, Math.max(low, value)), per) : fallback;
}

function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function round(value: number, per: number): number {
  return Math.round(value * per) / per;
}
