import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import rules from '../.dependency-cruiser.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** For each import rule one file that breaks it: [rule, file, what it imports]. */
const plants: readonly (readonly [rule: string, from: string, to: string])[] = [
  ['no-circles', 'controller/scale/egg.ts', 'controller/scale/hen.ts'],
  ['the-words-are-pure', 'runtime/sdk/event.ts', 'node:fs'],
  ['a-pod-is-node-and-one-bundle', 'runtime/pod/shim.ts', 'yaml'],
  ['the-pod-has-doors', 'controller/fleet/fleet.ts', 'runtime/pod/worker.ts'],
  ['ports-speak-our-language', 'controller/ports/streams.ts', 'controller/clock.ts'],
  ['adapters-know-no-duty', 'controller/adapters/sqlite/state.ts', 'controller/dispatch/lanes.ts'],
  ['adapters-do-not-lean-on-each-other', 'controller/adapters/sqlite/streams.ts', 'controller/adapters/memory/streams.ts'],
  ['only-the-main-file-chooses-adapters', 'controller/dispatch/session.ts', 'controller/adapters/memory/streams.ts'],
  ['nobody-needs-the-main-file', 'controller/scale/limits.ts', 'controller/main.ts'],
  ['no-edge-calls-anothers-edge', 'controller/scale/scale-loop.ts', 'controller/dispatch/dispatch-loop.ts'],
  ['deciding-files-serve-nobody', 'controller/scale/decide.ts', 'undici'],
  ['the-manifest-stands-alone', 'controller/manifest/parse.ts', 'controller/ports/streams.ts'],
  ['telemetry-is-the-ground', 'controller/telemetry/log.ts', 'controller/ports/history.ts'],
  ['the-contract-costs-nothing', 'controller/api/paths.ts', 'node:url'],
  ['commands-come-in-by-the-doors', 'cli/commands/list.ts', 'controller/dispatch/lanes.ts'],
  ['the-dashboard-is-a-client', 'controller/dashboard/live.ts', 'controller/clock.ts'],
  ['nobody-needs-the-dashboard', 'controller/api/admin-server.ts', 'controller/dashboard/live.ts'],
  ['examples-are-authors', 'functions-examples/shop/totals.ts', 'controller/clock.ts'],
  ['nothing-needs-the-tests', 'cli/main.ts', 'test/support/clock.ts'],
  ['packages-are-declared', 'controller/wire/client.ts', 'fast-check'],
];

const folder = mkdtempSync(join(tmpdir(), 'faas-imports-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('every import rule catches the file that breaks it, and no rule is without such a file', () => {
  for (const file of plants.flatMap(([, from, to]) => [from, to]).filter(file => file.endsWith('.ts')))
    write(file, 'export const x = 1;\n');
  write('controller/scale/hen.ts', "import './egg.ts';\n");
  for (const [, from, to] of plants) write(from, `import '${to.endsWith('.ts') ? specifier(from, to) : to}';\n`);
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const args = [
    depcruise,
    '--config',
    join(root, '.dependency-cruiser.mjs'),
    '-T',
    'json',
    'runtime',
    'controller',
    'cli',
    'functions-examples',
  ];
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const found: { summary: { violations: { rule: { name: string }; from: string }[] } } = JSON.parse(stdout);
  const caught = found.summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
  for (const [rule, from] of plants) expect(caught).toContain(`${rule}: ${from}`);
  expect([...new Set(plants.map(([rule]) => rule))].sort()).toStrictEqual(rules.forbidden.map(rule => rule.name).sort());
});

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function specifier(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}
