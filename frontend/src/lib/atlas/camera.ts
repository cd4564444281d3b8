/** Where one looks on the map: the middle in map units, and pixels for a unit. Plain arithmetic. */

export interface Camera {
  x: number;
  y: number;
  scale: number;
}

/** Left, bottom, right, top in map units. */
export type Box = readonly [number, number, number, number];
export type XY = readonly [number, number];

export interface Size {
  width: number;
  height: number;
}

const MARGIN = 0.92;
/** How much nearer than the whole map one can go. */
const NEAREST = 400;

/** The camera that shows all of a box. */
export function fit([left, bottom, right, top]: Box, { width, height }: Size): Camera {
  const wide = Math.max(right - left, 1e-6);
  const high = Math.max(top - bottom, 1e-6);
  return {
    x: (left + right) / 2,
    y: (bottom + top) / 2,
    scale: MARGIN * Math.min(width / wide, height / high),
  };
}

export function toScreen([x, y]: XY, camera: Camera, size: Size): XY {
  return [
    (x - camera.x) * camera.scale + size.width / 2,
    size.height / 2 - (y - camera.y) * camera.scale,
  ];
}

export function toMap([x, y]: XY, camera: Camera, size: Size): XY {
  return [
    (x - size.width / 2) / camera.scale + camera.x,
    (size.height / 2 - y) / camera.scale + camera.y,
  ];
}

/** Nearer (factor > 1) or farther, what is under `at` staying there; between the whole and 400 times. */
export function zoom(camera: Camera, factor: number, at: XY, size: Size, whole: Camera): Camera {
  const scale = Math.min(Math.max(camera.scale * factor, whole.scale * 0.6), whole.scale * NEAREST);
  const [x, y] = toMap(at, camera, size);
  return {
    scale,
    x: x - (at[0] - size.width / 2) / scale,
    y: y + (at[1] - size.height / 2) / scale,
  };
}

export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y + dy / camera.scale };
}

/** Which of three levels of names suits: 0 for the whole map, 2 for a small part of it. */
export function level(camera: Camera, whole: Camera): number {
  const near = camera.scale / whole.scale;
  return near < 2 ? 0 : near < 5 ? 1 : 2;
}
