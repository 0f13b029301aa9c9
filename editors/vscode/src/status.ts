/** The language status item: how the server is, at a glance. */
import {
  languages,
  LanguageStatusSeverity,
  Uri,
  type Command,
  type Disposable,
  type LanguageStatusItem,
} from "vscode";

import { SELECTOR } from "./documents.ts";

/** What the server says in `hermetic/status`. */
export interface ServerStatus {
  readonly state: "scanning" | "idle";
  readonly done?: number;
  readonly total?: number;
  readonly files?: number;
  readonly failures: readonly { readonly uri: string | null; readonly message: string }[];
}

/** How things are. */
export type Standing =
  | { readonly kind: "off" }
  | { readonly kind: "starting" }
  | {
      readonly kind: "running";
      readonly version: string;
      readonly status: ServerStatus | undefined;
    }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "crashed"; readonly why: string };

const RESTART: Command = { command: "hermetic.restart", title: "Restart Server" };
const LOG: Command = { command: "hermetic.showClientLog", title: "Show Log" };

/** What the item shows. */
export interface Shown {
  readonly text: string;
  readonly detail: string;
  readonly severity: "information" | "warning" | "error";
  readonly busy: boolean;
}

/** In words. */
export function shown(standing: Standing): Shown {
  const say = (text: string, detail = "", severity: Shown["severity"] = "information"): Shown => ({
    text: `Hermetic: ${text}`,
    detail,
    severity,
    busy: false,
  });
  switch (standing.kind) {
    case "off":
      return say("off", "hermetic.enable is false");
    case "starting":
      return { ...say("starting"), busy: true };
    case "failed":
      return say("no server", standing.why, "error");
    case "crashed":
      return say("crashed", standing.why, "error");
    case "running": {
      const { status, version } = standing;
      const failure = status?.failures[0];
      if (failure) {
        const more = status.failures.length - 1;
        const others = more === 0 ? "" : ` (and ${more} more)`;
        return say("broken configuration", failure.message + others, "warning");
      }
      if (status?.state === "scanning") {
        const of = status.total ? ` ${status.done ?? 0} of ${status.total}` : "";
        return { ...say(`scanning${of}`, "following calls between files"), busy: true };
      }
      const count = status?.files ?? 0;
      return say("ready", `version ${version}, ${count} file${count === 1 ? "" : "s"}`);
    }
  }
}

const SEVERITIES = {
  information: LanguageStatusSeverity.Information,
  warning: LanguageStatusSeverity.Warning,
  error: LanguageStatusSeverity.Error,
};

/** The item. */
export class StatusItem implements Disposable {
  readonly #item: LanguageStatusItem;
  #standing: Standing = { kind: "off" };

  constructor() {
    this.#item = languages.createLanguageStatusItem("hermetic", SELECTOR);
    this.#item.name = "Hermetic";
    this.show(this.#standing);
  }

  get standing(): Standing {
    return this.#standing;
  }

  show(standing: Standing): void {
    this.#standing = standing;
    const { text, detail, severity, busy } = shown(standing);
    this.#item.text = text;
    this.#item.detail = detail;
    this.#item.severity = SEVERITIES[severity];
    this.#item.busy = busy;
    this.#item.command = command(standing);
  }

  dispose(): void {
    this.#item.dispose();
  }
}

function command(standing: Standing): Command {
  if (standing.kind === "crashed" || standing.kind === "failed") return RESTART;
  const failure = standing.kind === "running" ? standing.status?.failures[0] : undefined;
  if (!failure?.uri) return LOG;
  return {
    command: "vscode.open",
    title: "Open Configuration",
    arguments: [Uri.parse(failure.uri)],
  };
}
