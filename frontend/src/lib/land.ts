/** The outline of the land as SVG paths around a place, on a plain map (equirectangular). */
import type { FeatureCollection, Position } from "geojson";

/** Degrees from south to north shown at least: enough to recognise a coast or a border. */
const LEAST = 10;

let loading: Promise<FeatureCollection> | null = null;

/** The land that the map is drawn with, fetched once. */
export function fetchLand(): Promise<FeatureCollection> {
  loading ??= fetch("/land.json").then((answer) => {
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json() as Promise<FeatureCollection>;
  });
  loading.catch(() => (loading = null));
  return loading;
}

export interface Window {
  west: number;
  north: number;
  width: number;
  height: number;
}

/** What is shown around a place: wide enough for its uncertainty, and to recognise where it is. */
export function windowAround(
  latitude: number,
  longitude: number,
  uncertaintyM: number | null,
  ratio: number,
): Window {
  const radius = degrees(uncertaintyM ?? 0);
  const height = Math.min(180, Math.max(LEAST, radius * 4));
  const width = Math.min(360, height * ratio);
  const north = Math.min(90, Math.max(-90 + height, latitude + height / 2));
  return { west: longitude - width / 2, north, width, height };
}

/** Metres along a meridian in degrees. */
export function degrees(metres: number): number {
  return metres / 111_195;
}

/** Shapes of a kind that reach into the window, as one path; y grows to the south. */
export function pathOf(land: FeatureCollection, kind: string, window: Window): string {
  const parts: string[] = [];
  for (const turn of [-360, 0, 360]) {
    for (const { geometry, properties } of land.features) {
      if (properties?.kind !== kind) continue;
      for (const line of linesOf(geometry)) {
        const moved = line.map(([x = 0, y = 0]): Position => [x + turn, -y]);
        if (reaches(moved, window)) parts.push(drawn(moved, kind === "land"));
      }
    }
  }
  return parts.join("");
}

function linesOf(geometry: FeatureCollection["features"][number]["geometry"]): Position[][] {
  if (geometry.type === "Polygon" || geometry.type === "MultiLineString")
    return geometry.coordinates;
  if (geometry.type === "MultiPolygon") return geometry.coordinates.flat();
  return geometry.type === "LineString" ? [geometry.coordinates] : [];
}

function reaches(line: Position[], { west, north, width, height }: Window): boolean {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x = 0, y = 0] of line) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  return right >= west && left <= west + width && bottom >= -north && top <= height - north;
}

function drawn(line: Position[], closed: boolean): string {
  const points = line.map(([x = 0, y = 0]) => `${round(x)} ${round(y)}`);
  return `M${points.join("L")}${closed ? "Z" : ""}`;
}

const round = (value: number) => Math.round(value * 100) / 100;
