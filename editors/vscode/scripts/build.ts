/* Bundles the extension into one file. `--watch` does so again and again. */
import { context } from "esbuild";

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
});
if (process.argv.includes("--watch")) {
  await building.watch();
} else {
  await building.rebuild();
  await building.dispose();
}
