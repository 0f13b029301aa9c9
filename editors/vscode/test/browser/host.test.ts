/** The suite that runs inside the extension host, one test of ours for each of its. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";

import { build } from "esbuild";

import { Editor, write } from "./editor.ts";

const CALL = 'import os\n\nos.system("ls")\n';

interface Line {
  readonly test?: string;
  readonly error?: string;
  readonly milliseconds?: number;
  readonly done?: number;
}

const notebook = JSON.stringify({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: { language_info: { name: "python" } },
  cells: [
    {
      cell_type: "code",
      id: "a",
      metadata: {},
      outputs: [],
      execution_count: null,
      source: "import os",
    },
    {
      cell_type: "code",
      id: "b",
      metadata: {},
      outputs: [],
      execution_count: null,
      source: 'os.system("ls")',
    },
  ],
});

async function pack(folder: string): Promise<string> {
  const here = join(import.meta.dirname, "../host");
  await build({
    entryPoints: [join(here, "suite.ts")],
    outfile: join(folder, "suite.js"),
    bundle: true,
    platform: "node",
    format: "cjs",
    external: ["vscode"],
    logLevel: "warning",
  });
  const manifest = readFileSync(join(here, "package.json"), "utf8");
  write(folder, { "package.json": manifest, "README.md": "Tests.\n", LICENSE: "MIT\n" });
  const vsix = join(folder, "tests.vsix");
  const vsce = join(import.meta.dirname, "../../node_modules/@vscode/vsce/vsce");
  const words = [vsce, "package", "--no-dependencies", "--allow-missing-repository", "--out", vsix];
  execFileSync(process.execPath, words, { cwd: folder, stdio: "pipe" });
  return vsix;
}

test("inside the extension host", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "hermetic-host-"));
  const log = join(folder, "log.jsonl");
  write(folder, {
    "both.code-workspace": JSON.stringify({ folders: [{ path: "one" }, { path: "two" }] }),
    "one/hermetic-tests.json": JSON.stringify({ log }),
    "one/hermetic.toml": "no-subprocess = true\n",
    "one/call.py": CALL,
    "one/tools.py": "from os import system as shell\n",
    "one/through.py": 'import tools\n\n\ndef archive():\n    tools.shell("ls")\n',
    "one/sales.ipynb": notebook,
    "two/call.py": CALL,
    "two/capture.py": "from socket import socket\n\ns = socket()\n",
  });
  const vsix = await pack(join(folder, "packed"));
  const editor = await Editor.start({}, [vsix]);
  try {
    const window = await editor.open(join(folder, "both.code-workspace"));
    let lines: Line[] = [];
    let known = 0;
    let quiet = Date.now();
    // A test that hangs ends by itself; here only the whole is waited for.
    while (!lines.some((line) => line.done !== undefined)) {
      const text = existsSync(log) ? readFileSync(log, "utf8") : "";
      lines = text
        .split("\n")
        .filter((line) => line.endsWith("}"))
        .map((line) => JSON.parse(line) as Line);
      if (lines.length > known) [known, quiet] = [lines.length, Date.now()];
      if (Date.now() - quiet > 300_000) {
        await window.shot("host-hangs");
        assert.fail(`nothing more is told after ${text}\n${editor.log}`);
      }
      await new Promise((done) => setTimeout(done, 200));
    }
    await window.shot("host");
    for (const { test: name, error, milliseconds } of lines) {
      if (name === undefined) continue;
      await context.test(`${name} (${milliseconds ?? 0} ms)`, () => {
        assert.equal(error, undefined, error);
      });
    }
    assert(lines.length > 1);
  } finally {
    await editor.end();
    rmSync(folder, { recursive: true, force: true });
  }
});
