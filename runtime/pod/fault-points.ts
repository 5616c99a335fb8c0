import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** The named places at which a test may end a pod, as kill -9 does: those of its main thread, and those of the thread of the handler. */
export const podFaultPointNames = [
  'load.received',
  'load.before-answer',
  'batch.received',
  'batch.handed-over',
  'handler.before',
  'handler.after',
  'state.before-read',
  'state.after-read',
  'replies.before-pass',
  'replies.after-pass',
  'batch.before-end',
] as const;

export type PodFaultPoint = (typeof podFaultPointNames)[number];

/** Called at each named place; ends the pod when that place is armed. */
export type PodFaultPoints = (at: PodFaultPoint) => void;

const noFaults: PodFaultPoints = () => {};

/**
 * `<name>:<hit>,<hit>…:<folder>` → ends a pod at these passages of that place, counted over all pods that are given the same folder: each passage makes a
 * folder in it that is called by its number. Nothing, and names that there are not, arm nothing.
 */
export function armPodFaultPoint(text: string | undefined, kill: () => void): PodFaultPoints {
  const [name, hitTexts = '', folder = ''] = text?.split(':') ?? [];
  if (!podFaultPointNames.some(known => known === name)) return noFaults;
  const hits = hitTexts.split(',').map(Number);
  const last = Math.max(...hits);
  let passage = 0;
  return at => {
    if (at !== name || passage > last) return;
    do passage += 1;
    while (passage <= last && !isFirst(join(folder, String(passage))));
    if (hits.includes(passage)) kill();
  };
}

/** The passage of that number is ours. */
function isFirst(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    return false;
  }
}
