import type { MoveOffsetsRequest } from '../controller/api/contract.ts';
import { parseMoment } from './moment.ts';
import { UsageError } from './usage-error.ts';

type Place = MoveOffsetsRequest['to'];

/** A place in streams as a person writes it: `earliest`, `latest`, an offset, a time with its zone, or how long ago. Throws UsageError. */
export function parsePlace(text: string, nowMs: number): Place {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) };
  const timeMs = parseMoment(text, nowMs);
  if (timeMs !== undefined) return { timeMs };
  throw new UsageError(
    `"${text}" is no place in a stream`,
    'Write earliest, latest, an offset, a time such as 2026-01-31T06:00:00Z, or how long ago: 2h.',
  );
}
