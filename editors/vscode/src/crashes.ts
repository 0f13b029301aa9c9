/** How often a server may end before it is left alone, and what it said last. */
import { MINUTES } from "./messages.ts";

/** Ends that are put up with. */
const LIMIT = 4;
/** Lines of standard error that are kept. */
const LINES = 20;

/** The ends of a server. */
export class Crashes {
  #times: number[] = [];

  /** One more, at a time in milliseconds; whether the server is started again. */
  add(now: number): boolean {
    this.#times = this.#times.filter((time) => now - time < MINUTES * 60_000);
    this.#times.push(now);
    return this.#times.length <= LIMIT;
  }

  /** How many there were lately. */
  get count(): number {
    return this.#times.length;
  }

  /** Somebody starts it by hand. */
  forget(): void {
    this.#times = [];
  }
}

/** The last lines of what a program writes to standard error. */
export class Tail {
  #lines: string[] = [];
  #open = "";

  /** Some more of it. */
  add(text: string): void {
    const lines = (this.#open + text).split(/\r?\n/);
    this.#open = (lines.pop() ?? "").slice(-1000);
    this.#lines = [...this.#lines, ...lines.filter((line) => line.trim() !== "")].slice(-LINES);
  }

  /** The lines. */
  get lines(): string[] {
    const open = this.#open.trim() === "" ? [] : [this.#open];
    return [...this.#lines, ...open].slice(-LINES);
  }
}
