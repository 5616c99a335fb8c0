import { run, type TestEvent } from 'faas/testing';
import { expect, test } from 'vitest';
import * as repositoryActivity from '../src/repository-activity.ts';
import * as summary from '../src/summary.ts';
import * as total from '../src/total.ts';

const webhook = (repository: string | null, event: string, login = 'octocat'): TestEvent<{ sender: { login: string } }> => ({
  key: repository,
  trigger: 'webhook',
  headers: { 'x-github-event': event },
  data: { sender: { login } },
});

test('events are counted per repository and kind, and passed on', async () => {
  const { state, emits } = await run(
    repositoryActivity,
    [webhook('octo/a', 'push'), webhook('octo/b', 'push'), webhook('octo/a', 'issues', 'hubot'), webhook('octo/a', 'push')],
    { emits: ['activity'] },
  );
  expect(state).toEqual({
    'octo/a': { events: 3, byEvent: { push: 2, issues: 1 }, lastSender: 'octocat' },
    'octo/b': { events: 1, byEvent: { push: 1 }, lastSender: 'octocat' },
  });
  expect(emits.map(({ stream, key, data }) => [stream, key, data])).toEqual([
    ['activity', 'octo/a', { repository: 'octo/a', event: 'push' }],
    ['activity', 'octo/b', { repository: 'octo/b', event: 'push' }],
    ['activity', 'octo/a', { repository: 'octo/a', event: 'issues' }],
    ['activity', 'octo/a', { repository: 'octo/a', event: 'push' }],
  ]);
});

test('payloads without a repository are counted under "-"', async () => {
  const { state, emits } = await run(repositoryActivity, [webhook(null, 'organization'), webhook(null, 'membership')], {
    emits: ['activity'],
  });
  expect(state).toEqual({ '-': { events: 2, byEvent: { organization: 1, membership: 1 }, lastSender: 'octocat' } });
  expect(emits.map(({ key }) => key)).toEqual(['-', '-']);
});

test('all events get one key', async () => {
  const data = { repository: 'octo/a', event: 'push' };
  const { emits, state } = await run(total, [{ key: 'octo/a', data }], { emits: ['totals'] });
  expect(emits).toMatchObject([{ stream: 'totals', key: 'all', data }]);
  expect(state).toEqual({});
});

test('they are added up, and the schedule reports what there is without changing it', async () => {
  const counted = { events: 3, byRepository: { 'octo/a': 2, '-': 1 }, byEvent: { push: 2, organization: 1 } };
  const { state } = await run(
    summary,
    [
      { key: 'all', data: { repository: 'octo/a', event: 'push' } },
      { key: 'all', data: { repository: '-', event: 'organization' } },
      { key: 'all', data: { repository: 'octo/a', event: 'push' } },
    ],
    {},
  );
  expect(state).toEqual({ all: counted });
  const reported = await run(summary, [{ key: 'report', trigger: 'schedule', data: { repository: '', event: '' } }], {
    state: { all: counted },
  });
  expect(reported.logs).toEqual([
    { level: 'info', message: '3 events in 2 repositories', fields: { busiestRepository: 'octo/a', commonestEvent: 'push' } },
  ]);
  expect(reported.state).toEqual({ all: counted });
});

test('a report before the first event says that there is nothing', async () => {
  const { logs, state } = await run(summary, [{ key: 'report', trigger: 'schedule', data: { repository: '', event: '' } }]);
  expect(logs.map(({ message }) => message)).toEqual(['0 events in 0 repositories']);
  expect(state).toEqual({});
});
