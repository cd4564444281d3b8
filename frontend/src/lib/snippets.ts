/** The search on the screen as lines to run elsewhere. */
import { type Query, queryString } from "./query";

/** A shell command that prints the answer. */
export function curl(address: string, query: Query): string {
  return `curl ${quoted(address + queryString(query))}`;
}

/** Python, with nothing to install but requests. Without a question there are no scores. */
export function python(address: string, query: Query, ranked = true): string {
  const shown = [
    ...(ranked ? ['hit["rank"]', 'round(hit["score"], 3)'] : []),
    'record.get("scientific_name")',
    'hit["image"]["id"]',
  ];
  return [
    "import requests",
    "",
    `answer = requests.get(${literal(address)}, params={`,
    ...Object.entries(query).map(([key, value]) => `    ${literal(key)}: ${list(value)},`),
    "})",
    "answer.raise_for_status()",
    'for hit in answer.json()["hits"]:',
    '    record = hit["record"] or {}',
    `    print(${shown.join(", ")})`,
  ].join("\n");
}

/** R, with jsonlite. */
export function r(address: string, query: Query, ranked = true): string {
  return [
    "library(jsonlite)",
    "",
    `answer <- fromJSON(${literal(address + queryString(query))})`,
    ...(ranked ? ['answer$hits[, c("rank", "score")]'] : []),
    "answer$hits$record$scientific_name",
  ].join("\n");
}

function list(value: string | string[]): string {
  return Array.isArray(value) ? `[${value.map(literal).join(", ")}]` : literal(value);
}

/** JSON's string literals are Python's and R's too, once what lies beyond ASCII is left as it is. */
function literal(text: string): string {
  return JSON.stringify(text);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
