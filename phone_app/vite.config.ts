import { defineConfig } from "vitest/config";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const version = (JSON.parse(readFileSync(resolve(import.meta.dirname, "package.json"), "utf8")) as { version: string }).version;

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version) },
  appType: "mpa",
  build: {
    target: "es2022",
    // Nothing inline: the Content Security Policy takes scripts and styles from files of ours only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    rollupOptions: {
      input: {
        phone: resolve(import.meta.dirname, "index.html"),
        emissao: resolve(import.meta.dirname, "emissao/index.html"),
        leia: resolve(import.meta.dirname, "leia/index.html"),
        sw: resolve(import.meta.dirname, "src/workers/sw.ts"),
      },
      output: { entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
    },
  },
  worker: { format: "es" },
  test: { include: ["test/**/*.test.ts"], environment: "node", setupFiles: ["test/setup.ts"] },
});
