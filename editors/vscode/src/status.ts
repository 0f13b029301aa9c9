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
import { shown, type Standing } from "./standing.ts";

const RESTART: Command = { command: "hermetic.restart", title: "Restart Server" };
const LOG: Command = { command: "hermetic.showClientLog", title: "Show Log" };

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
