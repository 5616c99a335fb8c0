import { FaasError } from '../errors.ts';
import { deadLetterTopicOf } from '../functions/live-function.ts';
import type { CommitRequest } from '../ports/state.ts';
import type { ApiPorts } from './api-ports.ts';
import type { DropAnswer, LetterSelection } from './contract.ts';
import { replayId } from './dead-letter-page.ts';
import { droppedMark } from './letter-summary.ts';
import { eachLetter, type LetterPorts } from './select-letters.ts';

type DropPorts = LetterPorts & Pick<ApiPorts, 'random'>;

/** Longer than letters are kept. */
const droppedForMs = 10 * 365 * 86_400_000;
/** Of a source that nobody reads: its commits remember ids and nothing else. Two who drop at once fence each other, and try again. */
const dropSource = 'operator.drop';
const idsPerCommit = 200;
const triesMax = 10;

/**
 * Gives letters up for good: the ids of their replays are remembered as if those had been handled. A replay that is on its way at the same time is
 * handled or dropped, never both. The records stay until retention takes them.
 */
export async function dropLetters(ports: DropPorts, unit: string, selection: LetterSelection): Promise<DropAnswer> {
  const answer: DropAnswer = { dropped: [], known: [], missing: [] };
  const topic = deadLetterTopicOf(unit);
  const missing = await eachLetter(ports, unit, selection, async page => {
    const due = page.filter(({ summary }) => !summary.replayed && !summary.dropped);
    const known = new Set<string>();
    for (let at = 0; at < due.length; at += idsPerCommit) {
      const ids = due.slice(at, at + idsPerCommit).map(({ lying }) => replayId(topic, lying));
      for (const id of await remember(ports, unit, ids)) known.add(id);
    }
    const isKnown = (one: (typeof page)[number]) => !due.includes(one) || known.has(replayId(topic, one.lying));
    for (const one of page) (isKnown(one) ? answer.known : answer.dropped).push(one.summary.id);
  });
  return { ...answer, missing: [...missing] };
}

/** Answers the ids that were handled meanwhile. */
async function remember({ state, clock, random }: DropPorts, unit: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const source = { unit, name: dropSource };
  const handled = new Set<string>();
  for (let tries = 0; tries < triesMax; tries += 1) {
    const ownerToken = random.token();
    const left = ids.filter(id => !handled.has(id));
    if (left.length === 0) return handled;
    await state.claim(source, { ownerToken, brokerGeneration: 0, nowMs: clock.now(), committedOffset: 0 });
    const result = await state.commit(source, idsCommit(ownerToken, left, clock.now() + droppedForMs));
    if (result.kind === 'ok' || result.kind === 'already') return handled;
    if (result.kind === 'duplicate') for (const id of result.ids) handled.add(id);
  }
  throw new FaasError('FAAS_STORE_BUSY', `dead letters of ${unit} were not dropped: others were dropping as well`, 'Try again.');
}

function idsCommit(ownerToken: string, ids: readonly string[], expiresAtMs: number): CommitRequest {
  const nothing = { highSeqs: [], done: [], clearAttempts: [], knownIds: [], reads: [], writes: [], emits: [] };
  const remembered = ids.map(id => ({ id, expiresAtMs, answer: droppedMark }));
  return { ...nothing, ownerToken, ordinal: 1, id: ownerToken.slice(0, 16), stream: dropSource, highSeqOffset: 0, ids: remembered };
}
