/**
 * VS Code's server build in a browser: a window of it, and what somebody does and sees there.
 *
 * The environment says where things are: `HERMETIC_NODE` and `HERMETIC_CODE_SERVER` (the Node that
 * runs code-server, and the folder it is installed in), `HERMETIC_CHROMIUM`, `HERMETIC_VSIX` (the
 * packed extension), `HERMETIC_SHOTS` (where pictures go).
 */
import assert from "node:assert/strict";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium, type Browser, type Locator, type Page } from "playwright-core";

/** Milliseconds that anything may take on the slowest machine; less of it for who works on tests. */
export const PATIENCE = Number(process.env["HERMETIC_PATIENCE"] ?? 60_000);

function named(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is set`);
  return value;
}

const BROWSER = [
  ...["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Settings that keep a test from depending on anything but itself. */
export const QUIET: Record<string, unknown> = {
  "files.autoSave": "off",
  "security.workspace.trust.enabled": false,
  "telemetry.telemetryLevel": "off",
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.editor.useModal": "off",
  "workbench.colorTheme": "Default Light Modern",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "chat.commandCenter.enabled": false,
  "window.menuBarVisibility": "hidden",
  "editor.minimap.enabled": false,
  "editor.hover.delay": 100,
  "editor.fontSize": 15,
  // What is typed is what is there.
  "editor.autoClosingBrackets": "never",
  "editor.autoClosingQuotes": "never",
  "editor.autoSurround": "never",
  "editor.autoIndent": "none",
  "extensions.ignoreRecommendations": true,
  "git.enabled": false,
};

/** Files by their path and content. */
export type Files = Record<string, string>;

/** Write files below a folder. */
export function write(folder: string, files: Files): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** Wait until something is so. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (Date.now() > end) assert.fail(`not in time: ${what}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** Write settings. What names files is the machine's in VS Code: its server reads it elsewhere. */
function configure(folder: string, settings: Record<string, unknown>): void {
  const ours = Object.entries(settings).filter(([name]) => name.startsWith("hermetic."));
  const others = Object.entries(settings).filter(([name]) => !name.startsWith("hermetic."));
  const text = (all: object): string => JSON.stringify(all, undefined, 2);
  write(join(folder, "data"), {
    "User/settings.json": text({ ...QUIET, ...Object.fromEntries(others) }),
    "Machine/settings.json": text(Object.fromEntries(ours)),
  });
}

/** code-server with the extension, and a browser. */
export class Editor {
  readonly folder: string;
  readonly #server: ChildProcess;
  readonly #browser: Browser;
  readonly #address: string;
  readonly #log: () => string;

  private constructor(
    folder: string,
    server: ChildProcess,
    browser: Browser,
    address: string,
    log: () => string,
  ) {
    this.folder = folder;
    this.#server = server;
    this.#browser = browser;
    this.#address = address;
    this.#log = log;
  }

  /** Start it. `more` are further extensions to install. */
  static async start(settings: Record<string, unknown> = {}, more: string[] = []): Promise<Editor> {
    const folder = mkdtempSync(join(tmpdir(), "hermetic-code-"));
    configure(folder, settings);
    const places = [
      join(named("HERMETIC_CODE_SERVER"), "node_modules/code-server/out/node/entry.js"),
      ...["--user-data-dir", join(folder, "data"), "--extensions-dir", join(folder, "extensions")],
      ...["--config", join(folder, "config.yaml")],
    ];
    writeFileSync(join(folder, "config.yaml"), "auth: none\n");
    const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    const node = named("HERMETIC_NODE");
    for (const vsix of [named("HERMETIC_VSIX"), ...more]) {
      const words = [...places, "--install-extension", vsix];
      const installed = spawnSync(node, words, { env, encoding: "utf8", timeout: PATIENCE });
      assert.equal(installed.status, 0, `${installed.stdout}${installed.stderr}`);
    }
    const words = [
      ...places,
      ...["--bind-addr", "127.0.0.1:0", "--auth", "none"],
      ...["--disable-telemetry", "--disable-update-check", "--disable-getting-started-override"],
    ];
    const server = spawn(node, words, { env, stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    server.stdout.on("data", (data: Buffer) => (log += data.toString()));
    server.stderr.on("data", (data: Buffer) => (log += data.toString()));
    const address = await until(`code-server listens: ${log}`, () => {
      assert.equal(server.exitCode, null, log);
      return /listening on (http:\S+?)\/?\s/.exec(log)?.[1];
    });
    const browser = await chromium.launch({
      executablePath: named("HERMETIC_CHROMIUM"),
      args: BROWSER,
    });
    return new Editor(folder, server, browser, address, () => log);
  }

  /** What it has written. */
  get log(): string {
    return this.#log();
  }

  /** Change the settings, as somebody who edits the file. */
  set(settings: Record<string, unknown>): void {
    configure(this.folder, settings);
  }

  /** Open a folder or a `.code-workspace` in a new window. */
  async open(path: string): Promise<Window> {
    const context = await this.#browser.newContext({
      viewport: { width: 1040, height: 640 },
      reducedMotion: "reduce",
    });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE);
    const kind = path.endsWith(".code-workspace") ? "workspace" : "folder";
    await page.goto(`${this.#address}/?${kind}=${encodeURIComponent(path)}`);
    await page.locator(".monaco-workbench .part.statusbar").waitFor();
    return new Window(page, path);
  }

  /** A drawing as a picture of that size. */
  async draw(svg: string, name: string, size: number): Promise<void> {
    const page = await this.#browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(`<style>* { margin: 0 } svg { display: block }</style>${svg}`);
    const path = join(named("HERMETIC_SHOTS"), `${name}.png`);
    await page.screenshot({ path, omitBackground: true });
    await page.close();
  }

  /** End it. */
  async end(): Promise<void> {
    const late = new Promise((done) => setTimeout(done, 10_000).unref());
    await Promise.race([this.#browser.close(), late]);
    if (this.#server.exitCode === null && this.#server.signalCode === null) {
      const gone = new Promise((done) => this.#server.once("exit", done));
      this.#server.kill("SIGTERM");
      const kill = setTimeout(() => this.#server.kill("SIGKILL"), 10_000);
      await gone;
      clearTimeout(kill);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

/** One window. */
export class Window {
  readonly page: Page;
  readonly #folder: string;

  constructor(page: Page, folder: string) {
    this.page = page;
    this.#folder = folder;
  }

  /** Run a command of the palette. */
  async run(title: string): Promise<void> {
    await this.quickOpen(`>${title}`);
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    await row.click();
  }

  /** Open the file of that name. */
  async edit(name: string): Promise<Locator> {
    await this.quickOpen(name);
    const row = this.page.locator(".quick-input-list .monaco-list-row").first();
    await until(`${name} is offered`, async () => {
      const text = await row.getAttribute("aria-label").catch(() => null);
      return text?.includes(name.split("/").at(-1) ?? name);
    });
    await this.page.keyboard.press("Enter");
    const file = name.split("/").at(-1) ?? name;
    await this.page.locator(`.tab.active[data-resource-name="${file}"]`).waitFor();
    return this.editor;
  }

  /** Choose something in the list that is open. */
  async quickInput(text: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input.input");
    await input.fill(text);
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
    await row.click();
  }

  async quickOpen(text: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input.input");
    await until("the palette opens", async () => {
      if (await input.isVisible()) return true;
      await this.page.keyboard.press("F1");
      await input.waitFor({ timeout: 2_000 }).catch(() => undefined);
      return input.isVisible();
    });
    await input.fill(text);
  }

  get editor(): Locator {
    return this.page.locator(".editor-group-container.active .monaco-editor").first();
  }

  /** What is underlined: `warning`, `error` or `info`. */
  squiggles(level: "warning" | "error" | "info"): Locator {
    return this.editor.locator(`.squiggly-${level}`);
  }

  /** The text of the active editor's rows that are to be seen. */
  async text(): Promise<string> {
    const rows = await this.editor.locator(".view-line").evaluateAll((all) =>
      all
        .map((row) => ({ top: row.getBoundingClientRect().top, text: row.textContent }))
        .sort((one, other) => one.top - other.top)
        .map((row) => row.text.replaceAll("\u00a0", " ")),
    );
    return rows.join("\n");
  }

  /** Put the cursor at a place, from 1. */
  async goTo(row: number, column: number): Promise<void> {
    await this.quickOpen(`:${row}:${column}`);
    await this.page.keyboard.press("Enter");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    const place = this.page.locator("#status\\.editor\\.selection");
    await until(`the cursor is at ${row}:${column}`, async () =>
      (await place.textContent())?.includes(`Ln ${row}, Col ${column}`),
    );
  }

  /** Replace all text of the active editor, in one edit. */
  async replace(text: string): Promise<void> {
    await this.editor.locator(".view-lines").click();
    await this.page.keyboard.press("Control+A");
    await this.page.keyboard.insertText(text);
  }

  /** Add to the end of the active editor. */
  async append(text: string): Promise<void> {
    await this.editor.locator(".view-lines").click();
    await this.page.keyboard.press("Control+End");
    await this.page.keyboard.insertText(text);
  }

  /** A notification with this text, when it is there. */
  async notified(text: string | RegExp): Promise<Locator> {
    const notification = this.page.locator(".notification-list-item:visible", { hasText: text });
    try {
      await notification.first().waitFor({ timeout: PATIENCE / 2 });
    } catch {
      // It may have hidden itself meanwhile.
      await this.run("Notifications: Show Notifications");
      await notification.first().waitFor();
    }
    return notification.first();
  }

  /** Press a button of a notification. */
  async press(text: string | RegExp, title: string): Promise<void> {
    await this.rest();
    const notification = await this.notified(text);
    await notification.locator(".monaco-button", { hasText: title }).click();
  }

  /** Point at nothing, so that nothing hovers over anything. */
  async rest(): Promise<void> {
    await this.page.mouse.move(600, 300);
    await this.page.keyboard.press("Escape");
    await until("nothing hovers", async () => {
      return (await this.page.locator(".workbench-hover:visible").count()) === 0;
    });
  }

  /** What can be done at a place, from 1; `choose` is what is chosen. */
  async quickFix(row: number, column: number, choose: string, shot?: string): Promise<void> {
    await this.goTo(row, column);
    const menu = this.page.locator(".action-widget:not(.action-list-submenu-panel)");
    await until("the light bulb's menu", async () => {
      await this.page.keyboard.press("Control+.");
      await menu.waitFor({ timeout: 3_000 }).catch(() => undefined);
      return menu.isVisible();
    });
    if (shot !== undefined) await this.shot(shot);
    await menu.locator(".monaco-list-row", { hasText: choose }).first().click();
  }

  /** What the language status says, as the pop-up of its braces shows it. */
  async status(): Promise<string> {
    const item = this.page.locator("#status\\.languageStatus");
    await item.hover();
    const shown = this.page.locator(".hover-language-status").filter({ hasText: "Hermetic" });
    const text = await shown
      .first()
      .textContent({ timeout: 3_000 })
      .catch(() => "");
    return text ?? "";
  }

  /** Wait for a status. */
  async statusIs(wanted: RegExp): Promise<string> {
    let last = "";
    return until(`the status is ${String(wanted)}`, async () => {
      // It is built anew while it changes; away and back again shows it fresh.
      await this.page.mouse.move(600, 300);
      last = await this.status();
      return wanted.test(last) ? last : undefined;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; it is "${last}"`);
    });
  }

  /** The rows of the Problems panel. */
  async problems(): Promise<string[]> {
    const rows = this.page.locator(".markers-panel .monaco-list-row");
    return rows.evaluateAll((all) => all.map((row) => row.getAttribute("aria-label") ?? ""));
  }

  /** A picture. */
  async shot(name: string): Promise<void> {
    const folder = named("HERMETIC_SHOTS");
    mkdirSync(folder, { recursive: true });
    await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  /** The text of a file as it is on the disk. */
  read(name: string): string {
    return readFileSync(join(this.#folder, name), "utf8");
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
