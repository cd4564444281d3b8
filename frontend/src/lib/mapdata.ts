/** Counts and hits as what a map draws. */
import type { Feature, FeatureCollection, Point, Polygon } from "geojson";
import { degrees } from "./filterlabels";
import type { Hit, MapCell } from "./types";

export interface Bounds {
  west: number;
  south: number;
  east: number;
  north: number;
}

/** A circle for every cell, its area as the count. */
export function cellPoints(cells: readonly MapCell[]): FeatureCollection<Point> {
  const most = Math.max(1, ...cells.map((cell) => cell.count));
  return collection(
    cells.map((cell, at) =>
      point(cell.longitude, cell.latitude, {
        at,
        count: cell.count,
        radius: 5 + 19 * Math.sqrt(cell.count / most),
      }),
    ),
  );
}

/** A dot for every hit whose record has a place. */
export function hitPoints(hits: readonly Hit[]): FeatureCollection<Point> {
  return collection(
    hits.flatMap(({ image, record, rank }) => {
      const [x, y] = [record?.decimal_longitude, record?.decimal_latitude];
      if (typeof x !== "number" || typeof y !== "number") return [];
      return [point(x, y, { image: image.id, record: record?.id, rank })];
    }),
  );
}

/** The box of a filter, in one or (across the date line) two pieces. */
export function boxShapes(text: string | null): FeatureCollection<Polygon> {
  const [west = NaN, south = NaN, east = NaN, north = NaN] = (text ?? "").split(",").map(Number);
  if ([west, south, east, north].some(Number.isNaN)) return collection([]);
  const spans = west <= east ? [[west, east]] : [[west, east + 360]];
  return collection(
    spans.map(([w = 0, e = 0]) => ({
      type: "Feature",
      properties: {},
      geometry: {
        type: "Polygon",
        coordinates: [
          [
            [w, south],
            [e, south],
            [e, north],
            [w, north],
            [w, south],
          ],
        ],
      },
    })),
  );
}

/** A part of the map as the filter `bbox`: all longitudes when it is wider than the world. */
export function boxText({ west, south, east, north }: Bounds): string {
  const around = east - west >= 360;
  const values = [
    around ? -180 : turned(west),
    Math.max(-90, south),
    around ? 180 : turned(east),
    Math.min(90, north),
  ];
  return values.map((value) => String(Math.round(value * 1000) / 1000)).join(",");
}

/** Where a cell lies, in words. */
export function cellLabel(cell: Bounds): string {
  const x = (cell.west + cell.east) / 2;
  const y = (cell.south + cell.north) / 2;
  return `${degrees(y, "N", "S")} ${degrees(x, "E", "W")}`;
}

/** A longitude within -180 and 180. */
function turned(x: number): number {
  return ((((x + 180) % 360) + 360) % 360) - 180 || 0;
}

function point(x: number, y: number, properties: Record<string, unknown>): Feature<Point> {
  return { type: "Feature", properties, geometry: { type: "Point", coordinates: [x, y] } };
}

function collection<G extends Point | Polygon>(features: Feature<G>[]): FeatureCollection<G> {
  return { type: "FeatureCollection", features };
}
