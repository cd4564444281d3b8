/** Short names for the shapes of the REST contract, all taken from the generated `api.d.ts`. */
import type { paths } from "./api.d.ts";

export type Get<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer Body } } } };
}
  ? Body
  : never;

export type SearchResult = Get<"/api/v1/search">;
export type Hit = SearchResult["hits"][number];
export type BrowseResult = Get<"/api/v1/images">;
export type Picture = Hit["image"];
export type RecordSummary = NonNullable<Hit["record"]>;
export type RecordDetail = Get<"/api/v1/records/{id}">;
export type Version = Get<"/api/v1/versions">["versions"][number];
export type Summary = Get<"/api/v1/summary">;
export type Facets = Get<"/api/v1/facets">;
export type Facet = Facets["facets"][number];
export type FacetName = Facet["name"];
export type Timeline = Get<"/api/v1/timeline">;
export type MapCounts = Get<"/api/v1/map">;
export type MapCell = MapCounts["cells"][number];
export type TaxonTree = Get<"/api/v1/taxa/tree">;
export type TaxonBranch = TaxonTree["children"][number];
export type Suggestions = Get<"/api/v1/suggest">;
export type NameSuggestion = Suggestions["names"][number];
export type Why = Get<"/api/v1/search/why">;
