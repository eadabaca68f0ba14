/**
 * After `vite build`: tells the service worker which files make up this build, and writes each text file compressed beside
 * itself, so that the app host sends it as it lies.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const DIST = join(import.meta.dirname, "..", "dist");
const COMPRESSED = /\.(html|js|css|svg|wasm|webmanifest|json)$/;
/** Not part of the offline app: the emission page, the page for system cameras, and the worker itself. */
const NOT_KEPT = /^(emissao|leia)\/|^sw\.js$|\.(br|gz)$/;

const every = (folder) =>
  readdirSync(folder).flatMap((name) => (statSync(join(folder, name)).isDirectory() ? every(join(folder, name)) : [join(folder, name)]));
const files = every(DIST).sort();

// The app's own files: what index.html leads to. Emission-only chunks are left out by their names.
const kept = files.map((file) => relative(DIST, file)).filter((name) => !NOT_KEPT.test(name) && !/^assets\/(emissao|leia|captcha|zxing_writer)/.test(name));
const digest = createHash("sha256");
for (const name of kept) digest.update(name).update("\0").update(readFileSync(join(DIST, name)));
const build = digest.digest("hex").slice(0, 16);

const addresses = kept.map((name) => (name === "index.html" ? "/" : `/${name}`));
const worker = join(DIST, "sw.js");
const script = readFileSync(worker, "utf8");
const filled = script.replace("__BUILD__", build).replace(/(["'`])__FILES__\1/, () => JSON.stringify(JSON.stringify(addresses)));
if (filled.includes("__BUILD__") || filled.includes("__FILES__") || filled === script) throw new Error("the service worker has no place for its list of files");
writeFileSync(worker, filled);

for (const file of files.filter((name) => COMPRESSED.test(name))) {
  const bytes = readFileSync(file);
  if (bytes.length < 512) continue;
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }));
}
console.log(`build ${build}: ${addresses.length} files in the offline app`);
