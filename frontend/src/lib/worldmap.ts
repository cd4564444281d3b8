/**
 * A map of land and borders that asks no other host for anything. Import it lazily: it brings
 * maplibre-gl along.
 */
import { AttributionControl, Map as LibreMap, NavigationControl, setWorkerUrl } from "maplibre-gl";
import type { StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";
import { strings } from "./strings";

export const MAX_ZOOM = 8;

setWorkerUrl(workerUrl);

export interface MapColours {
  sea: string;
  land: string;
  border: string;
  accent: string;
  ink: string;
  paper: string;
}

/** The colours of the page as they are now, as WebGL wants them. */
export function coloursOf(element: Element): MapColours {
  const probe = document.createElement("span");
  element.append(probe);
  const read = (token: string) => {
    probe.style.color = `var(${token})`;
    return getComputedStyle(probe).color;
  };
  const colours = {
    sea: read("--map-sea"),
    land: read("--map-land"),
    border: read("--map-border"),
    accent: read("--accent"),
    ink: read("--ink"),
    paper: read("--raised"),
  };
  probe.remove();
  return colours;
}

/** Whether this browser can draw the map at all. */
export function canDraw(): boolean {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

function style(colours: MapColours): StyleSpecification {
  return {
    version: 8,
    sources: { world: { type: "geojson", data: `${location.origin}/land.json` } },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colours.sea } },
      {
        id: "land",
        type: "fill",
        source: "world",
        filter: ["==", ["get", "kind"], "land"],
        paint: { "fill-color": colours.land },
      },
      {
        id: "border",
        type: "line",
        source: "world",
        filter: ["==", ["get", "kind"], "border"],
        paint: { "line-color": colours.border, "line-width": 0.7 },
      },
    ],
  };
}

/** A map in `container`; resolves once it can take sources of its own. */
export async function worldMap(
  container: HTMLElement,
  { center = [0, 15] as [number, number], zoom = 0.6 } = {},
): Promise<LibreMap> {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = new LibreMap({
    container,
    style: style(coloursOf(container)),
    center,
    zoom,
    minZoom: 0,
    maxZoom: MAX_ZOOM,
    dragRotate: false,
    pitchWithRotate: false,
    attributionControl: false,
    fadeDuration: still ? 0 : 150,
    locale: { "Map.Title": strings.map.label },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new AttributionControl({ customAttribution: strings.map.source, compact: false }));
  await map.once("load");
  return map;
}
