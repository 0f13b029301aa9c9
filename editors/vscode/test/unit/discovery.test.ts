import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, suite, test } from "node:test";

import {
  expand,
  find,
  PROGRAM,
  type Problem,
  type Search,
  type Wanted,
} from "../../src/discovery.ts";
import { ofProblem } from "../../src/messages.ts";

const unix = process.platform !== "win32";

suite("the server is found", { skip: !unix && "its programs are shell scripts" }, () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "hermetic-discovery-"));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const program = (name: string, script: string, mode = 0o755): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, mode);
    return path;
  };

  const search = async (more: Partial<Wanted>): Promise<Search> =>
    find({
      path: "",
      fromEnvironment: false,
      environment: [],
      bundled: join(folder, "nothing"),
      version: "0.2.0",
      folder,
      ...more,
    });

  const only = async (path: string): Promise<Problem> => {
    const { server, problems } = await search({ path, bundled: bundled(), patience: 1 });
    // Nothing is started that was not asked for.
    assert.equal(server, undefined);
    assert.equal(problems.length, 1);
    const [problem] = problems;
    assert(problem);
    return problem;
  };

  const bundled = (): string => dirname(program(`bundled/${PROGRAM}`, "echo hermetic-lsp 0.2.0"));

  test("the setting goes before all", async () => {
    const path = program("own", "echo hermetic-lsp 0.3.0");
    const environment = [dirname(program(`env/${PROGRAM}`, "echo hermetic-lsp 0.4.0"))];
    const { server } = await search({
      path,
      environment,
      fromEnvironment: true,
      bundled: bundled(),
    });
    assert.deepEqual(server, { path, version: "0.3.0", origin: "setting" });
  });

  test("the environment's goes before the bundled one, where it is wanted", async () => {
    const environment = [
      join(folder, "empty"),
      dirname(program(`env/${PROGRAM}`, "echo hermetic-lsp 0.4.0")),
    ];
    const asked = await search({ environment, fromEnvironment: true, bundled: bundled() });
    assert.equal(asked.server?.origin, "environment");
    assert.deepEqual(asked.problems, []);
    const not = await search({ environment, bundled: bundled() });
    assert.equal(not.server?.origin, "bundled");
  });

  test("one in the environment that does not do is told, and the bundled one runs", async () => {
    const environment = [dirname(program(`old/${PROGRAM}`, "echo hermetic-lsp 0.1.9"))];
    const { server, problems } = await search({
      environment,
      fromEnvironment: true,
      bundled: bundled(),
    });
    assert.equal(server?.origin, "bundled");
    assert.deepEqual(
      problems.map((problem) => problem.reason.kind),
      ["older"],
    );
  });

  test("what was unpacked without its permission gets it back", async () => {
    const path = join(bundled(), PROGRAM);
    chmodSync(path, 0o644);
    const { server } = await search({ bundled: dirname(path) });
    assert.equal(server?.origin, "bundled");
    assert.equal(statSync(path).mode & 0o111, 0o111);
  });

  test("each way not to run has its words", async () => {
    const cases: [string, string, RegExp][] = [
      [
        join(folder, "nowhere"),
        "missing",
        /there is no .*nowhere, which the setting hermetic\.path/,
      ],
      [folder, "folder", /is a folder; name the file hermetic-lsp in it/],
      [program("plain", "echo hermetic-lsp 0.2.0", 0o644), "notExecutable", /chmod \+x/],
      [program("other", "echo grep 3.8"), "notOurs", /it says "grep 3\.8"\); write the path of/],
      [program("mute", ""), "notOurs", /it says nothing/],
      [program("nearly", "echo hermetic-lsp soon"), "notOurs", /another program/],
      [
        program("ancient", "echo hermetic-lsp 0.1.0"),
        "older",
        /version 0\.1\.0, older than .* 0\.2\.0; update/,
      ],
      [program("fails", "echo 1>&2 no library; exit 3"), "failed", /ended with code 3, no library/],
      [program("dies", "kill -SEGV $$"), "failed", /ended by SIGSEGV/],
      [program("hangs", "exec sleep 1000"), "silent", /did not tell its version in 1 seconds/],
      [program("waits", "cat; exec sleep 1000"), "silent", /perhaps another program/],
    ];
    for (const [path, kind, told] of cases) {
      const problem = await only(path);
      assert.equal(problem.reason.kind, kind, path);
      const { text, remedies } = ofProblem(problem);
      assert.match(text, told);
      assert.deepEqual(remedies, ["useBundled", "openSettings", "showLog"]);
    }
    // A file that is no program of this system at all.
    const foreign = join(folder, "foreign");
    writeFileSync(foreign, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 9, 9, 9, 9]), { mode: 0o755 });
    assert.equal((await only(foreign)).reason.kind, "failed");
  });

  test("no server at all is told as well", async () => {
    const { server, problems } = await search({});
    assert.equal(server, undefined);
    const [problem] = problems;
    assert(problem);
    const { text, remedies } = ofProblem(problem);
    assert.match(
      text,
      /which comes with this extension; install the extension made for this system/,
    );
    assert.deepEqual(remedies, ["openSettings", "showLog"]);
  });

  test("a newer server, and a preview of the next, will do", async () => {
    for (const version of ["0.2.0", "0.2.1", "0.3.0-rc.1", "10.0.0"]) {
      const { server } = await search({ path: program("new", `echo hermetic-lsp ${version}`) });
      assert.equal(server?.version, version);
    }
  });

  test("paths are written as people write them", async () => {
    process.env["HERMETIC_TEST"] = "some/where";
    const path = program("on-path/hermetic-named", "");
    const known = process.env["PATH"];
    process.env["PATH"] = [dirname(path), known].join(delimiter);
    try {
      assert.equal(await expand("~/a", folder), join(homedir(), "a"));
      assert.equal(await expand("${userHome}/a", folder), join(homedir(), "a"));
      assert.equal(await expand("${workspaceFolder}/a", folder), join(folder, "a"));
      assert.equal(await expand("/${env:HERMETIC_TEST}/a", folder), "/some/where/a");
      assert.equal(await expand("bin/a", folder), join(folder, "bin/a"));
      assert.equal(await expand("hermetic-named", folder), path);
      assert.equal(await expand("hermetic-nowhere", folder), join(folder, "hermetic-nowhere"));
    } finally {
      process.env["PATH"] = known;
      delete process.env["HERMETIC_TEST"];
    }
  });
});
