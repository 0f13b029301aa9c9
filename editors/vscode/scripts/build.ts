/* Bundles the extension into one file. `--watch` does so again and again. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { context, type Metafile } from "esbuild";

/** The licences of what is in the bundle: they ask to go with it. */
function notices(metafile: Metafile): string {
  const folder = /^node_modules\/(?:@[^/]+\/)?[^/]+(?:\/node_modules\/(?:@[^/]+\/)?[^/]+)*/;
  const found = Object.keys(metafile.inputs).map((path) => folder.exec(path)?.[0]);
  const packages = [...new Set(found)].filter((path) => path !== undefined).sort();
  const parts = packages.map((path) => {
    const text = readFileSync(join(path, "package.json"), "utf8");
    const { name, version, license } = JSON.parse(text) as Record<string, string | undefined>;
    const file = readdirSync(path).find((one) => /^licen[cs]e/i.test(one));
    const words = file === undefined ? "" : readFileSync(join(path, file), "utf8");
    return `${name ?? path} ${version ?? ""} (${license ?? "see below"})\n\n${words.trim()}\n`;
  });
  return parts.join(`\n${"-".repeat(72)}\n\n`);
}

const building = await context({
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  bundle: true,
  platform: "node",
  format: "cjs",
  // What VS Code 1.91 runs.
  target: "node20",
  external: ["vscode"],
  minify: !process.argv.includes("--watch"),
  legalComments: "none",
  logLevel: "warning",
  metafile: true,
});
if (process.argv.includes("--watch")) {
  await building.watch();
} else {
  const { metafile } = await building.rebuild();
  await building.dispose();
  writeFileSync("dist/NOTICES.txt", notices(metafile));
}
