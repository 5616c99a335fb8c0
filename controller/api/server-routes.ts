import { wireVersion } from '../../runtime/protocol/messages.ts';
import { secretsNamedBy, variableOf } from '../gateway/secrets.ts';
import { envOf, flagOf, settingKeys, settingRow } from '../settings.ts';
import { printSetting } from '../settings-value.ts';
import type { ApiPorts } from './api-ports.ts';
import { examineAll } from './doctor.ts';
import { resolveAll } from './function-backlog.ts';
import { defineRoute, type Route } from './route.ts';
import { DoctorAnswer, SecretsAnswer, SettingsAnswer, VersionAnswer } from './server-schema.ts';

const tag = 'server';

/** The server itself: what it is, how it is set, which secrets it needs. */
export function serverRoutes(ports: ApiPorts): readonly Route[] {
  const version = defineRoute({
    method: 'GET',
    path: 'version',
    tag,
    summary: 'The server and what it stands on',
    answer: VersionAnswer,
    handle: async () => ({
      name: 'faas' as const,
      version: ports.version,
      node: process.versions.node,
      wireVersion,
      startedAtMs: ports.startedAtMs,
      streams: ports.streams.capabilities.adapter,
      state: ports.state.capabilities.adapter,
    }),
  });
  const settings = defineRoute({
    method: 'GET',
    path: 'settings',
    tag,
    summary: 'Every setting, its value and where it came from',
    answer: SettingsAnswer,
    handle: async () => ({ settings: settingKeys.map(key => settingAnswer(ports, key)) }),
  });
  const secrets = defineRoute({
    method: 'GET',
    path: 'secrets',
    tag,
    summary: 'The names of the secrets that functions need, and whether they are there',
    answer: SecretsAnswer,
    handle: async () => {
      const users = secretsNamedBy(await resolveAll(ports, await ports.registry.functions()));
      const secrets = [...users].map(async ([name, usedBy]) => {
        const { source, values } = await ports.secrets.check(name);
        return { name, usedBy: [...usedBy], ...(source !== undefined && { source }), values, env: variableOf(name) };
      });
      return { secrets: await Promise.all(secrets) };
    },
  });
  const doctor = defineRoute({
    method: 'GET',
    path: 'doctor',
    tag,
    summary: 'How the server, the stores under it and the functions are',
    answer: DoctorAnswer,
    handle: async () => ({ nowMs: ports.clock.now(), checks: [...(await examineAll(ports))] }),
  });
  return [version, settings, secrets, doctor];
}

function settingAnswer({ settings, origins }: ApiPorts, key: (typeof settingKeys)[number]): SettingsAnswer['settings'][number] {
  const row = settingRow(key);
  const value = settings[key];
  return {
    key,
    value,
    text: printSetting(row, value),
    origin: origins[key],
    flag: `--${flagOf(key)}`,
    env: envOf(key),
    meaning: row.meaning,
  };
}
