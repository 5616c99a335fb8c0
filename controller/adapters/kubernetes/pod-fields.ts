import { FaasError } from '../../errors.ts';
import { isRecord } from './kubernetes-object.ts';

/** What an operator may say of where pods run, and with what; all else of their spec is ours. */
const allowed = ['nodeSelector', 'tolerations', 'affinity', 'imagePullSecrets', 'priorityClassName', 'runtimeClassName'] as const;

/** `text`: the setting kubernetes.podFields, a JSON object of fields of a Pod's spec. Throws FAAS_SETTING_VALUE. */
export function podFields(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return {};
  const fields = parsed(text);
  const unknown = isRecord(fields) ? Object.keys(fields).filter(name => !allowed.some(known => known === name)) : [];
  if (isRecord(fields) && unknown.length === 0) return fields;
  const what = unknown.length === 0 ? 'must be a JSON object' : `may not have ${unknown.join(', ')}`;
  throw new FaasError('FAAS_SETTING_VALUE', `kubernetes.podFields ${what}`, `Fields of a Pod's spec: ${allowed.join(', ')}.`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
