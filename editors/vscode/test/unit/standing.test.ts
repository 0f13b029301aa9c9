import assert from "node:assert/strict";
import test from "node:test";

import { Crashes, Tail } from "../../src/crashes.ts";
import { ofCrash, ofManyFiles } from "../../src/messages.ts";
import { shown, type ServerStatus } from "../../src/standing.ts";

test("four ends in three minutes are put up with, the fifth is not", () => {
  const crashes = new Crashes();
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((minute) => crashes.add(minute * 40_000)),
    [true, true, true, true, false],
  );
  assert.equal(crashes.count, 5);
  // Three minutes later they do not count any more.
  assert.equal(crashes.add(10 * 60_000), true);
  assert.equal(crashes.count, 1);
  crashes.forget();
  assert.equal(crashes.count, 0);
});

test("the last lines of what a server wrote are kept", () => {
  const tail = new Tail();
  for (let line = 1; line <= 100; line += 1) tail.add(`line ${line}\n\n`);
  tail.add("the la");
  tail.add("st");
  assert.equal(tail.lines.length, 20);
  assert.deepEqual(tail.lines.slice(-2), ["line 100", "the last"]);
  const { text, remedies } = ofCrash("signal SIGABRT", tail.lines, 5);
  assert.match(
    text,
    /5 times in 3 minutes \(signal SIGABRT\).*it said last: line 99 \/ line 100 \/ the last$/,
  );
  assert.deepEqual(remedies, ["restart", "showLog"]);
});

test("many files are told with the key that leaves some out", () => {
  assert.match(ofManyFiles(50_000), /50,000 files .*extend-exclude = .*\[tool\.hermetic\.check\]/);
});

test("the status item tells how things are", () => {
  const running = (status: ServerStatus | undefined): ReturnType<typeof shown> =>
    shown({ kind: "running", version: "1.2.3", status });
  assert.equal(running(undefined).text, "Hermetic: ready");
  const ready = running({ state: "idle", files: 1, failures: [] });
  assert.deepEqual(
    [ready.detail, ready.severity, ready.busy],
    ["version 1.2.3, 1 file", "information", false],
  );
  const scanning = running({ state: "scanning", done: 3, total: 10, failures: [] });
  assert.deepEqual([scanning.text, scanning.busy], ["Hermetic: scanning 3 of 10", true]);
  const failures = [
    { uri: null, message: "unknown key `x`" },
    { uri: null, message: "other" },
  ];
  const broken = running({ state: "scanning", failures });
  assert.deepEqual([broken.text, broken.severity], ["Hermetic: broken configuration", "warning"]);
  assert.equal(broken.detail, "unknown key `x` (and 1 more)");
  assert.equal(shown({ kind: "crashed", why: "signal SIGSEGV" }).severity, "error");
  assert.equal(shown({ kind: "failed", why: "" }).severity, "error");
  assert.equal(shown({ kind: "off" }).text, "Hermetic: off");
  assert.equal(shown({ kind: "starting" }).busy, true);
});
