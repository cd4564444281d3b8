import { render, screen } from "@testing-library/svelte";
import { expect, it } from "vitest";
import ScoreMark from "./ScoreMark.svelte";

it("says that it is a similarity and draws it relative to the best", () => {
  const { container } = render(ScoreMark, { rank: 3, score: 0.2, best: 0.4 });
  const mark = screen.getByRole("img", { name: "Rank 3, similarity 0.200, not a probability" });
  expect(mark.title).toContain("not probability");
  expect(container.querySelector<HTMLElement>(".bar")?.style.width).toBe("50%");
});
