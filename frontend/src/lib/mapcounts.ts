/** The counts of the fullest cells, written over the map: a style without fonts cannot. */
import { type Map as LibreMap, Marker } from "maplibre-gl";
import { number } from "./strings/format";
import type { MapCell } from "./types";

const MOST = 40;

/** Writes the counts anew; gives what takes them away again. */
export function writeCounts(map: LibreMap, cells: readonly MapCell[]): () => void {
  const written = cells
    .filter((cell) => cell.count > 1)
    .slice(0, MOST)
    .map((cell) => {
      const element = document.createElement("span");
      element.className = "map-count";
      element.textContent = number.format(cell.count);
      // The table beside the map says the same to those who cannot see it.
      element.setAttribute("aria-hidden", "true");
      return new Marker({ element, opacityWhenCovered: "1" })
        .setLngLat([cell.longitude, cell.latitude])
        .addTo(map);
    });
  return () => written.forEach((marker) => marker.remove());
}
