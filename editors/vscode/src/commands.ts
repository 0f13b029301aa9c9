/** What the command palette offers. */
import {
  commands,
  Diagnostic,
  languages,
  Range,
  Uri,
  window,
  workspace,
  type DiagnosticCollection,
  type Disposable,
  type ExtensionContext,
  TabInputNotebook,
  TabInputText,
  type Tab,
} from "vscode";
import { ExecuteCommandRequest, type Diagnostic as Found } from "vscode-languageclient/node";

import type { Channels, Session } from "./session.ts";

const SCHEME = "hermetic-rule";
const FIX_ALL = "source.fixAll.hermetic";

interface Rule {
  readonly name: string;
  readonly summary: string;
  readonly level: string;
  readonly capability: string;
}

interface Scan {
  readonly files: number;
  readonly findings: readonly { readonly uri: string; readonly diagnostics: Found[] }[];
}

/** Register them all. */
export function register(
  context: ExtensionContext,
  session: Session,
  channels: Channels,
): { dispose: () => unknown }[] {
  const ask = async (command: string, ...words: unknown[]): Promise<unknown> => {
    const { client } = session;
    if (!client) {
      void session.say("error", {
        text: "hermetic: no server runs",
        remedies: ["restart", "openSettings", "showLog"],
      });
      return undefined;
    }
    try {
      return await client.sendRequest(ExecuteCommandRequest.type, { command, arguments: words });
    } catch (error) {
      void session.say("error", { text: `hermetic: ${reason(error)}`, remedies: ["showLog"] });
      return undefined;
    }
  };
  const scanned = new Scanned(session);
  const pages = new Map<string, string>();
  const on = (name: string, run: (...words: never[]) => unknown): Disposable =>
    commands.registerCommand(`hermetic.${name}`, run);
  return [
    scanned,
    workspace.registerTextDocumentContentProvider(SCHEME, {
      provideTextDocumentContent: (uri) => pages.get(uri.path) ?? "",
    }),
    on("restart", () => session.restart()),
    on("showClientLog", () => {
      channels.client.show();
    }),
    on("showServerLog", () => {
      channels.server.show();
    }),
    on("fixFile", fixFile),
    on("explain", async (name?: string) => {
      const rule = name ?? (await chooseRule((await ask("hermetic.explainRule")) as Rule[]));
      if (rule === undefined) return;
      const page = await ask("hermetic.explainRule", rule);
      if (typeof page !== "string") return;
      const uri = Uri.from({ scheme: SCHEME, path: `/${rule}.md` });
      pages.set(uri.path, page);
      await commands.executeCommand("markdown.showPreview", uri);
    }),
    on("leastPolicy", async (folder?: Uri) => {
      const chosen = folder ?? (await chooseFolder());
      if (!chosen) return;
      const policy = await ask("hermetic.suggestPolicy", chosen.toString());
      if (typeof policy === "string") await showPolicy(chosen, policy);
    }),
    on("scan", async () => {
      const found = (await ask("hermetic.scanWorkspace")) as Scan | null | undefined;
      // Nothing where it was cancelled.
      if (!found) return;
      const { client } = session;
      if (!client) return;
      const all = await Promise.all(
        found.findings.map(async ({ uri, diagnostics }) => ({
          uri: client.protocol2CodeConverter.asUri(uri),
          diagnostics: await client.protocol2CodeConverter.asDiagnostics(diagnostics),
        })),
      );
      scanned.show(all);
      await commands.executeCommand("workbench.actions.view.problems");
      const count = found.findings.reduce((sum, one) => sum + one.diagnostics.length, 0);
      const findings = `${count} finding${count === 1 ? "" : "s"}`;
      void window.showInformationMessage(`hermetic: ${findings} in ${found.files} files`);
      return { findings: count, files: found.files };
    }),
    on("showDebugInformation", async () => {
      const server = session.client ? await ask("hermetic.debugInformation") : null;
      const packaged = context.extension.packageJSON as { version: unknown };
      const all = {
        extension: packaged.version,
        standing: session.status.standing,
        trusted: workspace.isTrusted,
        system: `${process.platform} ${process.arch}`,
        server,
      };
      const content = JSON.stringify(all, undefined, 2);
      const document = await workspace.openTextDocument({ language: "json", content });
      await window.showTextDocument(document);
    }),
  ];
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function fixFile(): Promise<void> {
  const document = window.activeTextEditor?.document;
  if (document?.languageId !== "python") {
    void window.showInformationMessage("hermetic: open the Python file that is to be fixed");
    return;
  }
  await commands.executeCommand("editor.action.codeAction", {
    kind: FIX_ALL,
    apply: "first",
  });
}

/** The rule of a finding under the cursor, or one of all. */
async function chooseRule(rules: readonly Rule[] | undefined): Promise<string | undefined> {
  if (!rules) return undefined;
  const editor = window.activeTextEditor;
  const here = editor
    ? languages
        .getDiagnostics(editor.document.uri)
        .filter((one) => one.source === "hermetic" && one.range.contains(editor.selection.active))
        .map(code)
    : [];
  const found = rules.find((rule) => here.includes(rule.name));
  if (found) return found.name;
  const items = rules.map((rule) => ({
    label: rule.name,
    description: `${rule.capability}, ${rule.level}`,
    detail: rule.summary,
  }));
  const options = { placeHolder: "Rule", matchOnDescription: true, matchOnDetail: true };
  return (await window.showQuickPick(items, options))?.label;
}

function code(diagnostic: Diagnostic): string {
  const found = diagnostic.code;
  return String(typeof found === "object" ? found.value : (found ?? ""));
}

async function chooseFolder(): Promise<Uri | undefined> {
  const folders = workspace.workspaceFolders ?? [];
  if (folders.length === 0) {
    void window.showInformationMessage("hermetic: open a folder; a policy is one of a program");
    return undefined;
  }
  if (folders.length === 1) return folders[0]?.uri;
  return (await window.showWorkspaceFolderPick())?.uri;
}

async function showPolicy(folder: Uri, policy: string): Promise<void> {
  const file = Uri.joinPath(folder, "hermetic.toml");
  const exists = await workspace.fs.stat(file).then(
    () => true,
    () => false,
  );
  if (exists) {
    // Beside the one there is; nothing of it is overwritten.
    const document = await workspace.openTextDocument({ content: policy });
    await window.showTextDocument(document);
    return;
  }
  const editor = await window.showTextDocument(file.with({ scheme: "untitled" }));
  const { document } = editor;
  await editor.edit((edit) => {
    edit.replace(new Range(0, 0, document.lineCount, 0), policy);
  });
}

/** What a tab shows. */
function addresses({ input }: Tab): Uri[] {
  return input instanceof TabInputText || input instanceof TabInputNotebook ? [input.uri] : [];
}

/** What a scan found in files that are not open; of open ones the server tells anyway. */
class Scanned implements Disposable {
  readonly #found: DiagnosticCollection = languages.createDiagnosticCollection("hermetic scan");
  readonly #watched: { dispose: () => unknown }[];

  constructor(session: Session) {
    const watcher = workspace.createFileSystemWatcher("**/*.{py,pyw,ipynb}", true);
    this.#watched = [
      this.#found,
      window.tabGroups.onDidChangeTabs(({ opened }) => {
        if (!session.client) return;
        for (const uri of opened.flatMap(addresses)) this.#found.delete(uri);
      }),
      watcher,
      watcher.onDidChange((uri) => {
        this.#found.delete(uri);
      }),
      watcher.onDidDelete((uri) => {
        this.#found.delete(uri);
      }),
    ];
  }

  show(all: readonly { readonly uri: Uri; readonly diagnostics: Diagnostic[] }[]): void {
    this.#found.clear();
    // A document outlives its tab for a while; what is told of it does not.
    const tabs = window.tabGroups.all.flatMap((group) => group.tabs);
    const open = new Set(tabs.flatMap(addresses).map(String));
    for (const { uri, diagnostics } of all) {
      if (!open.has(uri.toString())) this.#found.set(uri, diagnostics);
    }
  }

  dispose(): void {
    for (const one of this.#watched) one.dispose();
  }
}
