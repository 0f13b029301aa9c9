/** The extension: a client of `hermetic-lsp`, and what the editor shows of it. */
import { window, workspace, type ExtensionContext } from "vscode";

import { register } from "./commands.ts";
import { Session, type Channels } from "./session.ts";
import * as settings from "./settings.ts";
import type { Standing } from "./standing.ts";

/** What other extensions, and our tests, can ask. */
export interface Api {
  /** How the server is. */
  readonly standing: () => Standing;
  /** The server's process. */
  readonly pid: () => number | undefined;
}

let session: Session | undefined;

export function activate(context: ExtensionContext): Api {
  const channels: Channels = {
    client: window.createOutputChannel("Hermetic", { log: true }),
    server: window.createOutputChannel("Hermetic Server", { log: true }),
    trace: window.createOutputChannel("Hermetic Trace", { log: true }),
  };
  const started = new Session(context, channels);
  session = started;
  context.subscriptions.push(
    channels.client,
    channels.server,
    channels.trace,
    started,
    ...register(context, started, channels),
    workspace.onDidChangeConfiguration((change) => {
      if (settings.restarts(change)) void started.restart();
      else if (settings.isTold(change)) void started.tellSettings();
    }),
    workspace.onDidGrantWorkspaceTrust(() => started.restart()),
  );
  // Not waited for: VS Code counts it as the time that the extension costs at the start.
  void started.restart();
  return { standing: () => started.status.standing, pid: () => started.pid };
}

export async function deactivate(): Promise<void> {
  await session?.end();
}
