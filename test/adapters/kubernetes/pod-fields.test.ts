import { expect, test } from 'vitest';
import { podFields } from '../../../controller/adapters/kubernetes/pod-fields.ts';
import { podManifest } from '../../../controller/adapters/kubernetes/pod-manifest.ts';

test('fields of the operator stand in the manifest, and what makes a pod safe stays', () => {
  const fields = podFields('{"nodeSelector":{"disk":"fast"},"tolerations":[{"operator":"Exists"}]}');
  const template = {
    ...{ namespace: 'n', image: 'i', serviceAccount: 's', server: 'a', cpu: '10m', graceMs: 1_000, orphanMs: 1_000, owner: undefined },
    ...{ imagePullPolicy: 'Always', fields },
  };
  const spec = { memoryBytes: 1, callbackUrl: 'http://h' };
  expect(podManifest({ name: 'pod', bootId: 'boot', tokenHash: 'hash', spec, announces: true }, template)).toMatchObject({
    spec: {
      nodeSelector: { disk: 'fast' },
      tolerations: [{ operator: 'Exists' }],
      automountServiceAccountToken: false,
      containers: [{ imagePullPolicy: 'Always' }],
    },
  });
});

test('nothing is nothing', () => expect(podFields('')).toEqual({}));

test.each([
  ['{', 'kubernetes.podFields must be a JSON object'],
  ['[]', 'kubernetes.podFields must be a JSON object'],
  ['{"hostNetwork":true,"nodeSelector":{}}', 'kubernetes.podFields may not have hostNetwork'],
  ['{"securityContext":{}}', 'kubernetes.podFields may not have securityContext'],
])('%s is refused', (text, message) => expect(() => podFields(text)).toThrow(message));
