import type { Feature, MultiLineString, MultiPolygon, Position } from "geojson";

export function unwrapped(ring: Position[]): Position[];
export function clipped(ring: Position[], west: number, east: number): Position[];
export function cut(polygon: Position[][]): Position[][][];
export function world(topology: unknown): {
  type: "FeatureCollection";
  features: [Feature<MultiPolygon>, Feature<MultiLineString>];
};
