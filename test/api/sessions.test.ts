import { expect, test } from 'vitest';
import { Sessions } from '../../controller/api/sessions.ts';
import { systemRandom } from '../../controller/random.ts';

const nowMs = 1_800_000_000_000;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

function signedIn(sessions: Sessions): string {
  const found = sessions.redeem(sessions.newLink(nowMs).code, nowMs);
  return found?.setCookie.split(';')[0] ?? '';
}

test('a code works once, and for two minutes', () => {
  const sessions = new Sessions('token', systemRandom);
  const { code } = sessions.newLink(nowMs);
  expect(sessions.redeem(code, nowMs + 2 * minuteMs)).toBeDefined();
  expect(sessions.redeem(code, nowMs)).toBeUndefined();
  expect(sessions.redeem(sessions.newLink(nowMs).code, nowMs + 2 * minuteMs + 1)).toBeUndefined();
  expect(sessions.redeem('0'.repeat(32), nowMs)).toBeUndefined();
});

test('of more than 32 links at once the oldest does not work any more', () => {
  const sessions = new Sessions('token', systemRandom);
  const codes = Array.from({ length: 33 }, () => sessions.newLink(nowMs).code);
  expect(codes.map(code => sessions.redeem(code, nowMs) !== undefined)).toEqual([false, ...Array(32).fill(true)]);
});

test('a session lasts twelve hours, also across a restart, and ends with the token', () => {
  const cookie = signedIn(new Sessions('token', systemRandom));
  const restarted = new Sessions('token', systemRandom);
  expect(restarted.find(cookie, nowMs + 12 * hourMs)?.csrf).toMatch(/^[0-9a-f]{64}$/);
  expect(restarted.find(`other=1; ${cookie}; more=2`, nowMs)).toBeDefined();
  expect(restarted.find(cookie, nowMs + 12 * hourMs + 1)).toBeUndefined();
  expect(new Sessions('another token', systemRandom).find(cookie, nowMs)).toBeUndefined();
});

test.each<[string, (cookie: string) => string | undefined]>([
  ['no cookie', () => undefined],
  ['a later end', cookie => cookie.replace(/=\d+/, `=${nowMs + 999 * hourMs}`)],
  ['a signature that is cut off', cookie => cookie.slice(0, -1)],
  ['a changed signature', cookie => cookie.replace(/.$/, last => (last === '0' ? '1' : '0'))],
  ['the value under another name', cookie => cookie.replace(/^[^=]+/, 'faas-000000000000')],
  ['more behind it', cookie => `${cookie}0`],
])('%s is no session', (_, bend) => {
  const sessions = new Sessions('token', systemRandom);
  expect(sessions.find(bend(signedIn(sessions)), nowMs)).toBeUndefined();
});

test('the header of a session is not that of another one, nor part of its cookie', () => {
  const sessions = new Sessions('token', systemRandom);
  const [one, two] = [signedIn(sessions), signedIn(sessions)];
  const csrf = sessions.find(one, nowMs)?.csrf ?? '';
  expect(sessions.find(two, nowMs)?.csrf).not.toBe(csrf);
  expect(one).not.toContain(csrf);
});

test('the cookie is for this server alone, and for no script', () => {
  const sessions = new Sessions('token', systemRandom);
  const { setCookie } = sessions.redeem(sessions.newLink(nowMs).code, nowMs) ?? { setCookie: '' };
  expect(setCookie).toMatch(/^faas-[0-9a-f]{12}=\S+; HttpOnly; SameSite=Strict; Path=\/; Max-Age=43200$/);
  expect(new Sessions('another token', systemRandom).cookieName).not.toBe(sessions.cookieName);
});
