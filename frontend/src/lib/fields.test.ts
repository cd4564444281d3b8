import { expect, it } from "vitest";
import { fieldRows } from "./fields";

it("shows the words of the source only where they differ", () => {
  const rows = fieldRows(
    { sex: "male", decimal_latitude: 10.25, event_start: null, country: "Peru" },
    {
      "dwc:sex": "♂",
      "http://rs.tdwg.org/dwc/terms/decimalLatitude": "10.2500",
      verbatimEventDate: "summer 19?",
      Country: "Peru",
    },
  );
  expect(rows).toEqual([
    { label: "Sex", value: "male", written: "♂" },
    { label: "Date", value: "", written: "summer 19?" },
    { label: "Country", value: "Peru", written: null },
    { label: "Latitude", value: "10.25", written: null },
  ]);
});

it("leaves out what nobody stated", () => {
  expect(fieldRows({ sex: "", locality: null }, { sex: " " })).toEqual([]);
});

it("shows a year as the interval it is", () => {
  const year = { event_start: "1929-01-01", event_end: "1929-12-31" };
  const day = { event_start: "1929-05-04", event_end: "1929-05-04" };
  expect(fieldRows(year, { eventDate: "1929" })).toEqual([
    { label: "Date", value: "1929-01-01 – 1929-12-31", written: "1929" },
  ]);
  expect(fieldRows(day, { eventDate: "1929-05-04" })[0]?.written).toBeNull();
});
