import { didYouMean } from './manifest/nearest.ts';
import { envOf, flagOf, isSettingKey, type SettingKey, type Settings, settingKeys, settingRow } from './settings.ts';
import { readSettingsFile } from './settings-file.ts';
import { parseSetting, printSetting, type SettingValue } from './settings-value.ts';

/** Where settings are looked for; the caller reads the file and the environment. */
export interface SettingsSource {
  /** By flag name without dashes at its front: `admin-port`. Undefined members count as not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text of `faas.settings.yaml`; undefined: there is none. */
  readonly fileText?: string | undefined;
  /** How the file is called in problems. */
  readonly fileName?: string | undefined;
}

export interface LoadedSettings {
  /** Frozen. A key with a problem has its default here. */
  readonly settings: Settings;
  readonly origins: SettingOrigins;
  /** All that is wrong, at once; a server does not start with any. */
  readonly problems: readonly SettingProblem[];
}

export type SettingOrigin = 'flag' | 'env' | 'file' | 'default';
export type SettingOrigins = Readonly<Record<SettingKey, SettingOrigin>>;

export interface SettingProblem {
  readonly code: 'FAAS_SETTING_UNKNOWN' | 'FAAS_SETTING_VALUE' | 'FAAS_SETTING_SYNTAX';
  readonly origin: Exclude<SettingOrigin, 'default'>;
  /** `--admin-port`, `FAAS_ADMIN_PORT`, or `faas.settings.yaml:3:5`. */
  readonly place: string;
  readonly message: string;
  readonly hint: string | undefined;
}

interface Given {
  readonly key: SettingKey;
  readonly origin: Exclude<SettingOrigin, 'default'>;
  readonly place: string;
  readonly value: unknown;
}

/** Flag before environment before file before default; every given value is checked, also one that another overrides. */
export function loadSettings(source: SettingsSource): LoadedSettings {
  const file = fromFile(source);
  const flags = fromFlags(source.flags);
  const given = [...file.given, ...fromEnv(source.env), ...flags.given];
  const values = new Map<SettingKey, SettingValue>(settingKeys.map(key => [key, settingRow(key).default]));
  const origins = new Map<SettingKey, SettingOrigin>(settingKeys.map(key => [key, 'default']));
  const problems = [...flags.problems, ...file.problems];
  for (const { key, origin, place, value } of given) {
    const parsed = parseSetting(settingRow(key), value);
    if (parsed.kind === 'wrong') {
      const message = `${key} must be ${parsed.expected}, not ${shown(value)}`;
      problems.push({ code: 'FAAS_SETTING_VALUE', origin, place, message, hint: wayOut(key, origin, value) });
      continue;
    }
    values.set(key, parsed.value);
    origins.set(key, origin);
  }
  return {
    settings: Object.freeze(Object.fromEntries(values) as unknown as Settings),
    origins: Object.freeze(Object.fromEntries(origins) as unknown as SettingOrigins),
    problems,
  };
}

/** An empty variable counts as not given: that is how a shell or a container unsets one. */
function fromEnv(env: SettingsSource['env']): readonly Given[] {
  return settingKeys.flatMap(key => {
    const value = env[envOf(key)];
    return value === undefined || value === '' ? [] : [{ key, origin: 'env' as const, place: envOf(key), value }];
  });
}

function fromFlags(flags: SettingsSource['flags']): { given: readonly Given[]; problems: readonly SettingProblem[] } {
  const keys = new Map(settingKeys.map(key => [flagOf(key), key]));
  const given: Given[] = [];
  const problems: SettingProblem[] = [];
  for (const [name, value] of Object.entries(flags)) {
    const key = keys.get(name);
    const place = `--${name}`;
    if (key !== undefined && value !== undefined) given.push({ key, origin: 'flag', place, value });
    if (key === undefined) problems.push(unknownSetting('flag', place, name, keys.keys()));
  }
  return { given, problems };
}

function fromFile({ fileText, fileName = 'faas.settings.yaml' }: SettingsSource): {
  given: readonly Given[];
  problems: readonly SettingProblem[];
} {
  if (fileText === undefined) return { given: [], problems: [] };
  const { entries, errors } = readSettingsFile(fileText, fileName);
  const given: Given[] = [];
  const problems: SettingProblem[] = errors.map(({ place, message }) => ({
    code: 'FAAS_SETTING_SYNTAX',
    origin: 'file',
    place,
    message,
    hint: undefined,
  }));
  for (const { key, value, place } of entries) {
    if (isSettingKey(key)) given.push({ key, origin: 'file', place, value });
    else problems.push(unknownSetting('file', place, key, settingKeys));
  }
  return { given, problems };
}

function unknownSetting(origin: SettingProblem['origin'], place: string, name: string, known: Iterable<string>): SettingProblem {
  const hint = didYouMean(name, known) ?? 'List all settings with "faas config".';
  return { code: 'FAAS_SETTING_UNKNOWN', origin, place, message: `there is no setting ${name}`, hint };
}

/** More of a value than this tells nobody what is wrong with it. */
const shownMax = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= shownMax ? text : `${text.slice(0, shownMax)}…`;
}

/** The nearest of the texts that are allowed, or the usual value where the wrong one stands. */
function wayOut(key: SettingKey, origin: SettingProblem['origin'], value: unknown): string {
  const row = settingRow(key);
  const meant = didYouMean(String(value), row.oneOf ?? []);
  if (meant !== undefined) return meant;
  const usual = printSetting(row, row.default);
  const example = usual === '' ? `<${row.type}>` : usual;
  switch (origin) {
    case 'flag':
      return `Write --${flagOf(key)} ${example}, or leave it out.`;
    case 'env':
      return `Set ${envOf(key)}=${example}, or unset it.`;
    case 'file':
      return `Write ${example} there, or take the setting out.`;
  }
}
