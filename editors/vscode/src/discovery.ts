/**
 * Which `hermetic-lsp` is started: the setting `hermetic.path`, else the active Python
 * environment's where that is wanted, else the one that comes with the extension. Each is asked
 * for its version before it is started, so that what cannot work is told in words.
 *
 * Nothing here knows VS Code.
 */
import { spawn } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, isAbsolute, join, resolve } from "node:path";

import { isOlder, parse } from "./version.ts";

/** Where a server was taken from. */
export type Origin = "setting" | "environment" | "bundled";

/** A server that runs. */
export interface Server {
  readonly path: string;
  readonly version: string;
  readonly origin: Origin;
}

/** Why one does not. */
export type Reason =
  | { readonly kind: "missing" }
  | { readonly kind: "folder" }
  | { readonly kind: "notExecutable" }
  | { readonly kind: "silent"; readonly seconds: number }
  | { readonly kind: "notOurs"; readonly said: string }
  | { readonly kind: "older"; readonly version: string; readonly wanted: string }
  | { readonly kind: "failed"; readonly how: string; readonly said: string };

/** A server that does not run. */
export interface Problem {
  readonly path: string;
  readonly origin: Origin;
  readonly reason: Reason;
}

/** What is searched with. */
export interface Wanted {
  /** The setting `hermetic.path`; empty is none. */
  readonly path: string;
  /** Whether the active Python environment is looked at. */
  readonly fromEnvironment: boolean;
  /** Folders with the programs of that environment. */
  readonly environment: readonly string[];
  /** The folder of the extension that has the server in it. */
  readonly bundled: string;
  /** The extension's version: no older server will do. */
  readonly version: string;
  /** What a relative path counts from. */
  readonly folder: string | undefined;
  /** Seconds a server may take to tell its version. */
  readonly patience?: number;
}

/** What was found. */
export interface Search {
  readonly server: Server | undefined;
  /** What was tried first and does not run. */
  readonly problems: readonly Problem[];
}

/** How the server is called here. */
export const PROGRAM = process.platform === "win32" ? "hermetic-lsp.exe" : "hermetic-lsp";

/** Seconds a server may take to tell its version: a cold disk, an antivirus. */
const PATIENCE = 20;
/** Characters of what a program says that are kept. */
const KEPT = 2000;

/** Find the server. */
export async function find(wanted: Wanted): Promise<Search> {
  if (wanted.path !== "") {
    const path = await expand(wanted.path, wanted.folder);
    const found = await probe(path, "setting", wanted);
    // Somebody asked for this one: no other is started in its place.
    return "reason" in found
      ? { server: undefined, problems: [found] }
      : { server: found, problems: [] };
  }
  const problems: Problem[] = [];
  for (const folder of wanted.fromEnvironment ? wanted.environment : []) {
    const found = await probe(join(folder, PROGRAM), "environment", wanted);
    if (!("reason" in found)) return { server: found, problems };
    // An environment without it is the usual case.
    if (found.reason.kind !== "missing") problems.push(found);
  }
  const bundled = join(wanted.bundled, PROGRAM);
  await makeExecutable(bundled);
  const found = await probe(bundled, "bundled", wanted);
  if (!("reason" in found)) return { server: found, problems };
  return { server: undefined, problems: [...problems, found] };
}

/** A path as people write it: `~`, variables, a program's name alone, relative. */
export async function expand(path: string, folder: string | undefined): Promise<string> {
  let text = path.trim().replace(/^~(?=$|[/\\])/, () => homedir());
  text = text.replaceAll("${userHome}", () => homedir());
  text = text.replaceAll("${workspaceFolder}", () => folder ?? "");
  text = text.replace(/\$\{env:(\w+)\}/g, (_, name: string) => process.env[name] ?? "");
  if (isAbsolute(text)) return text;
  if (!/[/\\]/.test(text)) {
    const found = await onPath(text);
    if (found !== undefined) return found;
  }
  return resolve(folder ?? homedir(), text);
}

async function onPath(name: string): Promise<string | undefined> {
  const names = process.platform === "win32" && !/\.\w+$/.test(name) ? [`${name}.exe`] : [name];
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    if (folder === "") continue;
    for (const one of names) {
      const path = join(folder, one);
      if (await isFile(path)) return path;
    }
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (known) => known.isFile(),
    () => false,
  );
}

/** A .vsix that was packed or unpacked on another system has lost the permission. */
async function makeExecutable(path: string): Promise<void> {
  if (process.platform === "win32" || !(await isFile(path))) return;
  await access(path, constants.X_OK).catch(() => chmod(path, 0o755).catch(() => undefined));
}

/** Ask a program for its version. */
async function probe(path: string, origin: Origin, wanted: Wanted): Promise<Server | Problem> {
  const problem = (reason: Reason): Problem => ({ path, origin, reason });
  const known = await stat(path).catch(() => undefined);
  if (!known) return problem({ kind: "missing" });
  if (known.isDirectory()) return problem({ kind: "folder" });
  if (process.platform !== "win32") {
    const may = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!may) return problem({ kind: "notExecutable" });
  }
  const seconds = wanted.patience ?? PATIENCE;
  const ended = await run(path, seconds);
  if (ended.how === "silent") return problem({ kind: "silent", seconds });
  if (ended.how !== "") return problem({ kind: "failed", how: ended.how, said: ended.said });
  const version = /^hermetic-lsp (\S+)\s*$/m.exec(ended.said)?.[1];
  const parsed = version === undefined ? undefined : parse(version);
  if (version === undefined || !parsed) {
    return problem({
      kind: "notOurs",
      said: ended.said.split("\n")[0]?.trim().slice(0, 120) ?? "",
    });
  }
  const needed = parse(wanted.version);
  if (needed && isOlder(parsed, needed)) {
    return problem({ kind: "older", version, wanted: wanted.version });
  }
  return { path, version, origin };
}

interface Ended {
  /** Empty where it ended well, `silent` where it did not end. */
  readonly how: string;
  readonly said: string;
}

async function run(path: string, seconds: number): Promise<Ended> {
  return new Promise((done) => {
    let said = "";
    const child = spawn(path, ["--version"], { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // What it started may hold its output open.
      child.stdout.destroy();
      child.stderr.destroy();
      done({ how: "silent", said });
    }, seconds * 1000);
    const keep = (data: Buffer): void => {
      if (said.length < KEPT) said += data.toString().slice(0, KEPT - said.length);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => {
      clearTimeout(timer);
      done({ how: error.message, said });
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (code === 0) done({ how: "", said });
      else done({ how: signal ? `ended by ${signal}` : `ended with code ${code ?? "?"}`, said });
    });
  });
}
