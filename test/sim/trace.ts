/** The history of one seed, kept only when somebody will read it. */
export interface Trace {
  readonly on: boolean;
  add(actor: string, what: string): void;
  lines(): readonly string[];
}

export const noTrace: Trace = { on: false, add() {}, lines: () => [] };

const linesMax = 20_000;

/** Keeps the last lines; each with the virtual milliseconds since the start. */
export function keptTrace(now: () => number): Trace {
  const startMs = now();
  const kept: string[] = [];
  return {
    on: true,
    add(actor, what) {
      kept.push(`${(now() - startMs).toFixed(1).padStart(9)}  ${actor.padEnd(12)}  ${what}`);
      if (kept.length > 2 * linesMax) kept.splice(0, linesMax);
    },
    lines: () => kept,
  };
}
