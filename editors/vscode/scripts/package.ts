/*
 * Packs the extension with a server:
 *
 *     npm run package -- --target linux-x64 --server ../../target/release/hermetic-lsp
 *
 * `--target` is one of VS Code's, see below; `--server` the hermetic-lsp that was built for it;
 * `--out` the .vsix to write, dist/hermetic-TARGET-VERSION.vsix unless given.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const TARGETS = [
  ...["linux-x64", "linux-arm64", "linux-armhf", "alpine-x64", "alpine-arm64"],
  ...["darwin-x64", "darwin-arm64", "win32-x64", "win32-arm64"],
];

function refuse(why: string): never {
  console.error(`package: ${why}`);
  process.exit(2);
}

const { values } = parseArgs({
  options: { target: { type: "string" }, server: { type: "string" }, out: { type: "string" } },
});
const from = process.env["INIT_CWD"] ?? process.cwd();
const folder = dirname(dirname(fileURLToPath(import.meta.url)));
const manifest = readFileSync(join(folder, "package.json"), "utf8");
const { version } = JSON.parse(manifest) as { version: string };
const { target } = values;
if (target === undefined || !TARGETS.includes(target)) {
  refuse(`--target has to be one of ${TARGETS.join(", ")}`);
}
if (values.server === undefined) refuse("--server has to name the hermetic-lsp built for it");
const server = resolve(from, values.server);
if (!existsSync(server)) {
  refuse(`there is no ${server}; build it with cargo build --release --bin hermetic-lsp`);
}
if (target === `${process.platform}-${process.arch}`) {
  const said = execFileSync(server, ["--version"], { encoding: "utf8", timeout: 20_000 }).trim();
  if (said !== `hermetic-lsp ${version}`) {
    refuse(`${server} says it is ${said}, the extension is version ${version}`);
  }
}

const bundled = join(folder, "bundled");
rmSync(bundled, { recursive: true, force: true });
mkdirSync(bundled);
const program = join(bundled, target.startsWith("win32") ? "hermetic-lsp.exe" : "hermetic-lsp");
copyFileSync(server, program);
chmodSync(program, 0o755);
const license = join(folder, "../../LICENSE");
if (existsSync(license)) copyFileSync(license, join(folder, "LICENSE"));

const node = (...words: string[]): Buffer =>
  execFileSync(process.execPath, words, { cwd: folder, stdio: "inherit" });
node("--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "scripts/build.ts");
const out = resolve(from, values.out ?? join(folder, `dist/hermetic-${target}-${version}.vsix`));
// No repository is named that links and pictures could be sought in.
node(
  ...["node_modules/@vscode/vsce/vsce", "package", "--target", target, "--out", out],
  ...["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"],
);
