/** A part of a picture, in shares of its width and height. */
export interface Crop {
  x: number;
  y: number;
  w: number;
  h: number;
}

export type Handle = "nw" | "ne" | "sw" | "se";

export const WHOLE: Readonly<Crop> = { x: 0, y: 0, w: 1, h: 1 };
/** To begin with: the middle, where specimens lie. */
export const MIDDLE: Readonly<Crop> = { x: 0.15, y: 0.15, w: 0.7, h: 0.7 };
const LEAST = 0.04;

/** Moved as far as the picture allows. */
export function moved(crop: Crop, dx: number, dy: number): Crop {
  return { ...crop, x: within(crop.x + dx, 0, 1 - crop.w), y: within(crop.y + dy, 0, 1 - crop.h) };
}

/** One corner moved, the one across stays. */
export function resized({ x, y, w, h }: Crop, handle: Handle, dx: number, dy: number): Crop {
  let [left, top, right, bottom] = [x, y, x + w, y + h];
  if (handle.includes("w")) left = within(left + dx, 0, right - LEAST);
  else right = within(right + dx, left + LEAST, 1);
  if (handle.includes("n")) top = within(top + dy, 0, bottom - LEAST);
  else bottom = within(bottom + dy, top + LEAST, 1);
  return { x: left, y: top, w: right - left, h: bottom - top };
}

/** The part of a picture as a file of its own, at most `most` pixels wide and high. */
export async function cropped(
  image: HTMLImageElement,
  { x, y, w, h }: Crop,
  most = 2048,
): Promise<File> {
  const [width, height] = [w * image.naturalWidth, h * image.naturalHeight];
  const scale = Math.min(1, most / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.drawImage(
    image,
    x * image.naturalWidth,
    y * image.naturalHeight,
    width,
    height,
    0,
    0,
    canvas.width,
    canvas.height,
  );
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("no picture");
  return new File([blob], "crop.png", { type: "image/png" });
}

function within(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
