/** The settings, and which of them the server is told. */
import { homedir } from "node:os";
import { workspace, type WorkspaceConfiguration } from "vscode";

const SECTION = "hermetic";

/** The settings that are the server's, as docs/editors.md lists them. */
const SERVER = [
  "diagnosticMode",
  "codeLens",
  "unsafeFixes",
  "profile",
  "levels",
  "configuration",
  "configurationPreference",
  "logLevel",
  "logFile",
] as const;

/** Those that a server which runs does not take: it is started again. */
const AT_START = ["enable", "path", "importStrategy", "diagnosticMode"];

/** A change of settings, as VS Code tells it. */
interface Change {
  affectsConfiguration: (section: string) => boolean;
}

export function all(): WorkspaceConfiguration {
  return workspace.getConfiguration(SECTION);
}

/** What the server is told. */
export function forServer(): Record<string, unknown> {
  const settings = all();
  const told: Record<string, unknown> = {};
  for (const name of SERVER) told[name] = settings.get<unknown>(name);
  told["configuration"] = withVariables(settings.get("configuration", ""));
  told["logFile"] = withVariables(settings.get("logFile", ""));
  return told;
}

function withVariables(text: string): string {
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  return text
    .trim()
    .replace(/^~(?=$|[/\\])/, () => homedir())
    .replaceAll("${userHome}", () => homedir())
    .replaceAll("${workspaceFolder}", () => folder)
    .replace(/\$\{env:(\w+)\}/g, (_, name: string) => process.env[name] ?? "");
}

/** Whether a change asks for another start of the server. */
export function restarts(change: Change): boolean {
  return AT_START.some((name) => change.affectsConfiguration(`${SECTION}.${name}`));
}

/** Whether a change is to be told to the server. */
export function isTold(change: Change): boolean {
  return SERVER.some((name) => change.affectsConfiguration(`${SECTION}.${name}`));
}
