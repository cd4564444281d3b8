/** Prints what is fetched before any picture and what is fetched later; fails above a budget. */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const SHELL_KB = 80;
const LATER_KB = { map: 320, atlas: 90, page: 60 };

const weigh = (name) => gzipSync(readFileSync(`dist/${name}`)).length / 1000;
const html = readFileSync("dist/index.html", "utf8");
const shell = ["index.html", ...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((m) =>
  typeof m === "string" ? m : m[1],
);
const later = readdirSync("dist/assets")
  .map((name) => `assets/${name}`)
  .filter((name) => /\.m?js$/.test(name) && !shell.includes(name));

let failed = false;
function say(name, kb, most) {
  if (kb > most) failed = true;
  console.log(`${name}: ${kb.toFixed(1)} kB gzip of ${most} kB allowed`);
}

say(
  "shell",
  shell.reduce((sum, name) => sum + weigh(name), 0),
  SHELL_KB,
);
for (const name of later) {
  const kind = /maplibre|worldmap/.test(name) ? "map" : /scatterplot/.test(name) ? "atlas" : "page";
  say(name.replace("assets/", ""), weigh(name), LATER_KB[kind]);
}
process.exit(failed ? 1 : 0);
