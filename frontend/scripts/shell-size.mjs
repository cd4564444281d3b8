/** Prints what the page weighs before any picture, and fails above the budget. */
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 80;
const files = readdirSync("dist", { recursive: true }).filter((name) =>
  /\.(js|css|html)$/.test(name),
);
const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(`dist/${name}`)).length, 0);
const kb = bytes / 1000;
console.log(`shell: ${kb.toFixed(1)} kB gzip of ${BUDGET_KB} kB allowed`);
process.exit(kb > BUDGET_KB ? 1 : 0);
