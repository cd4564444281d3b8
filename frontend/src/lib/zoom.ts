/** Looking closely at a picture in a box: how far in, and what part of it. */

export interface View {
  /** 1 shows the whole picture. */
  scale: number;
  /** The picture's middle, in box widths and heights from that of the box, times the scale. */
  x: number;
  y: number;
}

export const WHOLE: View = { scale: 1, x: 0, y: 0 };
export const CLOSEST = 12;
export const STEP = 1.5;

/** The view within its limits: the picture keeps covering the box. */
export function bounded({ scale, x, y }: View): View {
  const kept = Math.min(CLOSEST, Math.max(1, scale));
  const slack = (kept - 1) / 2;
  const within = (value: number) => Math.min(slack, Math.max(-slack, value)) || 0;
  return { scale: kept, x: within(x), y: within(y) };
}

/** Closer by `factor`, with what lies at (atX, atY) staying there: box widths from its middle. */
export function zoomed(view: View, factor: number, atX = 0, atY = 0): View {
  const scale = Math.min(CLOSEST, Math.max(1, view.scale * factor));
  const by = scale / view.scale;
  return bounded({ scale, x: atX - (atX - view.x) * by, y: atY - (atY - view.y) * by });
}

/** Moved by parts of the box. */
export function moved(view: View, x: number, y: number): View {
  return bounded({ ...view, x: view.x + x, y: view.y + y });
}

/** What a key does to the view; null where it does nothing. */
export function byKey(view: View, key: string): View | null {
  if (key === "+" || key === "=") return zoomed(view, STEP);
  if (key === "-") return zoomed(view, 1 / STEP);
  if (key === "0") return WHOLE;
  if (view.scale === 1) return null;
  const steps: Record<string, [number, number]> = {
    ArrowLeft: [0.15, 0],
    ArrowRight: [-0.15, 0],
    ArrowUp: [0, 0.15],
    ArrowDown: [0, -0.15],
  };
  const step = steps[key];
  return step ? moved(view, ...step) : null;
}
