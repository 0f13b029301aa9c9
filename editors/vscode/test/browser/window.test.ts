/** What somebody sees and does in a window of VS Code. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { Editor, until, write, type Window } from "./editor.ts";

const APP = `from socket import socket

import shop.jobs


def probe():
    with socket() as link:
        return link.fileno()


def nightly(name):
    shop.jobs.archive(f"gzip {name}")
`;
const PROJECT = {
  "pyproject.toml": `[project]
name = "shop"

[tool.hermetic]
no-network = true
no-subprocess = true
`,
  "app.py": APP,
  "shop/__init__.py": "",
  "shop/jobs.py": "from os import system as archive\n",
  "shop/mail.py": `import socket


def connect():
    return socket.create_connection(("mail.example.com", 25))
`,
};

/** The processes of our server that run below a folder, by their number. */
function servers(folder: string): number[] {
  try {
    const words = ["-f", `^${join(folder, "extensions")}/.*/hermetic-lsp`];
    const all = execFileSync("pgrep", words, { encoding: "utf8" });
    return all.trim().split("\n").map(Number);
  } catch {
    // None.
    return [];
  }
}

/** A program that is not ours. */
function program(folder: string, name: string, text: string, mode = 0o755): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

suite("a window", { concurrency: false }, () => {
  let editor: Editor;
  let folder: string;
  let window: Window;

  before(async () => {
    folder = join(mkdtempSync(join(tmpdir(), "hermetic-window-")), "shop");
    mkdirSync(folder);
    write(folder, PROJECT);
    editor = await Editor.start();
    window = await editor.open(folder);
  });

  after(async () => {
    await editor.end();
    rmSync(join(folder, ".."), { recursive: true, force: true });
  });

  /** A picture of what went wrong. */
  let failed = false;
  const seen = (name: string, run: () => Promise<void>): void => {
    test(name, async (context) => {
      if (failed) {
        // Each goes on from where the one before ended.
        context.skip("one before it failed");
        return;
      }
      try {
        await run();
      } catch (error) {
        failed = true;
        await window.shot(`failed: ${name}`);
        throw error;
      }
    });
  };

  test("the icon is drawn", async () => {
    const icon = readFileSync(join(import.meta.dirname, "../../icon.svg"), "utf8");
    await editor.draw(icon, "icon", 256);
  });

  seen("a captured reference is underlined and told", async () => {
    await window.edit("app.py");
    const squiggle = window.squiggles("warning").first();
    await squiggle.waitFor();
    // Under the name that is taken, and no other.
    const [under, name] = await Promise.all([
      squiggle.boundingBox(),
      window.editor.locator(".view-line", { hasText: "import socket" }).boundingBox(),
    ]);
    assert(under && name);
    assert(Math.abs(under.y - name.y) < name.height, "in the first row");
    const before = await window.editor.evaluate((editor) => {
      const rows = Array.from(editor.querySelectorAll(".view-line"));
      const row = rows.find((one) => one.textContent.includes("import"));
      const words = Array.from(row?.querySelectorAll("span span") ?? []);
      const last = words.at(-1)?.getBoundingClientRect();
      return last && { left: last.left, right: last.right };
    });
    // The last word of the row ends where the squiggle does, and it is one name wide.
    assert(before);
    assert(Math.abs(under.x + under.width - before.right) < 4, JSON.stringify({ under, before }));
    assert(under.width < name.width && under.x > name.x, JSON.stringify({ under, name }));
    await window.statusIs(/ready.*4 files/);
    await window.page.mouse.move(under.x + under.width / 2, under.y + under.height / 2);
    const hover = window.page.locator(".monaco-hover:visible", { hasText: "captured-reference" });
    await hover.first().waitFor();
    const told = await hover.first().textContent();
    assert(told?.includes("a patch of"), told ?? "");
    await window.shot("hover");
  });

  seen("a call through another file is among the problems, with that file", async () => {
    await window.run("Problems: Focus on Problems View");
    await until("the problems", async () => (await window.problems()).length >= 3);
    const rows = window.page.locator(".markers-panel .monaco-list-row");
    const call = rows.filter({ hasText: "shell-command" }).first();
    await call.click();
    await window.page.keyboard.press("ArrowRight");
    await rows.filter({ hasText: "jobs.py" }).first().waitFor();
    await window.shot("problems");
    await window.run("View: Toggle Panel Visibility");
  });

  seen("the quick fix rewrites the import, and the squiggle is gone", async () => {
    await window.edit("app.py");
    await window.quickFix(1, 22, "look up", "quick-fix");
    await until("it is rewritten", async () =>
      (await window.text()).includes("with socket.socket() as link"),
    );
    await until("no squiggle", async () => (await window.squiggles("warning").count()) === 0);
    const text = await window.text();
    assert(text.startsWith("import socket\n"), text);
  });

  seen("a host is allowed in the policy, and the finding is gone", async () => {
    await window.edit("mail.py");
    await window.squiggles("error").first().waitFor();
    await window.quickFix(5, 14, "allow in policy");
    await until("no squiggle", async () => (await window.squiggles("error").count()) === 0);
    await window.edit("pyproject.toml");
    await until("the line is there", async () =>
      (await window.text()).includes('allow-domain = ["mail.example.com"]'),
    );
    await window.shot("allowed");
  });

  seen("a broken configuration is told, and what was good goes on", async () => {
    await window.edit("pyproject.toml");
    await window.append("no-netwrk = true");
    await window.squiggles("error").first().waitFor();
    await window.statusIs(/broken configuration.*no-netwrk/);
    await window.shot("broken");
    await window.edit("app.py");
    // The policy of before.
    await window.squiggles("error").first().waitFor();
    await window.edit("pyproject.toml");
    await window.replace(PROJECT["pyproject.toml"]);
    await window.statusIs(/ready/);
  });

  seen("a crash is survived, and told when there is no end to it", async () => {
    await window.edit("app.py");
    await window.squiggles("error").first().waitFor();
    for (let crash = 1; crash <= 5; crash += 1) {
      const pid = await until("a server", () => servers(editor.folder)[0]);
      process.kill(pid, "SIGKILL");
      if (crash === 5) break;
      await until("another server", () => servers(editor.folder).some((one) => one !== pid));
      if (crash === 1) {
        await window.statusIs(/ready/);
        await window.replace("from subprocess import run\n");
        await window.squiggles("warning").first().waitFor();
      }
    }
    const told = /the server ended 5 times .*SIGKILL/;
    await window.notified(told);
    await window.shot("crashed");
    await window.statusIs(/crashed/);
    await window.press(told, "Restart Server");
    await window.statusIs(/ready/);
    await window.page.keyboard.press("Control+Z");
  });

  seen("a server that does not run is told, with what to do", async () => {
    const programs = join(editor.folder, "programs");
    mkdirSync(programs);
    const cases: [string, RegExp][] = [
      [join(programs, "nowhere/hermetic-lsp"), /there is no .*nowhere.*hermetic\.path/],
      [programs, /programs, which .* is a folder/],
      [
        program(programs, "plain", "#!/bin/sh\necho hermetic-lsp 9.0.0\n", 0o644),
        /may not be executed; allow it with chmod \+x/,
      ],
      [
        program(programs, "other", "#!/bin/sh\necho other 1.2.3\n"),
        /is another program \(asked for its version, it says "other 1\.2\.3"\)/,
      ],
      [
        program(programs, "older", "#!/bin/sh\necho hermetic-lsp 0.0.1\n"),
        /is version 0\.0\.1, older than this extension/,
      ],
      [
        program(programs, "broken", "#!/bin/sh\necho no such library >&2\nexit 127\n"),
        /does not run: ended with code 127, no such library/,
      ],
    ];
    for (const [path, told] of cases) {
      editor.set({ "hermetic.path": path });
      await window.notified(told);
      await window.statusIs(/no server/);
      await window.run("Notifications: Clear All Notifications");
    }
    // The last of them again, and the way out of it.
    await window.run("Hermetic: Restart Server");
    await window.notified(/does not run/);
    await window.shot("no-server");
    await window.press(/does not run/, "Use Bundled Server");
    await window.statusIs(/ready/);
    editor.set({ "hermetic.path": cases[0]?.[0] });
    await window.press(/there is no/, "Open Settings");
    await window.page
      .locator(".settings-editor .setting-item-contents", { hasText: "hermetic-lsp" })
      .first()
      .waitFor();
    await window.shot("settings");
    editor.set({});
    await window.run("View: Close Editor");
    await window.run("Notifications: Clear All Notifications");
  });

  seen("the levels of rules are chosen in the settings", async () => {
    await window.edit("mail.py");
    await window.run("Preferences: Open Settings (UI)");
    const search = window.page.locator(".settings-editor .suggest-input-container");
    await search.click();
    await window.page.keyboard.insertText("hermetic.levels");
    const levels = window.page.locator(".settings-editor .setting-item-contents", {
      hasText: "Levels by rule",
    });
    await levels.locator(".setting-list-addButton").first().click();
    // A rule is chosen from a list, and its level from another.
    const choice = levels.locator("select").first();
    await choice.waitFor();
    const rules = await choice.locator("option").allTextContents();
    assert(rules.includes("captured-reference"), rules.join());
    await window.shot("levels");
    await window.page.keyboard.press("Escape");
    await window.run("View: Close Editor");
  });

  seen("the walkthrough and the extension's page are there", async () => {
    await window.run("Welcome: Open Walkthrough");
    await window.quickInput("Get Started with Hermetic");
    await window.page.locator(".gettingStarted", { hasText: "See a finding" }).waitFor();
    await window.shot("walkthrough");
    await window.run("View: Close Editor");
  });
});

suite("a folder that nobody trusts", { concurrency: false }, () => {
  test("is told of, and nothing in it is started", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hermetic-untrusted-"));
    const editor = await Editor.start({
      "security.workspace.trust.enabled": true,
      "security.workspace.trust.startupPrompt": "never",
      "hermetic.importStrategy": "fromEnvironment",
    });
    try {
      write(folder, {
        "app.py": APP,
        ".vscode/settings.json": JSON.stringify({ "hermetic.path": join(folder, "evil") }),
      });
      const proof = join(folder, "proof");
      const evil = `#!/bin/sh\ntouch ${proof}\necho hermetic-lsp 9.0.0\n`;
      program(folder, "evil", evil);
      write(folder, { ".venv/bin/hermetic-lsp": evil });
      chmodSync(join(folder, ".venv/bin/hermetic-lsp"), 0o755);
      const window = await editor.open(folder);
      await window.edit("app.py");
      await window.squiggles("warning").first().waitFor();
      await window.shot("untrusted");
      assert.equal(existsSync(proof), false);
      await window.close();
      // The same folder, trusted: its server is asked, so that the silence above means something.
      editor.set({ "hermetic.importStrategy": "fromEnvironment" });
      const trusted = await editor.open(folder);
      await trusted.edit("app.py");
      await until("it is asked", () => existsSync(proof));
      await trusted.close();
    } finally {
      await editor.end();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

suite("a workspace of 50,000 files", { concurrency: false }, () => {
  test("is looked at, and the user is told what takes so long", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hermetic-many-"));
    const editor = await Editor.start();
    try {
      write(folder, { "app.py": APP, "hermetic.toml": "no-subprocess = true\n" });
      for (let package_ = 0; package_ < 500; package_ += 1) {
        const files: Record<string, string> = { "__init__.py": "" };
        for (let module = 1; module < 100; module += 1) {
          files[`m${module}.py`] =
            `from p${(package_ + 1) % 500} import m${module}\n\n\ndef f():\n    return m${module}.f\n`;
        }
        write(join(folder, `p${package_}`), files);
      }
      const window = await editor.open(folder);
      await window.edit("app.py");
      // Before anything is known of the others, or after: what is in the file is told.
      await window.squiggles("warning").first().waitFor();
      const told = /looking at 50,001 files.*extend-exclude/;
      await window.notified(told);
      await window.shot("many");
      await window.press(told, "Open Configuration");
      await window.page.locator('.tab.active[data-resource-name="hermetic.toml"]').waitFor();
      await window.statusIs(/ready.*50001 files/);
      await window.close();
    } finally {
      await editor.end();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
