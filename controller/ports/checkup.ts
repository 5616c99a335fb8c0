/** One thing that `faas doctor` looked at, and how it found it. */
export interface Checkup {
  /** What it belongs to: `kafka`, `redis`, `sqlite`, `server`, `function <unit>`. */
  readonly part: string;
  /** warning: it works, and something is not as it should be. failed: work that needs it stands still, or may be lost. */
  readonly status: 'ok' | 'warning' | 'failed';
  readonly said: string;
  /** What to do about it. */
  readonly hint?: string;
}
