/** Results on a map. */
import { number, plural } from "./format";

export const map = {
  map: {
    label: "Map of the results",
    source: "Land: Natural Earth",
    loading: "Drawing the map …",
    coordinates: (placed: number, all: number) =>
      `${number.format(placed)} of ${plural(all, "image")} have coordinates`,
    hits: (count: number) => `${plural(count, "dot")}: the nearest of your search`,
    draw: "Draw a box",
    drawing: "Drag over the map. Esc ends it.",
    view: "Only what is in view",
    clear: "Anywhere",
    table: "Show as a table",
    back: "Show the map",
    none: "This browser cannot draw the map, so here is what it would show.",
    place: "Place",
    images: "Images",
    only: "Only from here",
    tableLabel: "Images by place",
    fullest: (count: number) => `The ${plural(count, "square")} with most images`,
    said: "Only what lies in the box",
    failed: "The counts for the map could not be had.",
    cell: (place: string, count: number) => `${place}: ${plural(count, "image")}`,
  },
} as const;
