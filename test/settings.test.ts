import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { envOf, flagOf, isSettingKey, type SettingKey, settingKeys, settingRow } from '../controller/settings.ts';
import { loadSettings } from '../controller/settings-source.ts';
import { parseSetting, printSetting, type SettingValue } from '../controller/settings-value.ts';

const load = (source: Partial<Parameters<typeof loadSettings>[0]>) => loadSettings({ flags: {}, env: {}, ...source });

test('without anything every setting has its default, and nothing can change it', () => {
  const { settings, origins, problems } = load({});
  expect(settings).toStrictEqual(Object.fromEntries(settingKeys.map(key => [key, settingRow(key).default])));
  expect(new Set(Object.values(origins))).toStrictEqual(new Set(['default']));
  expect(problems).toStrictEqual([]);
  expect(Object.isFrozen(settings) && Object.isFrozen(origins)).toBe(true);
});

const file = 'admin: { port: 1 }';
test.each([
  ['a default', {}, 7070, 'default'],
  ['the file before it', { fileText: file }, 1, 'file'],
  ['the environment before the file', { fileText: file, env: { FAAS_ADMIN_PORT: '2' } }, 2, 'env'],
  ['a flag before all', { fileText: file, env: { FAAS_ADMIN_PORT: '2' }, flags: { 'admin-port': '3' } }, 3, 'flag'],
  ['an empty variable counts as not given', { fileText: file, env: { FAAS_ADMIN_PORT: '' } }, 1, 'file'],
  ['an undefined flag counts as not given', { fileText: file, flags: { 'admin-port': undefined } }, 1, 'file'],
  ['an empty file says nothing', { fileText: '' }, 7070, 'default'],
  ['nor does a file of comments', { fileText: '# nothing yet\n' }, 7070, 'default'],
] as const)('%s', (_, source, port, origin) => {
  const { settings, origins, problems } = load(source);
  expect([settings['admin.port'], origins['admin.port'], problems]).toStrictEqual([port, origin, []]);
});

test.each([
  ['gateway.bodyMax', 'gateway-body-max', 'FAAS_GATEWAY_BODY_MAX'],
  ['data', 'data', 'FAAS_DATA'],
  ['streams.retentionBytes', 'streams-retention-bytes', 'FAAS_STREAMS_RETENTION_BYTES'],
] as const)('%s is --%s and %s', (key, flag, env) => {
  expect([flagOf(key), envOf(key)]).toStrictEqual([flag, env]);
});

test('flags and variables of different settings differ', () => {
  expect(new Set(settingKeys.map(flagOf)).size).toBe(settingKeys.length);
  expect(new Set(settingKeys.map(envOf)).size).toBe(settingKeys.length);
});

describe('values', () => {
  test.each([
    ['admin.port', '0', 0],
    ['admin.port', '65535', 65_535],
    ['admin.port', 65_535, 65_535],
    ['pods.drain', '30s', 30_000],
    ['pods.drain', '0s', 0],
    ['gateway.bodyMax', '1Ki', 1_024],
    ['gateway.bodyMax', '4Mi', 4_194_304],
    ['gateway.bodyMax', 2_048, 2_048],
    ['gateway.allowUnverified', 'true', true],
    ['gateway.allowUnverified', true, true],
    ['gateway.allowUnverified', '0', false],
    ['hosts', 'a.example, b.example', ['a.example', 'b.example']],
    ['hosts', ['a.example'], ['a.example']],
    ['hosts', '', []],
    ['log.level', 'warn', 'warn'],
    ['roles', 'gateway, dispatcher', ['gateway', 'dispatcher']],
  ] as const)('%s takes %j', (key, given, value) => {
    expect(parseSetting(settingRow(key), given)).toStrictEqual({ kind: 'ok', value });
  });

  test.each([
    ['admin.port', '65536', 'a port from 0 to 65535'],
    ['admin.port', '-1', 'a port from 0 to 65535'],
    ['admin.port', '07070', 'a port from 0 to 65535'],
    ['admin.port', '1e3', 'a port from 0 to 65535'],
    ['admin.port', '', 'a port from 0 to 65535'],
    ['admin.port', null, 'a port from 0 to 65535'],
    ['pods.max', '0', 'a whole number, 1 or more, 1000 or less'],
    ['pods.max', '1.5', 'a whole number, 1 or more, 1000 or less'],
    ['pods.drain', '30', 'a duration such as 500ms, 30s, 5m, 6h or 7d'],
    ['pods.drain', 30, 'a duration such as 500ms, 30s, 5m, 6h or 7d'],
    ['gateway.bodyMax', '1023', 'a size such as 512, 64Ki, 8Mi or 1Gi, 1Ki or more, 4Mi or less'],
    ['gateway.bodyMax', '4194305', 'a size such as 512, 64Ki, 8Mi or 1Gi, 1Ki or more, 4Mi or less'],
    ['gateway.bodyMax', '1MB', 'a size such as 512, 64Ki, 8Mi or 1Gi, 1Ki or more, 4Mi or less'],
    ['gateway.allowUnverified', 'yes', 'true or false'],
    ['hosts', ['a', 1], 'a list of texts'],
    ['hosts', { a: 1 }, 'a list of texts'],
    ['log.level', 'verbose', 'one of debug, info, warn, error'],
    ['roles', 'gateway,foo', 'some of controller, dispatcher, gateway'],
    ['roles', '', 'some of controller, dispatcher, gateway'],
    ['data', 7, 'a path'],
  ] as const)('%s refuses %j: expected %s', (key, given, expected) => {
    expect(parseSetting(settingRow(key), given)).toStrictEqual({ kind: 'wrong', expected });
  });

  const setting = fc.constantFrom(...settingKeys).chain(key => fc.record({ key: fc.constant(key), value: anyValue(key) }));
  test('law: what is printed is read again as the same value', () => {
    fc.assert(
      fc.property(setting, ({ key, value }) => {
        expect(parseSetting(settingRow(key), printSetting(settingRow(key), value))).toStrictEqual({ kind: 'ok', value });
      }),
    );
  });
});

function anyValue(key: SettingKey): fc.Arbitrary<SettingValue> {
  const row = settingRow(key);
  if (row.oneOf !== undefined && row.type === 'list') return fc.array(fc.constantFrom(...row.oneOf), { minLength: 1 });
  if (row.oneOf !== undefined) return fc.constantFrom(...row.oneOf);
  if (row.type === 'boolean') return fc.boolean();
  if (row.type === 'list') return fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.', '-'), minLength: 1 }));
  if (row.type === 'text' || row.type === 'path') return fc.string();
  return fc.integer({ min: row.min ?? 0, max: Math.min(row.max ?? 2 ** 40, row.type === 'port' ? 65_535 : 2 ** 40) });
}

describe('problems', () => {
  test('all are named at once, each with its place', () => {
    const fileText = ['admin:', '  port: 70000', '  hots: x', 'pods:', '  max: many', 'nonsense: 1', ''].join('\n');
    const { problems } = load({
      fileText,
      fileName: 'faas.settings.yaml',
      env: { FAAS_LOG_LEVEL: 'loud' },
      flags: { 'pods-pol': '1', 'gateway-port': 'x' },
    });
    expect(problems.map(({ place, code, message }) => `${place} ${code} ${message}`).sort()).toStrictEqual([
      '--gateway-port FAAS_SETTING_VALUE gateway.port must be a port from 0 to 65535, not "x"',
      '--pods-pol FAAS_SETTING_UNKNOWN there is no setting pods-pol',
      'FAAS_LOG_LEVEL FAAS_SETTING_VALUE log.level must be one of debug, info, warn, error, not "loud"',
      'faas.settings.yaml:2:3 FAAS_SETTING_VALUE admin.port must be a port from 0 to 65535, not 70000',
      'faas.settings.yaml:3:3 FAAS_SETTING_UNKNOWN there is no setting admin.hots',
      'faas.settings.yaml:5:3 FAAS_SETTING_VALUE pods.max must be a whole number, 1 or more, 1000 or less, not "many"',
      'faas.settings.yaml:6:1 FAAS_SETTING_UNKNOWN there is no setting nonsense',
    ]);
  });

  test.each([
    ['pods-pol', 'Did you mean "pods-pool"?'],
    ['frobnicate', 'List all settings with "faas config".'],
  ])('the nearest name to --%s: %s', (flag, hint) => {
    expect(load({ flags: { [flag]: '1' } }).problems[0]?.hint).toBe(hint);
  });

  test.each([
    ['a flag', { flags: { 'admin-port': 'abc' } }, 'flag', 'Write --admin-port 7070, or leave it out.'],
    ['a variable', { env: { FAAS_ADMIN_PORT: 'abc' } }, 'env', 'Set FAAS_ADMIN_PORT=7070, or unset it.'],
    ['the file', { fileText: 'admin: { port: abc }' }, 'file', 'Write 7070 there, or take the setting out.'],
    ['nearly one that is allowed', { flags: { 'log-level': 'wran' } }, 'flag', 'Did you mean "warn"?'],
  ] as const)('what to do about a wrong value of %s', (_, source, origin, hint) => {
    expect(load(source).problems).toMatchObject([{ origin, hint }]);
  });

  test('of a long value the beginning is shown', () => {
    const { problems } = load({ flags: { 'admin-port': 'x'.repeat(1_000) } });
    expect(problems[0]?.message).toBe(`admin.port must be a port from 0 to 65535, not "${'x'.repeat(59)}…`);
  });

  test('a wrong value is named even where another one overrides it, and the setting keeps its default', () => {
    const { settings, problems } = load({ env: { FAAS_PODS_MAX: 'many' } });
    expect(settings['pods.max']).toBe(16);
    expect(problems).toHaveLength(1);
    expect(load({ env: { FAAS_PODS_MAX: 'many' }, flags: { 'pods-max': '4' } }).problems).toHaveLength(1);
  });

  test.each([
    ['no YAML', 'admin: [1', 'faas.settings.yaml:1'],
    ['a list', '- a\n', 'faas.settings.yaml'],
    ['a text', 'hello', 'faas.settings.yaml:1:1'],
    ['a key given twice', 'data: a\ndata: b\n', 'faas.settings.yaml:2:1'],
    ['a key that is no name', '1: a\n', 'faas.settings.yaml:1:1'],
    ['nested without end', 'a: { b: { c: { d: { e: 1 } } } }', 'faas.settings.yaml:1'],
    ['100 KB', `a: ${'x'.repeat(100_000)}`, 'faas.settings.yaml'],
    ['an alias', 'a: &x 1\nb: *x\n', 'faas.settings.yaml'],
  ])('%s is a problem with its place, never a crash', (_, fileText, place) => {
    const { problems, settings } = load({ fileText });
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.every(problem => problem.place.startsWith(place.split(':')[0] ?? ''))).toBe(true);
    expect(problems[0]?.place.startsWith(place)).toBe(true);
    expect(settings.data).toBe('./.faas');
  });

  test.each(['__proto__', 'constructor', 'toString'])('%s is no setting', name => {
    expect(isSettingKey(name)).toBe(false);
    expect(load({ fileText: `${name}: 1` }).problems).toMatchObject([{ code: 'FAAS_SETTING_UNKNOWN' }]);
    expect(load({ flags: JSON.parse(`{"${name}":"1"}`) }).problems).toMatchObject([{ code: 'FAAS_SETTING_UNKNOWN' }]);
  });
});
