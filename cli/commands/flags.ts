import type { FlagSpec } from '../flag-spec.ts';

/** Flags that more than one command takes. */
export const globalFlags: readonly FlagSpec[] = [
  { name: 'help', short: 'h', kind: 'switch', meaning: 'Show how the command is used.' },
  { name: 'quiet', short: 'q', kind: 'switch', meaning: 'No progress on stderr.' },
  { name: 'verbose', short: 'v', kind: 'switch', meaning: 'More about what is done, on stderr.' },
  { name: 'no-color', kind: 'switch', meaning: 'No colours; NO_COLOR says the same.' },
];

const data: FlagSpec = {
  name: 'data',
  kind: 'text',
  label: 'folder',
  default: './.faas',
  meaning: 'Data folder of the server: where to find it, and its token.',
};

export const serverFlags: readonly FlagSpec[] = [
  { name: 'server', kind: 'text', label: 'url', meaning: 'Admin address of the server, instead of the one in the data folder.' },
  {
    name: 'token',
    kind: 'text',
    label: 'token',
    meaning: 'Token of the server, instead of the one in the data folder. Safer in FAAS_TOKEN than on the command line.',
  },
  data,
  {
    name: 'use',
    kind: 'text',
    label: 'context',
    meaning: 'Server that is saved under this name (faas context list), for this command; `local` is that of the data folder.',
  },
  { name: 'timeout', kind: 'duration', label: 'time', default: '30s', meaning: 'How long to wait for an answer.' },
];

export const outputFlag: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'text',
  label: 'format',
  choices: ['table', 'json', 'yaml'],
  default: 'table',
  meaning: 'How results are written.',
};

export const contextFlag: FlagSpec = {
  name: 'context',
  short: 'n',
  kind: 'text',
  label: 'name',
  meaning: 'Context of names without one; usually that of ./faas.yaml.',
};

export const manifestFlag: FlagSpec = {
  name: 'file',
  short: 'f',
  kind: 'text',
  label: 'path',
  default: 'faas.yaml',
  meaning: 'The manifest, or its folder.',
};

export const watchFlag: FlagSpec = { name: 'watch', short: 'w', kind: 'switch', meaning: 'Show it again every two seconds, until Ctrl-C.' };

export const limitFlag: FlagSpec = {
  name: 'limit',
  kind: 'number',
  label: 'count',
  default: '100',
  meaning: 'How many entries at most; 0 means all.',
};

export const whereFlag: FlagSpec = {
  name: 'where',
  kind: 'text',
  label: 'filter',
  meaning: 'Those for which all terms hold, such as `reason=error, key=customer-*, age>1h`; docs/retries.md lists the fields.',
};

export const yesFlag: FlagSpec = { name: 'yes', short: 'y', kind: 'switch', meaning: 'Do not ask.' };
