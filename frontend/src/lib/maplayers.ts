/** What the results draw over the world map. */
import type { ExpressionSpecification, Map as LibreMap } from "maplibre-gl";
import type { MapColours } from "./worldmap";

export const CELLS = "cells";
export const HITS = "hits";

const EMPTY = { type: "FeatureCollection" as const, features: [] };

/** Adds the sources `cells`, `hits` and `box`, empty, and how they are drawn. */
export function addLayers(map: LibreMap, colours: MapColours): void {
  for (const source of [CELLS, HITS, "box"])
    map.addSource(source, { type: "geojson", data: EMPTY });
  map.addLayer({
    id: "box",
    type: "fill",
    source: "box",
    paint: { "fill-color": colours.accent, "fill-opacity": 0.08 },
  });
  map.addLayer({
    id: "box-edge",
    type: "line",
    source: "box",
    paint: { "line-color": colours.accent, "line-width": 1.5, "line-dasharray": [3, 2] },
  });
  const radius: ExpressionSpecification = ["get", "radius"];
  map.addLayer({
    id: CELLS,
    type: "circle",
    source: CELLS,
    paint: {
      "circle-radius": radius,
      "circle-color": colours.accent,
      "circle-opacity": 0.32,
      "circle-stroke-color": colours.accent,
      "circle-stroke-width": 1,
    },
  });
  map.addLayer({
    id: HITS,
    type: "circle",
    source: HITS,
    paint: {
      "circle-radius": 4.5,
      "circle-color": colours.ink,
      "circle-stroke-color": colours.paper,
      "circle-stroke-width": 1.5,
    },
  });
  for (const layer of [CELLS, HITS]) {
    map.on("mouseenter", layer, () => (map.getCanvas().style.cursor = "pointer"));
    map.on("mouseleave", layer, () => (map.getCanvas().style.cursor = ""));
  }
}
