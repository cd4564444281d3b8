/** The address of the identify page: which photos, in which version, and how they are named. */

export const MOST_PHOTOS = 50;
export const CERTAINTY = 0.9;
export const METHODS = ["both", "text", "specimens"] as const;
export type Method = (typeof METHODS)[number];

/** A photo by where it is kept. */
export interface Photo {
  kind: "image" | "like" | "record";
  id: string;
}

export interface IdentifyState {
  photos: readonly Photo[];
  v: string | null;
  method: Method;
  certainty: number;
  within: readonly string[];
  latitude: string;
  longitude: string;
  month: number | null;
  /** Labels of one's own; "label=bin" counts for a bin. */
  labels: readonly string[];
  /** Number of the photo that is shown, from 0. */
  at: number;
}

const KINDS = ["image", "like", "record"] as const;

export function decodeIdentify(text: string): IdentifyState {
  const params = new URLSearchParams(text);
  const several = (key: string) => [...new Set(params.getAll(key).map((each) => each.trim()))];
  const filled = (key: string) => several(key).filter(Boolean);
  const photos = KINDS.flatMap((kind) => filled(kind).map((id) => ({ kind, id })));
  const month = Number(params.get("month"));
  const certainty = Number(params.get("certainty"));
  return {
    photos: photos.slice(0, MOST_PHOTOS),
    v: params.get("v")?.trim() ?? params.get("embed_version")?.trim() ?? null,
    method: METHODS.find((each) => each === params.get("method")) ?? "both",
    certainty: certainty >= 0.5 && certainty <= 0.99 ? certainty : CERTAINTY,
    within: filled("within"),
    latitude: params.get("latitude")?.trim() ?? "",
    longitude: params.get("longitude")?.trim() ?? "",
    month: Number.isInteger(month) && month >= 1 && month <= 12 ? month : null,
    labels: filled("labels"),
    at: Math.max(0, Number(params.get("at")) || 0),
  };
}

export function encodeIdentify(state: IdentifyState): string {
  const params = asked(state);
  if (state.v) params.set("v", state.v);
  if (state.at) params.set("at", String(state.at));
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** The same as parameters of the API. */
export function identifyQuery(state: IdentifyState): Record<string, string | string[]> {
  const params = asked({ ...state, labels: [] });
  if (state.v) params.set("embed_version", state.v);
  const query: Record<string, string | string[]> = {};
  for (const key of new Set(params.keys())) query[key] = params.getAll(key);
  for (const key of ["method", "certainty", "month", "latitude", "longitude", "embed_version"]) {
    const only = query[key]?.[0];
    if (only) query[key] = only;
  }
  const bins = state.labels.filter((label) => label.includes("="));
  const labels = state.labels.filter((label) => !label.includes("="));
  if (labels.length) query["labels"] = labels;
  if (bins.length) query["bins"] = bins;
  return query;
}

function asked(state: IdentifyState): URLSearchParams {
  const params = new URLSearchParams();
  for (const { kind, id } of state.photos) params.append(kind, id);
  if (state.method !== "both") params.set("method", state.method);
  if (state.certainty !== CERTAINTY) params.set("certainty", String(state.certainty));
  for (const name of state.within) params.append("within", name);
  if (state.latitude && state.longitude) {
    params.set("latitude", state.latitude);
    params.set("longitude", state.longitude);
  }
  if (state.month) params.set("month", String(state.month));
  for (const label of state.labels) params.append("labels", label);
  return params;
}
