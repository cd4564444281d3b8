import { describe, expect, it } from "vitest";
import { bounded, byKey, CLOSEST, moved, WHOLE, zoomed } from "./zoom";

describe("a view of a picture", () => {
  it("keeps what is pointed at in its place", () => {
    const view = zoomed(WHOLE, 4, 0.25, -0.1);
    expect(view.scale).toBe(4);
    // The picture's point at (0.25, -0.1) of the box, before and after:
    expect((0.25 - view.x) / view.scale).toBeCloseTo(0.25);
    expect((-0.1 - view.y) / view.scale).toBeCloseTo(-0.1);
  });

  it("never leaves the picture", () => {
    expect(moved({ scale: 3, x: 0, y: 0 }, 9, -9)).toEqual({ scale: 3, x: 1, y: -1 });
    expect(bounded({ scale: 0.2, x: 5, y: 5 })).toEqual(WHOLE);
    expect(zoomed(WHOLE, 1000).scale).toBe(CLOSEST);
  });

  it("comes back whole", () => {
    const near = zoomed(zoomed(WHOLE, 3, 0.4, 0.4), 1 / 3, -0.4, 0.1);
    expect(near.scale).toBeCloseTo(1);
    expect(near.x).toBeCloseTo(0);
  });

  it("obeys keys, arrows only when there is more to see", () => {
    expect(byKey(WHOLE, "+")?.scale).toBeGreaterThan(1);
    expect(byKey(WHOLE, "ArrowLeft")).toBeNull();
    expect(byKey({ scale: 2, x: 0, y: 0 }, "ArrowLeft")?.x).toBeGreaterThan(0);
    expect(byKey({ scale: 2, x: 0.1, y: 0 }, "0")).toEqual(WHOLE);
    expect(byKey(WHOLE, "a")).toBeNull();
  });
});
