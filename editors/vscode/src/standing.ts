/** How the server is, and in which words the status item tells it. Nothing here knows VS Code. */

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
