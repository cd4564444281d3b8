import { describe, expect, it } from "vitest";
import { ago, duration } from "../strings/status";
import { Rates } from "./rates";

describe("the rate of a job", () => {
  it("is not known from one look", () => {
    expect(new Rates().look("a", 5, 0)).toBeNull();
  });

  it("is what was done over the time between looks", () => {
    const rates = new Rates();
    rates.look("a", 0, 0);
    rates.look("b", 100, 0);
    expect(rates.look("a", 20, 2000)).toBe(10);
    expect(rates.look("b", 100, 2000)).toBe(0);
  });

  it("is of the last half minute only", () => {
    const rates = new Rates();
    rates.look("a", 0, 0);
    rates.look("a", 1000, 10_000);
    expect(rates.look("a", 1030, 40_000)).toBe(1);
  });

  it("begins anew with another part of the work", () => {
    const rates = new Rates();
    rates.look("a", 400, 0);
    expect(rates.look("a", 3, 2000)).toBeNull();
    expect(rates.look("a", 5, 4000)).toBe(1);
  });

  it("is forgotten with its job", () => {
    const rates = new Rates();
    rates.look("a", 0, 0);
    rates.keep(["b"]);
    expect(rates.look("a", 10, 2000)).toBeNull();
  });
});

describe("times in words", () => {
  it("are as exact as is useful", () => {
    expect([4, 89, 100, 5400, 7200, 200_000].map(duration)).toEqual([
      "4 s",
      "89 s",
      "2 min",
      "2 h",
      "2 h",
      "2 days",
    ]);
  });

  it("lie in the past", () => {
    const now = Date.parse("2024-05-01T12:00:00Z");
    expect(ago("2024-05-01T11:59:50Z", now)).toBe("just now");
    expect(ago("2024-05-01T12:00:50Z", now)).toBe("just now");
    expect(ago("2024-05-01T11:40:00Z", now)).toBe("20 minutes ago");
    expect(ago("2024-04-30T12:00:00Z", now)).toBe("yesterday");
  });
});
