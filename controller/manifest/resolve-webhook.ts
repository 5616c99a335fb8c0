import type { Cursor } from './cursor.ts';
import type { Neighbours, Resolving } from './resolving.ts';
import type { KeySource, VerifySpec, WebhookTrigger } from './spec.ts';

export function resolveWebhook(functionName: string, at: Cursor, neighbours: Neighbours, resolving: Resolving): WebhookTrigger {
  const path = at.at('path').text() ?? '';
  checkPath(functionName, at.at('path'), path, neighbours);
  const verify = resolveVerify(at.at('verify'));
  const secret = at.at('secret');
  if (verify.scheme === 'none') {
    if (secret.isThere)
      secret.problem(
        'FAAS_MANIFEST_CONFLICT',
        'a secret is named, but "verify: none" checks nothing',
        'Remove the secret, or say how requests are verified.',
        'key',
      );
    else
      resolving.warnings.add('FAAS_MANIFEST_NO_EFFECT', at.at('verify').place(), 'requests from everyone are taken: nothing is verified');
  } else if (!secret.isThere && at.at('verify').isThere) {
    at.problem(
      'FAAS_MANIFEST_MISSING_KEY',
      `the key "secret" is missing, needed by "verify: ${verify.scheme}"`,
      'Name the secret, such as "secret: stripe-key".',
      'key',
    );
  }
  return {
    kind: 'webhook',
    path,
    verify,
    secret: secret.text(),
    key: resolveKey(at.at('key'), path),
    respond: at.at('respond').choice(['accepted', 'result'], 'accepted'),
  };
}

/** Two paths are the same when they match the same requests: the names of parameters do not count. */
function checkPath(functionName: string, at: Cursor, path: string, neighbours: Neighbours): void {
  const parameters = path.split('/').filter(part => part.startsWith(':'));
  if (new Set(parameters).size < parameters.length) at.problem('FAAS_MANIFEST_DUPLICATE', `a parameter occurs twice in "${path}"`);
  const shape = path.replaceAll(/:[^/]+/g, ':');
  const owner = neighbours.webhookPaths.get(shape);
  if (owner !== undefined && path !== '')
    at.problem(
      'FAAS_MANIFEST_DUPLICATE',
      `the path "${path}" is already that of a webhook of "${owner}"`,
      'Paths are unique in a context.',
    );
  else neighbours.webhookPaths.set(shape, functionName);
}

function resolveVerify(at: Cursor): VerifySpec {
  const hmac = at.at('hmac');
  if (!hmac.isThere) return { scheme: at.choice(['github', 'stripe', 'slack', 'standard', 'none'], 'standard') };
  return {
    scheme: 'hmac',
    header: (hmac.at('header').text() ?? '').toLowerCase(),
    algorithm: hmac.at('algorithm').choice(['sha1', 'sha256', 'sha512'], 'sha256'),
    encoding: hmac.at('encoding').choice(['hex', 'base64'], 'hex'),
    prefix: hmac.at('prefix').text() ?? '',
  };
}

function resolveKey(at: Cursor, path: string): KeySource | undefined {
  const text = at.text();
  const [, from, rest = ''] = /^(header|path|json):(.*)$/.exec(text ?? '') ?? [];
  if (from === 'header') {
    if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/.test(rest)) at.problem('FAAS_MANIFEST_BAD_VALUE', `"${rest}" is not a header name`);
    return { from, name: rest.toLowerCase() };
  }
  if (from === 'path') {
    if (!path.split('/').includes(`:${rest}`))
      at.problem('FAAS_MANIFEST_UNDECLARED', `the path "${path}" has no parameter ":${rest}"`, `Write the path as /something/:${rest}.`);
    return { from, param: rest };
  }
  if (from !== 'json') return undefined;
  if (/~(?![01])/.test(rest)) at.problem('FAAS_MANIFEST_BAD_VALUE', `"${rest}" is not a JSON pointer`, 'Write "~" as ~0 and "/" as ~1.');
  if (rest.split('/').length - 1 > pointerDepthMax)
    at.problem('FAAS_MANIFEST_OUT_OF_BOUNDS', `the JSON pointer is deeper than ${pointerDepthMax}`);
  return { from, pointer: rest };
}

/** The gateway reads no deeper into a body. */
const pointerDepthMax = 32;
