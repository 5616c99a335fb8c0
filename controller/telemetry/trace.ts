import type { Random } from '../random.ts';

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Whether a text is a W3C traceparent of version 00 with non-zero ids. */
export function isTraceparent(text: string): boolean {
  const match = pattern.exec(text);
  return match !== null && !/^0+$/.test(match[1] ?? '') && !/^0+$/.test(match[2] ?? '');
}

/** A new span in the trace of `parent`, or a new sampled trace where there is no valid parent. */
export function childTraceparent(parent: string | undefined, random: Random): string {
  const span = random.token().slice(0, 16);
  const match = parent === undefined ? null : pattern.exec(parent);
  return match === null || !isTraceparent(parent ?? '') ? `00-${random.token()}-${span}-01` : `00-${match[1]}-${span}-${match[3]}`;
}
