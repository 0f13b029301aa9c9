/** The active Python environment: where its programs are. */
import { dirname, join } from "node:path";
import { PythonExtension } from "@vscode/python-extension";
import { extensions, workspace, type LogOutputChannel } from "vscode";

const PROGRAMS = process.platform === "win32" ? "Scripts" : "bin";
const PYTHON = "ms-python.python";

/**
 * Folders with programs, the likeliest first: of the interpreter that the Python extension has
 * chosen; without that extension, of the environment VS Code was started in, and of `.venv`.
 */
export async function folders(log: LogOutputChannel): Promise<string[]> {
  const chosen = await ofExtension(log);
  if (chosen !== undefined) return [chosen];
  const found: string[] = [];
  for (const name of ["VIRTUAL_ENV", "CONDA_PREFIX"]) {
    const prefix = process.env[name];
    if (prefix) found.push(join(prefix, PROGRAMS));
  }
  for (const folder of workspace.workspaceFolders ?? []) {
    for (const name of [".venv", "venv"]) found.push(join(folder.uri.fsPath, name, PROGRAMS));
  }
  return found;
}

async function ofExtension(log: LogOutputChannel): Promise<string | undefined> {
  if (!extensions.getExtension(PYTHON)) return undefined;
  try {
    const { environments } = await PythonExtension.api();
    const folder = workspace.workspaceFolders?.[0];
    const path = environments.getActiveEnvironmentPath(folder?.uri);
    const python = (await environments.resolveEnvironment(path))?.executable.uri?.fsPath;
    return python === undefined ? undefined : dirname(python);
  } catch (error) {
    log.warn(`the Python extension does not tell its environment: ${String(error)}`);
    return undefined;
  }
}
