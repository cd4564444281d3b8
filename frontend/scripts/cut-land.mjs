/**
 * Writes public/land.json: land and borders of Natural Earth (public domain, from world-atlas) as
 * GeoJSON whose polygons end at the antimeridian, where the published ones are stitched together
 * and would be drawn as stripes across the map.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { feature, mesh } from "topojson-client";

const STEP = 0.1; // degrees: about 11 km, and no less than a label's place is known to

/** A ring without jumps: longitudes go on beyond 180; one round a pole is closed along it. */
export function unwrapped(ring) {
  let shift = 0;
  const out = ring.map(([x, y], at) => {
    const before = ring[at - 1]?.[0] ?? x;
    if (x - before > 180) shift -= 360;
    if (before - x > 180) shift += 360;
    return [x + shift, y];
  });
  const [first, last] = [out[0], out.at(-1)];
  if (Math.abs(last[0] - first[0]) > 180) {
    const pole = first[1] < 0 ? -90 : 90;
    out.push([last[0], pole], [first[0], pole], first);
  }
  return out;
}

/** The part of a ring with west <= x <= east (Sutherland and Hodgman 1974). */
export function clipped(ring, west, east) {
  const part = side(side(ring, west, 1), east, -1);
  const [first, last] = [part[0], part.at(-1)];
  return first && (first[0] !== last[0] || first[1] !== last[1]) ? [...part, first] : part;
}

function side(ring, at, sign) {
  const inside = ([x]) => (x - at) * sign >= 0;
  return ring.flatMap((point, index) => {
    const before = ring[(index || ring.length) - 1];
    const crossing = inside(before) === inside(point) ? [] : [cross(before, point, at)];
    return inside(point) ? [...crossing, point] : crossing;
  });
}

function cross([x0, y0], [x1, y1], at) {
  return [at, y0 + ((at - x0) / (x1 - x0)) * (y1 - y0)];
}

/** A polygon as the polygons it is between -180 and 180. */
export function cut(polygon) {
  const rings = polygon.map(unwrapped);
  return [-360, 0, 360].flatMap((turn) => {
    const parts = rings.map((ring) =>
      thinned(clipped(ring, turn - 180, turn + 180).map(([x, y]) => [x - turn, y])),
    );
    return parts[0].length > 3 ? [parts.filter((ring) => ring.length > 3)] : [];
  });
}

/** Rounded, without the points that say nothing at this scale; a small island keeps all of its own. */
function thinned(line, step = STEP) {
  const out = [];
  line.forEach(([x, y], at) => {
    const last = out.at(-1);
    const isEnd = at === line.length - 1;
    if (last && !isEnd && Math.hypot(x - last[0], y - last[1]) < step) return;
    out.push([Math.round(x * 100) / 100, Math.round(y * 100) / 100]);
  });
  return out.length < 8 && step ? thinned(line, 0) : out;
}

/** Borders cut where they would run across the map. */
function lines({ coordinates }) {
  return coordinates
    .filter((line) => line.every(([x], at) => !at || Math.abs(x - line[at - 1][0]) < 180))
    .map((line) => thinned(line));
}

/** Land and borders as the two features of the map. */
export function world(topology) {
  const land = feature(topology, topology.objects.land);
  const shapes = land.features ?? [land];
  const polygons = shapes.flatMap(({ geometry }) =>
    geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates,
  );
  const borders = mesh(topology, topology.objects.countries, (a, b) => a !== b);
  const made = (kind, type, coordinates) => ({
    type: "Feature",
    properties: { kind },
    geometry: { type, coordinates },
  });
  return {
    type: "FeatureCollection",
    features: [
      made("land", "MultiPolygon", polygons.flatMap(cut)),
      made("border", "MultiLineString", lines(borders)),
    ],
  };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const file = new URL("../node_modules/world-atlas/countries-50m.json", import.meta.url);
  mkdirSync("public", { recursive: true });
  writeFileSync("public/land.json", JSON.stringify(world(JSON.parse(readFileSync(file, "utf8")))));
}
