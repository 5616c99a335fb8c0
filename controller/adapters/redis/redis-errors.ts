import { FaasError } from '../../errors.ts';

/** Answers of a server that is not, or not any more, the one that holds our data: whatever we own there is void. */
const notOurs = new Set(['READONLY', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'NOREPLICAS', 'UNBLOCKED']);

/** The keys are, or are about to be, at another node. Nothing was done. */
const elsewhere = new Set(['MOVED', 'ASK', 'TRYAGAIN']);

/** The first word of an error reply; '' for an error of the line. */
export function replyCode(error: unknown): string {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return '';
  return /^[A-Z]+/.exec(error.message)?.[0] ?? '';
}

export function endsOwnership(error: unknown): boolean {
  return notOurs.has(replyCode(error));
}

export function isElsewhere(error: unknown): boolean {
  return elsewhere.has(replyCode(error));
}

/** A server that runs; one that starts ends. */
export const unreachableHint = 'It is tried again by itself; if it stays so, look at the server in the setting state.';

/** ioredis tells a line that was silent for too long by its words alone; only ours depend on it. */
function isSilence(message: string): boolean {
  return message.startsWith('Socket timeout');
}

/** `place` is an address without secrets. */
export function storeError(error: unknown, place: string): FaasError {
  if (error instanceof FaasError) return error;
  const code = replyCode(error);
  const message = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  if (code === '' || code === 'BUSY' || notOurs.has(code) || elsewhere.has(code)) {
    return new FaasError(
      'FAAS_STORE_UNREACHABLE',
      `Redis at ${place} does not answer: ${isSilence(message) ? 'it takes what is sent, and says nothing' : message}`,
      unreachableHint,
      options,
    );
  }
  if (code === 'OOM') {
    const hint = 'Raise maxmemory, or lower dedupe.bytes; it goes on by itself then.';
    return new FaasError('FAAS_STORE_FULL', `Redis at ${place} has no memory left: ${message}`, hint, options);
  }
  if (code === 'MISCONF')
    return new FaasError('FAAS_STORE_IO', `Redis at ${place} cannot write to its disk: ${message}`, 'Look at its log.', options);
  if (['NOAUTH', 'WRONGPASS', 'NOPERM'].includes(code)) {
    const hint = 'Check the user in the setting state, and FAAS_STATE_PASSWORD or state.passwordFile.';
    return new FaasError('FAAS_STORE_DENIED', `Redis at ${place} refuses us: ${message}`, hint, options);
  }
  return new FaasError('FAAS_STORE_FAILED', `Redis at ${place}: ${message}`, undefined, options);
}
