/**
 * Runs inside the extension host against VS Code's API, as an extension of its own.
 *
 * The first folder of the workspace has a file `hermetic-tests.json` that names the log: one JSON
 * object a line, `{test, error}` for each test and `{done}` at the end.
 */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as vscode from "vscode";

import type { Api } from "../../src/extension.ts";

const PATIENCE = 60_000;
const CAPTURE = "from socket import socket\n\ns = socket()\n";
const FIXED = "import socket\n\ns = socket.socket()\n";
const CALL = 'import os\n\nos.system("ls")\n';

const tests: [string, () => Promise<void>][] = [];
const test = (name: string, run: () => Promise<void>): void => {
  tests.push([name, run]);
};

let api: Api;

/** Wait until something is so; looks again whenever diagnostics change, and now and then. */
async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise<void>((done) => {
      const changed = vscode.languages.onDidChangeDiagnostics(() => {
        end_();
      });
      const timer = setTimeout(() => {
        end_();
      }, 200);
      const end_ = (): void => {
        clearTimeout(timer);
        changed.dispose();
        done();
      };
    });
  }
}

function code(diagnostic: vscode.Diagnostic): string {
  const found = diagnostic.code;
  return String(typeof found === "object" ? found.value : (found ?? ""));
}

function rules(uri: vscode.Uri): string[] {
  return vscode.languages
    .getDiagnostics(uri)
    .filter((one) => one.source === "hermetic")
    .map(code);
}

async function rulesAre(uri: vscode.Uri, wanted: string[]): Promise<void> {
  let last: string[] = [];
  await until(`${uri.toString()} has ${wanted.join()}`, () => {
    last = rules(uri);
    return last.join() === wanted.join();
  }).catch((error: unknown) => {
    throw new Error(`${String(error)}; it has ${last.join()}`);
  });
}

function folder(name: string): vscode.Uri {
  const found = vscode.workspace.workspaceFolders?.find((one) => one.name === name);
  assert(found, name);
  return found.uri;
}

async function show(uri: vscode.Uri): Promise<vscode.TextEditor> {
  return vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri));
}

async function set(name: string, value: unknown): Promise<void> {
  const settings = vscode.workspace.getConfiguration("hermetic");
  await settings.update(name, value, vscode.ConfigurationTarget.Global);
}

async function running(): Promise<void> {
  await until("the server runs", () => {
    const standing = api.standing();
    return standing.kind === "running" && standing.status?.state === "idle";
  });
}

async function closeAll(): Promise<void> {
  // Without being asked whether to save.
  let tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs).length;
  for (; tabs > 0; tabs -= 1) {
    await vscode.commands.executeCommand("workbench.action.revertAndCloseActiveEditor");
  }
  await vscode.commands.executeCommand("workbench.action.closeAllEditors");
}

test("every command that is declared is there", async () => {
  const extension = vscode.extensions.getExtension("unpublished.hermetic");
  const { contributes } = extension?.packageJSON as {
    contributes: { commands: { command: string }[] };
  };
  const all = new Set(await vscode.commands.getCommands(true));
  for (const { command } of contributes.commands) assert(all.has(command), command);
});

test("each folder obeys its own configuration", async () => {
  const one = vscode.Uri.joinPath(folder("one"), "call.py");
  const two = vscode.Uri.joinPath(folder("two"), "call.py");
  await show(one);
  await rulesAre(one, ["shell-command"]);
  await show(two);
  // Something that the second folder does tell, so that silence is not only slowness.
  const editor = await show(vscode.Uri.joinPath(folder("two"), "capture.py"));
  await rulesAre(editor.document.uri, ["captured-reference"]);
  assert.deepEqual(rules(two), []);
});

test("a file is fixed", async () => {
  const editor = await show(vscode.Uri.joinPath(folder("two"), "capture.py"));
  await rulesAre(editor.document.uri, ["captured-reference"]);
  await vscode.commands.executeCommand("hermetic.fixFile");
  await until("it is fixed", () => editor.document.getText() === FIXED);
  await rulesAre(editor.document.uri, []);
});

test("a file is fixed when it is saved, where that is wanted", async () => {
  const uri = vscode.Uri.joinPath(folder("two"), "saved.py");
  await vscode.workspace.fs.writeFile(uri, Buffer.from(CAPTURE));
  const settings = vscode.workspace.getConfiguration("editor");
  const on = { "source.fixAll.hermetic": "explicit" };
  await settings.update("codeActionsOnSave", on, vscode.ConfigurationTarget.Global);
  const editor = await show(uri);
  await rulesAre(uri, ["captured-reference"]);
  await editor.edit((edit) => {
    edit.insert(new vscode.Position(3, 0), "# more\n");
  });
  await editor.document.save();
  assert.equal(readFileSync(uri.fsPath, "utf8"), `${FIXED}# more\n`);
  await settings.update("codeActionsOnSave", undefined, vscode.ConfigurationTarget.Global);
});

test("a buffer that is not saved anywhere is looked at", async () => {
  const document = await vscode.workspace.openTextDocument({ language: "python", content: CALL });
  await vscode.window.showTextDocument(document);
  // The first folder's policy.
  await rulesAre(document.uri, ["shell-command"]);
});

test("a notebook is one program in cells", async () => {
  const cell = (text: string): vscode.NotebookCellData =>
    new vscode.NotebookCellData(vscode.NotebookCellKind.Code, text, "python");
  const words = new vscode.NotebookCellData(vscode.NotebookCellKind.Markup, "# Sales", "markdown");
  const uri = vscode.Uri.joinPath(folder("one"), "sales.ipynb");
  const notebook = await vscode.workspace.openNotebookDocument(uri);
  await vscode.window.showNotebookDocument(notebook);
  const last = notebook.cellAt(notebook.cellCount - 1);
  await rulesAre(last.document.uri, ["shell-command"]);
  // Another cell, put between those that are there.
  const edit = new vscode.WorkspaceEdit();
  edit.set(uri, [vscode.NotebookEdit.insertCells(1, [words, cell("from os import popen\n")])]);
  assert(await vscode.workspace.applyEdit(edit));
  const added = notebook.getCells().find((one) => one.document.getText().includes("popen"));
  assert(added);
  await rulesAre(added.document.uri, ["captured-reference"]);
  await rulesAre(last.document.uri, ["shell-command"]);
});

test("a call is told with the place in the other file", async () => {
  const uri = vscode.Uri.joinPath(folder("one"), "through.py");
  await show(uri);
  await rulesAre(uri, ["shell-command"]);
  const [found] = vscode.languages.getDiagnostics(uri);
  const related = found?.relatedInformation ?? [];
  assert(
    related.some((one) => one.location.uri.path.endsWith("/one/tools.py")),
    JSON.stringify(related),
  );
});

test("settings are taken without another start", async () => {
  const uri = vscode.Uri.joinPath(folder("two"), "call.py");
  await show(uri);
  await running();
  const pid = api.pid();
  await set("profile", ["block-all"]);
  await rulesAre(uri, ["shell-command"]);
  await set("levels", { "shell-command": "off" });
  await rulesAre(uri, []);
  await set("levels", { "shell-command": "info" });
  await until("it is an information", () => {
    const [found] = vscode.languages.getDiagnostics(uri);
    return found?.severity === vscode.DiagnosticSeverity.Information;
  });
  await set("levels", undefined);
  await set("profile", undefined);
  await rulesAre(uri, []);
  await set("configuration", vscode.Uri.joinPath(folder("one"), "hermetic.toml").fsPath);
  await rulesAre(uri, ["shell-command"]);
  await set("configuration", undefined);
  await rulesAre(uri, []);
  assert.equal(api.pid(), pid);
});

test("a code lens tells what a function reaches", async () => {
  await set("codeLens", true);
  const uri = vscode.Uri.joinPath(folder("one"), "through.py");
  await show(uri);
  await until("a lens", async () => {
    const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
      "vscode.executeCodeLensProvider",
      uri,
      9,
    );
    return lenses.some((lens) => lens.command?.title.includes("subprocess"));
  });
  await set("codeLens", undefined);
});

test("the log is written to a file", async () => {
  const file = join(folder("one").fsPath, "server.log");
  await set("logLevel", "debug");
  await set("logFile", file);
  const editor = await show(vscode.Uri.joinPath(folder("one"), "call.py"));
  await until("the log is there", () => existsSync(file));
  await editor.edit((edit) => {
    edit.insert(new vscode.Position(0, 0), "\n");
  });
  await until("something is in it", () => readFileSync(file, "utf8").includes("checked"));
  await set("logFile", undefined);
  await set("logLevel", undefined);
});

test("the workspace is scanned", async () => {
  await closeAll();
  const found = await vscode.commands.executeCommand<{ findings: number; files: number }>(
    "hermetic.scan",
  );
  assert(found.findings >= 2, JSON.stringify(found));
  const uri = vscode.Uri.joinPath(folder("one"), "call.py");
  await rulesAre(uri, ["shell-command"]);
  // Opened, it is told once and not twice.
  const editor = await show(uri);
  await editor.edit((edit) => {
    edit.insert(new vscode.Position(0, 0), "\n");
  });
  await until("the finding moves", () => {
    const all = vscode.languages.getDiagnostics(uri);
    return all.length === 1 && all[0]?.range.start.line === 3;
  });
});

test("findings of the whole workspace are told where that is wanted", async () => {
  await closeAll();
  await set("diagnosticMode", "workspace");
  await rulesAre(vscode.Uri.joinPath(folder("one"), "through.py"), ["shell-command"]);
  await set("diagnosticMode", undefined);
  await running();
});

test("a rule is explained, a policy suggested, what is known told", async () => {
  await vscode.commands.executeCommand("hermetic.explain", "shell-command");
  await until("its page is open", () =>
    vscode.window.tabGroups.all.some((group) =>
      group.tabs.some((tab) => tab.label.includes("shell-command")),
    ),
  );
  await vscode.commands.executeCommand("hermetic.leastPolicy", folder("two"));
  const policy = await until("a policy", () => {
    const document = vscode.window.activeTextEditor?.document;
    return document?.fileName.endsWith("hermetic.toml") && document;
  });
  assert.equal(policy.isUntitled, true);
  assert(policy.getText().includes("no-network = true"), policy.getText());
  await vscode.commands.executeCommand("hermetic.showDebugInformation");
  const told = await until("information", () => {
    const document = vscode.window.activeTextEditor?.document;
    return document?.languageId === "json" && document;
  });
  const information = JSON.parse(told.getText()) as { server: { process: number } };
  assert.equal(information.server.process, api.pid());
});

test("it can be turned off and on", async () => {
  const uri = vscode.Uri.joinPath(folder("one"), "call.py");
  await show(uri);
  await rulesAre(uri, ["shell-command"]);
  await set("enable", false);
  await rulesAre(uri, []);
  await until("it is off", () => api.standing().kind === "off");
  await set("enable", undefined);
  await rulesAre(uri, ["shell-command"]);
});

test("a server that crashes is started again, up to a limit", async () => {
  const uri = vscode.Uri.joinPath(folder("one"), "call.py");
  await show(uri);
  await vscode.commands.executeCommand("hermetic.restart");
  for (let crash = 1; crash <= 5; crash += 1) {
    await running();
    const pid = api.pid();
    assert(pid !== undefined);
    process.kill(pid, "SIGKILL");
    await until(
      `crash ${crash} is noticed`,
      () => api.pid() !== pid || api.standing().kind === "crashed",
    );
  }
  const standing = await until("it is left alone", () => {
    const now = api.standing();
    return now.kind === "crashed" && now;
  });
  assert(standing.why.includes("SIGKILL"), standing.why);
  await vscode.commands.executeCommand("hermetic.restart");
  await running();
  await rulesAre(uri, ["shell-command"]);
});

export async function activate(): Promise<void> {
  const first = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  if (first === undefined) return;
  const task = join(first, "hermetic-tests.json");
  if (!existsSync(task)) return;
  const { log } = JSON.parse(readFileSync(task, "utf8")) as { log: string };
  const tell = (line: object): void => {
    appendFileSync(log, `${JSON.stringify(line)}\n`);
  };
  const extension = vscode.extensions.getExtension<Api>("unpublished.hermetic");
  assert(extension);
  api = await extension.activate();
  for (const [name, run] of tests) {
    const began = Date.now();
    try {
      await running();
      await run();
      tell({ test: name, milliseconds: Date.now() - began });
    } catch (error) {
      const how = error instanceof Error ? (error.stack ?? error.message) : String(error);
      tell({ test: name, error: how, milliseconds: Date.now() - began });
    }
    await closeAll().catch(() => undefined);
  }
  tell({ done: tests.length });
}
