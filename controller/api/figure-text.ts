/** Figures as people read them, the same in the terminal and on the dashboard. Free of imports, as paths.ts. */

/** `850ms`, `12s`, `3m20s`, `4h05m`, `2d03h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, '0')}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`;
  return `${Math.floor(minutes / 1_440)}d${String(Math.floor(minutes / 60) % 24).padStart(2, '0')}h`;
}

export function podsText(pods: number): string {
  return `${number(pods)} ${pods === 1 ? 'pod' : 'pods'}`;
}

/** At most three digits that mean something; whole numbers in full. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return 'no bound';
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** `512B`, `1.5Ki`, `20Mi`. */
export function size(bytes: number): string {
  const units = ['B', 'Ki', 'Mi', 'Gi', 'Ti'];
  const power = bytes < 1_024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1_024 ** power;
  return `${Number.isInteger(value) || value >= 100 ? Math.round(value) : value.toFixed(1)}${units[power]}`;
}
