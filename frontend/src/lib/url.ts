/** The address is the whole state of the search page: one codec, lossless both ways. */

export interface SearchState {
  /** Words; empty when there are none. */
  q: string;
  /** Id (sha256) of an uploaded photo. */
  img: string | null;
  /** Id of an image in the index; never together with `img`. */
  like: string | null;
  /** Share of the picture when there are words too, 0 to 1. */
  w: number;
  /** Embed version; null is the server's default. */
  v: string | null;
  /** How many images to show. */
  n: number;
  /** Record shown in the drawer. */
  open: string | null;
  /** Image of that record shown large. */
  pic: string | null;
}

export const DEFAULT_WEIGHT = 0.5;
export const DEFAULT_LIMIT = 60;
export const MAX_LIMIT = 200;

export const EMPTY: Readonly<SearchState> = {
  q: "",
  img: null,
  like: null,
  w: DEFAULT_WEIGHT,
  v: null,
  n: DEFAULT_LIMIT,
  open: null,
  pic: null,
};

/** Reads a query string. What cannot be used becomes its default, so an old link still opens. */
export function decode(search: string): SearchState {
  const params = new URLSearchParams(search);
  const text = (key: string) => params.get(key)?.trim() || null;
  const img = text("img")?.toLowerCase() ?? null;
  return {
    q: text("q") ?? "",
    img,
    like: img ? null : text("like"),
    w: numberOr(params.get("w"), DEFAULT_WEIGHT, 0, 1, 100),
    v: text("v"),
    n: numberOr(params.get("n"), DEFAULT_LIMIT, 1, MAX_LIMIT, 1),
    open: text("open"),
    pic: text("open") && text("pic"),
  };
}

/** Writes the query string, defaults left out, keys in one fixed order; "" when nothing is set. */
export function encode(state: Partial<SearchState>): string {
  const full = { ...EMPTY, ...state };
  const params = new URLSearchParams();
  if (full.q.trim()) params.set("q", full.q.trim());
  if (full.img) params.set("img", full.img);
  else if (full.like) params.set("like", full.like);
  if (full.w !== DEFAULT_WEIGHT) params.set("w", String(round(full.w, 100)));
  if (full.v) params.set("v", full.v);
  if (full.n !== DEFAULT_LIMIT) params.set("n", String(full.n));
  if (full.open) params.set("open", full.open);
  if (full.open && full.pic) params.set("pic", full.pic);
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** Whether there is anything to search for. */
export function asks(state: SearchState): boolean {
  return Boolean(state.q || state.img || state.like);
}

/** Whether there are both words and a picture, so that the weight matters. */
export function isCombined(state: SearchState): boolean {
  return Boolean(state.q && (state.img || state.like));
}

/** The part of the state that decides the result: two states with one key have one answer. */
export function searchKey(state: SearchState): string {
  const w = isCombined(state) ? state.w : DEFAULT_WEIGHT;
  return encode({ ...state, w, open: null, pic: null });
}

function numberOr(text: string | null, fallback: number, low: number, high: number, per: number) {
  const value = text === null || !text.trim() ? NaN : Number(text);
  return Number.isFinite(value) ? round(Math.min(high, Math.max(low, value)), per) : fallback;
}

function round(value: number, per: number): number {
  return Math.round(value * per) / per;
}
