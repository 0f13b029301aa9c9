/** The server's life: found, started, told of settings, started again when it crashes. */
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import {
  commands,
  ConfigurationTarget,
  env,
  Uri,
  window,
  workspace,
  type Disposable,
  type ExtensionContext,
  type LogOutputChannel,
} from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  type CloseHandlerResult,
  type LanguageClientOptions,
} from "vscode-languageclient/node";

import { Crashes, Tail } from "./crashes.ts";
import { find, type Server } from "./discovery.ts";
import { SELECTOR } from "./documents.ts";
import { folders } from "./environment.ts";
import { ofCrash, ofManyFiles, ofProblem, TITLES, type Message } from "./messages.ts";
import * as settings from "./settings.ts";
import type { ServerStatus } from "./standing.ts";
import { StatusItem } from "./status.ts";

/** Files of a workspace beyond which the user is told what takes so long. */
const MANY_FILES = 20_000;
/** Milliseconds in which a process whose output has ended has to be gone. */
const EXIT = 2_000;
const NEVER_MANY = "hermetic.neverTellManyFiles";

/** Where things are written to. */
export interface Channels {
  readonly client: LogOutputChannel;
  readonly server: LogOutputChannel;
  readonly trace: LogOutputChannel;
}

/** The server, whether there is one or not. */
export class Session implements Disposable {
  readonly status = new StatusItem();
  readonly #context: ExtensionContext;
  readonly #channels: Channels;
  readonly #crashes = new Crashes();
  #client: LanguageClient | undefined;
  #process: ChildProcess | undefined;
  #exit: Promise<string> = Promise.resolve("");
  #tail = new Tail();
  #toldMany = false;
  /** Starts and stops, one after the other. */
  #queue: Promise<void> = Promise.resolve();

  constructor(context: ExtensionContext, channels: Channels) {
    this.#context = context;
    this.#channels = channels;
  }

  /** The client of a server that runs. */
  get client(): LanguageClient | undefined {
    return this.#client?.isRunning() ? this.#client : undefined;
  }

  /** The server's process. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Start it anew, or stop it, as the settings are now. */
  async restart(): Promise<void> {
    this.#crashes.forget();
    const next = this.#queue.then(async () => {
      await this.#stop();
      await this.#start();
    });
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** Stop it. */
  async end(): Promise<void> {
    const next = this.#queue.then(() => this.#stop());
    this.#queue = next.catch(() => undefined);
    return next;
  }

  /** Tell it the settings. */
  async tellSettings(): Promise<void> {
    // It asks for them then.
    await this.client?.sendNotification("workspace/didChangeConfiguration", {
      settings: { hermetic: settings.forServer() },
    });
  }

  dispose(): void {
    this.status.dispose();
    void this.end();
  }

  /** Say something, with buttons. */
  async say(how: "error" | "warning", { text, remedies }: Message): Promise<void> {
    this.#channels.client[how === "error" ? "error" : "warn"](text);
    const show = how === "error" ? window.showErrorMessage : window.showWarningMessage;
    const chosen = await show(text, ...remedies.map((remedy) => TITLES[remedy]));
    const remedy = remedies.find((one) => TITLES[one] === chosen);
    if (remedy === "useBundled") await useBundled();
    if (remedy === "showLog") this.#channels.client.show();
    if (remedy === "restart") await this.restart();
    if (remedy === "openSettings") {
      // Paths are settings of the machine, which has a page of its own where it is another one.
      await (env.remoteName === undefined
        ? commands.executeCommand("workbench.action.openSettings", "hermetic.path")
        : commands.executeCommand("workbench.action.openRemoteSettings", {
            query: "hermetic.path",
          }));
    }
  }

  async #stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client) {
      // A server that does not answer is killed.
      await client.dispose(5_000).catch((error: unknown) => {
        this.#channels.client.warn(`the server did not stop well: ${String(error)}`);
      });
      const child = this.#process;
      if (child?.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    }
    this.status.show({ kind: "off" });
  }

  async #start(): Promise<void> {
    const log = this.#channels.client;
    if (!settings.all().get<boolean>("enable", true)) {
      log.info("hermetic.enable is false: no server is started");
      return;
    }
    this.status.show({ kind: "starting" });
    const server = await this.#find();
    if (!server) return;
    const client = new LanguageClient(
      "hermetic",
      "Hermetic",
      async () => this.#spawn(server.path),
      this.#options(),
    );
    client.registerFeature({
      fillClientCapabilities: (all) => {
        const ours = { hermeticStatus: true, hermeticShowsFindings: true };
        all.experimental = { ...(all.experimental as object), ...ours };
      },
      initialize: () => undefined,
      getState: () => ({ kind: "static" }),
      clear: () => undefined,
    });
    let last: ServerStatus | undefined;
    const show = (): void => {
      if (this.#client !== client) return;
      this.status.show({ kind: "running", version: server.version, status: last });
    };
    client.onDidChangeState(({ newState }) => {
      // What it says first comes before the client has heard that it runs.
      if (newState === State.Starting) last = undefined;
      if (newState === State.Running) show();
    });
    client.onNotification("hermetic/status", (status: ServerStatus) => {
      last = status;
      show();
      void this.#tellManyFiles(Math.max(status.total ?? 0, status.files ?? 0));
    });
    this.#client = client;
    try {
      await client.start();
    } catch (error) {
      this.#client = undefined;
      const how = await this.#ended();
      const tail = this.#tail.lines.slice(-3).join(" / ");
      const why = [String(error), how, tail].filter((part) => part !== "").join("; ");
      this.status.show({ kind: "failed", why });
      const text = `hermetic: the server does not start: ${why}`;
      void this.say("error", { text, remedies: ["restart", "openSettings", "showLog"] });
    }
  }

  async #find(): Promise<Server | undefined> {
    const log = this.#channels.client;
    const set = settings.all();
    // What a folder holds is not run before somebody trusts it; its settings do not count then.
    const fromEnvironment =
      workspace.isTrusted && set.get<string>("importStrategy") === "fromEnvironment";
    const found = await find({
      path: set.get("path", ""),
      fromEnvironment,
      environment: fromEnvironment ? await folders(log) : [],
      bundled: join(this.#context.extensionPath, "bundled"),
      version: String((this.#context.extension.packageJSON as { version: unknown }).version),
      folder: workspace.workspaceFolders?.[0]?.uri.fsPath,
    });
    const { server, problems } = found;
    for (const problem of problems) {
      const message = ofProblem(problem);
      if (server) {
        const text = `${message.text}. The bundled server runs instead`;
        void this.say("warning", { text, remedies: ["openSettings", "showLog"] });
      } else {
        this.status.show({ kind: "failed", why: message.text });
        void this.say("error", message);
      }
    }
    if (server) {
      log.info(`server: ${server.path} (${server.origin}), version ${server.version}`);
    }
    return server;
  }

  #spawn(path: string): Promise<ChildProcess> {
    const child = spawn(path, ["--stdio"], { stdio: "pipe" });
    const tail = new Tail();
    this.#process = child;
    this.#tail = tail;
    child.stderr.on("data", (data: Buffer) => {
      tail.add(data.toString());
    });
    this.#exit = new Promise((done) => {
      child.on("exit", (code, signal) => {
        done(signal === null ? `exit code ${code ?? "unknown"}` : `signal ${signal}`);
      });
      child.on("error", (error) => {
        done(error.message);
      });
    });
    return Promise.resolve(child);
  }

  /** How the process ended; empty where it has not. */
  async #ended(): Promise<string> {
    const late = new Promise<string>((done) => setTimeout(done, EXIT, ""));
    return Promise.race([this.#exit, late]);
  }

  #options(): LanguageClientOptions {
    return {
      documentSelector: SELECTOR,
      initializationOptions: settings.forServer(),
      outputChannel: this.#channels.server,
      traceOutputChannel: this.#channels.trace,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.#closed(),
      },
      // Told by ourselves, with the reason.
      initializationFailedHandler: () => false,
      middleware: {
        workspace: {
          configuration: (params) =>
            params.items.map((item) => (item.section === "hermetic" ? settings.forServer() : null)),
        },
      },
    };
  }

  /** The server's output has ended, and nobody asked it to. */
  async #closed(): Promise<CloseHandlerResult> {
    const how = (await this.#ended()) || "it closed its output";
    const tail = this.#tail.lines;
    const log = this.#channels.client;
    log.error(`the server ended: ${how}`);
    for (const line of tail) log.error(`  ${line}`);
    if (this.#crashes.add(Date.now())) {
      log.info("it is started again");
      this.status.show({ kind: "starting" });
      return { action: CloseAction.Restart, handled: true };
    }
    const message = ofCrash(how, tail, this.#crashes.count);
    this.status.show({ kind: "crashed", why: [how, ...tail.slice(-3)].join("; ") });
    void this.say("error", message);
    return { action: CloseAction.DoNotRestart, handled: true };
  }

  async #tellManyFiles(count: number): Promise<void> {
    const memory = this.#context.workspaceState;
    if (count < MANY_FILES || this.#toldMany || memory.get<boolean>(NEVER_MANY, false)) return;
    this.#toldMany = true;
    const text = ofManyFiles(count);
    this.#channels.client.info(text);
    const [open, never] = ["Open Configuration", "Don't Show Again"];
    const chosen = await window.showInformationMessage(text, open, never);
    if (chosen === never) await memory.update(NEVER_MANY, true);
    if (chosen === open) await openConfiguration();
  }
}

/** Make the bundled server the one, wherever the settings say something else. */
async function useBundled(): Promise<void> {
  const set = settings.all();
  for (const name of ["path", "importStrategy"]) {
    const said = set.inspect(name);
    if (said?.workspaceFolderValue !== undefined) {
      await set.update(name, undefined, ConfigurationTarget.WorkspaceFolder);
    }
    if (said?.workspaceValue !== undefined) {
      await set.update(name, undefined, ConfigurationTarget.Workspace);
    }
    if (said?.globalValue !== undefined) {
      await set.update(name, undefined, ConfigurationTarget.Global);
    }
  }
}

/** The first folder's configuration; a new one where it has none. */
async function openConfiguration(): Promise<void> {
  const folder = workspace.workspaceFolders?.[0]?.uri;
  if (!folder) return;
  const exists = async (uri: Uri): Promise<boolean> =>
    workspace.fs.stat(uri).then(
      () => true,
      () => false,
    );
  for (const name of ["hermetic.toml", "pyproject.toml"]) {
    const uri = Uri.joinPath(folder, name);
    if (await exists(uri)) {
      await window.showTextDocument(uri);
      return;
    }
  }
  const uri = Uri.joinPath(folder, "hermetic.toml").with({ scheme: "untitled" });
  const editor = await window.showTextDocument(uri);
  await editor.edit((edit) => {
    edit.insert(editor.selection.start, '[check]\nextend-exclude = ["folder"]\n');
  });
}
