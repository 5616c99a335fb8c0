import { readFileSync } from 'node:fs';
import { http } from './late-modules.ts';

/** Where this pod is, and to whom that is said. */
export interface Announcement {
  /** Of the server that has started the pod. */
  readonly url: string;
  /** Holds the token by which the pod shows who it is; whoever rules over the machines renews it. */
  readonly tokenFile: string;
  readonly bootId: string;
  /** IPv4 or IPv6, without brackets. */
  readonly ip: string;
}

const firstPauseMs = 50;
const pauseMsMax = 1_000;
/** By then the cluster has told the address. */
const withinMs = 10_000;
/** A connection that a network drops without a word. */
const answerMs = 1_000;

/**
 * Tells the server that this pod listens: whoever rules over the machines says so up to a second later. Tries again until the server has taken it or says that it does not wait
 * for this pod (404), until `isOver`, and at most for ten seconds. Never rejects: without it the server hears of the pod all the same.
 */
export async function announce(announcement: Announcement, isOver: () => boolean): Promise<void> {
  const untilMs = performance.now() + withinMs;
  for (let pauseMs = firstPauseMs; !isOver() && performance.now() < untilMs; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
    const status = await post(announcement).catch(() => 0);
    if ((status >= 200 && status < 300) || status === 404) return;
    await new Promise(resolve => setTimeout(resolve, pauseMs));
  }
}

/** The status of the answer. */
async function post({ url, tokenFile, bootId, ip }: Announcement): Promise<number> {
  const body = JSON.stringify({ bootId, ip });
  const headers = {
    authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const outgoing = http().request(url, { method: 'POST', headers, agent: false, timeout: answerMs }, response => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    outgoing.once('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
