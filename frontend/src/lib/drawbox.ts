/** One box drawn over a map by dragging, with mouse, pen or finger. */
import type { Map as LibreMap } from "maplibre-gl";
import type { Bounds } from "./mapdata";

const LEAST_PX = 6;

/** Lets one box be drawn; `done` gets it, or null when it was given up. */
export function drawBox(map: LibreMap, done: (bounds: Bounds | null) => void): void {
  const canvas = map.getCanvasContainer();
  const frame = document.createElement("div");
  frame.style.cssText =
    "position:absolute;top:0;left:0;border:2px dashed var(--accent);background:var(--accent-wash);opacity:.6;pointer-events:none";
  let from: { x: number; y: number } | null = null;

  const at = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  function down(event: PointerEvent) {
    event.preventDefault();
    event.stopPropagation();
    canvas.setPointerCapture(event.pointerId);
    from = at(event);
    canvas.append(frame);
    move(event);
  }

  function move(event: PointerEvent) {
    if (!from) return;
    const to = at(event);
    frame.style.transform = `translate(${Math.min(from.x, to.x)}px, ${Math.min(from.y, to.y)}px)`;
    frame.style.width = `${Math.abs(to.x - from.x)}px`;
    frame.style.height = `${Math.abs(to.y - from.y)}px`;
  }

  function up(event: PointerEvent) {
    const to = at(event);
    const small = !from || Math.abs(to.x - from.x) < LEAST_PX || Math.abs(to.y - from.y) < LEAST_PX;
    end(small || !from ? null : bounds(map, from, to));
  }

  function escape(event: KeyboardEvent) {
    if (event.key === "Escape") end(null);
  }

  function end(found: Bounds | null) {
    frame.remove();
    map.dragPan.enable();
    map.touchZoomRotate.enable();
    canvas.removeEventListener("pointerdown", down);
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", up);
    removeEventListener("keydown", escape);
    done(found);
  }

  map.dragPan.disable();
  map.touchZoomRotate.disable();
  canvas.addEventListener("pointerdown", down);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", up);
  addEventListener("keydown", escape);
}

function bounds(map: LibreMap, a: { x: number; y: number }, b: { x: number; y: number }): Bounds {
  const one = map.unproject([Math.min(a.x, b.x), Math.max(a.y, b.y)]);
  const other = map.unproject([Math.max(a.x, b.x), Math.min(a.y, b.y)]);
  return { west: one.lng, south: one.lat, east: other.lng, north: other.lat };
}
