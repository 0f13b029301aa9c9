/** What is said to the user when something is wrong, and what can be done about it. */
import type { Origin, Problem } from "./discovery.ts";

/** What a button does. */
export type Remedy = "useBundled" | "openSettings" | "showLog" | "restart";

/** What a button is called. */
export const TITLES: Record<Remedy, string> = {
  useBundled: "Use Bundled Server",
  openSettings: "Open Settings",
  showLog: "Show Log",
  restart: "Restart Server",
};

/** Something to say. */
export interface Message {
  readonly text: string;
  readonly remedies: readonly Remedy[];
}

const NAMED: Record<Origin, string> = {
  setting: "which the setting hermetic.path names",
  environment: "in the active Python environment",
  bundled: "which comes with this extension",
};

/** Why a server does not run, and what to do. */
export function ofProblem(problem: Problem): Message {
  const { path, origin, reason } = problem;
  const named = NAMED[origin];
  const remedies: Remedy[] =
    origin === "bundled" ? ["openSettings", "showLog"] : ["useBundled", "openSettings", "showLog"];
  const say = (what: string, todo: string): Message => ({
    text: `hermetic: ${what}; ${origin === "bundled" ? ofBundled(todo) : todo}`,
    remedies,
  });
  switch (reason.kind) {
    case "missing":
      return say(`there is no ${path}, ${named}`, "write its path anew, or use the bundled server");
    case "folder":
      return say(`${path}, ${named}, is a folder`, "name the file hermetic-lsp in it");
    case "notExecutable":
      return say(
        `${path}, ${named}, may not be executed`,
        `allow it with chmod +x "${path}", or use the bundled server`,
      );
    case "silent":
      return say(
        `${path}, ${named}, did not tell its version in ${reason.seconds} seconds`,
        "it is perhaps another program: write the path of hermetic-lsp",
      );
    case "notOurs": {
      const said = reason.said === "" ? "nothing" : `"${reason.said}"`;
      return say(
        `${path}, ${named}, is another program (asked for its version, it says ${said})`,
        "write the path of hermetic-lsp",
      );
    }
    case "older":
      return say(
        `${path}, ${named}, is version ${reason.version}, older than this extension, ${reason.wanted}`,
        "update it, or use the bundled server",
      );
    case "failed": {
      const said = reason.said.trim().split("\n").slice(-3).join(" / ");
      return say(
        `${path}, ${named}, does not run: ${reason.how}${said === "" ? "" : `, ${said}`}`,
        "it is perhaps made for another system: write the path of one that runs here",
      );
    }
  }
}

function ofBundled(todo: string): string {
  return todo.startsWith("allow it")
    ? todo.replace(", or use the bundled server", "")
    : "install the extension made for this system, or name a server with the setting hermetic.path";
}

/** What is said when the server has ended again and again. */
export function ofCrash(how: string, tail: readonly string[], count: number): Message {
  const said = tail.length === 0 ? "" : `; it said last: ${tail.slice(-3).join(" / ")}`;
  return {
    text: `hermetic: the server ended ${count} times in ${MINUTES} minutes (${how}) and is not started again${said}`,
    remedies: ["restart", "showLog"],
  };
}

/** What is said of a workspace with many files. */
export function ofManyFiles(count: number): string {
  const files = count.toLocaleString("en-US");
  return (
    `hermetic is looking at ${files} files of this workspace, to follow calls between them; ` +
    "open files are checked meanwhile. Leave out what you do not work on: " +
    'extend-exclude = ["folder"] below [check] in hermetic.toml, or [tool.hermetic.check] in pyproject.toml'
  );
}

/** Minutes in which ends are counted. */
export const MINUTES = 3;
