import { internalTopicOf } from '../functions/live-function.ts';
import type { Cursor } from './cursor.ts';
import { objectNames } from './name.ts';
import { resolveFunction } from './resolve-function.ts';
import { resolveSchema } from './resolve-schema.ts';
import type { Neighbours, Resolving } from './resolving.ts';
import type { ContextSpec, StreamSpec } from './spec.ts';
import { parseDuration, parseSize } from './units.ts';

/** Fills in the defaults and checks what a schema cannot say. The answer is only good when no problem was added. */
export function resolveContext(root: Cursor, resolving: Resolving): ContextSpec {
  const context = root.at('context').text() ?? '';
  checkName(root.at('context'), context);
  const streams = root.at('streams').entries();
  const functions = root.at('functions').entries();
  const neighbours: Neighbours = {
    context,
    streams: new Set(streams.map(([name]) => name)),
    functions: new Set(functions.map(([name]) => name)),
    webhookPaths: new Map(),
  };
  const owners = new Map<string, string>();
  return {
    context,
    owner: root.at('owner').text(),
    streams: streams.map(([name, at]) => resolveStream(name, at, context, owners, resolving)),
    functions: functions.map(([name, at]) => resolveFunction(name, at, neighbours, resolving)),
  };
}

/** Well-formed, and still not a name: JavaScript objects have it, or topics of the runtime begin with it. */
function checkName(at: Cursor, name: string): void {
  if (name === 'faas' || objectNames.includes(name))
    at.problem('FAAS_MANIFEST_BAD_NAME', `"${name}" is a reserved name`, 'Choose another one.');
}

function resolveStream(name: string, at: Cursor, context: string, owners: Map<string, string>, resolving: Resolving): StreamSpec {
  const internal = at.at('internal').boolean() ?? false;
  const written = at.at('topic').text();
  if (internal && written !== undefined) {
    at.at('topic').problem(
      'FAAS_MANIFEST_CONFLICT',
      'an internal stream has a topic of its own',
      `Remove it: the topic is ${internalTopicOf(context, name)}.`,
      'key',
    );
  }
  const topic = internal ? internalTopicOf(context, name) : (written ?? `${context}.${name}`);
  if (!internal) checkPublicTopic(topic, at);
  const owner = owners.get(topic);
  if (owner !== undefined)
    at.at('topic').problem('FAAS_MANIFEST_DUPLICATE', `the topic "${topic}" is already that of the stream "${owner}"`);
  else owners.set(topic, name);
  const retention = at.at('retention');
  return {
    name,
    topic,
    internal,
    partitions: at.at('partitions').whole(),
    schema: resolveSchema(at.at('schema'), resolving),
    retention: retention.isThere
      ? {
          ageMs: retention.at('age').isThere ? retention.at('age').amount(parseDuration, 0, '1s', '3650d') : undefined,
          bytes: retention.at('size').isThere ? retention.at('size').amount(parseSize, 0, '1Ki', '1048576Gi') : undefined,
        }
      : undefined,
  };
}

function checkPublicTopic(topic: string, at: Cursor): void {
  const owner = /^([a-z][a-z0-9-]{0,39})\.int\./.exec(topic)?.[1];
  if (owner !== undefined) {
    at.at('topic').problem(
      'FAAS_MANIFEST_FOREIGN',
      `the topic "${topic}" is internal to the context "${owner}"`,
      'Mark the stream "internal: true" there, or ask its owner for a public stream.',
    );
  } else if (/^(faas\.|__)/.test(topic) || topic === '.' || topic === '..') {
    at.at('topic').problem('FAAS_MANIFEST_BAD_VALUE', `the topic "${topic}" is reserved`, 'Choose another name.');
  }
}
