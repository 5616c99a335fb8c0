import { parseInstant } from '../controller/manifest/instant.ts';
import { parseDuration } from '../controller/manifest/units.ts';

/** A time with its zone, or how long ago (`2h`), in milliseconds since the epoch; undefined for anything else. */
export function parseMoment(text: string, nowMs: number): number | undefined {
  const ago = parseDuration(text);
  const timeMs = ago === undefined ? parseInstant(text) : nowMs - ago;
  return timeMs !== undefined && timeMs >= 0 ? timeMs : undefined;
}
