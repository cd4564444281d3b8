/**
 * Every word a visitor reads. Here are those of the frame and of the search page; a page that is
 * loaded on its own brings its words along: import them from `strings/<feature>` there.
 */
import { about } from "./about";
import { filters } from "./filters";
import { frame } from "./frame";
import { map } from "./map";
import { photo } from "./photo";
import { problem } from "./problem";
import { record } from "./record";
import { results } from "./results";
import { search } from "./search";
import { suggest } from "./suggest";
import { versions } from "./versions";
import { why } from "./why";

export const strings = {
  ...frame,
  ...search,
  ...filters,
  ...suggest,
  ...photo,
  ...results,
  ...map,
  ...record,
  ...why,
  ...versions,
  ...about,
  ...problem,
} as const;
