import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NodePlace } from './node-place.ts';

const run = promisify(execFile);

interface Certificate {
  readonly name: string;
  readonly subject: string;
  readonly usage: 'serverAuth' | 'clientAuth';
  readonly alternatives?: string;
  readonly authority?: string;
}

/** Who speaks to the API server with a kubeconfig of its own, and as whom. */
const clients = {
  admin: '/O=system:masters/CN=admin',
  'controller-manager': '/CN=system:kube-controller-manager',
  scheduler: '/CN=system:kube-scheduler',
  proxy: '/CN=system:kube-proxy',
  dns: '/CN=system:coredns',
} as const;

/** Authorities, certificates and kubeconfigs of a cluster of one node, in `<folder>/pki` and `<folder>/<client>.kubeconfig`. */
export async function makeCertificates(place: NodePlace): Promise<void> {
  const folder = join(place.folder, 'pki');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await makeAuthority(folder, 'ca');
  await makeAuthority(folder, 'front-proxy-ca');
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local', 'localhost'];
  const node = `/O=system:nodes/CN=system:node:${place.nodeName}`;
  const wanted: Certificate[] = [
    {
      name: 'apiserver',
      subject: '/CN=kube-apiserver',
      usage: 'serverAuth',
      alternatives: [...names.map(name => `DNS:${name}`), `IP:${place.nodeAddress}`, `IP:${place.apiServiceAddress}`, 'IP:127.0.0.1'].join(
        ',',
      ),
    },
    { name: 'kubelet-server', subject: node, usage: 'serverAuth', alternatives: `DNS:${place.nodeName},IP:${place.nodeAddress}` },
    { name: 'apiserver-kubelet', subject: '/O=system:masters/CN=kube-apiserver-kubelet-client', usage: 'clientAuth' },
    { name: 'front-proxy', subject: '/CN=front-proxy-client', usage: 'clientAuth', authority: 'front-proxy-ca' },
    { name: 'kubelet', subject: node, usage: 'clientAuth' },
    ...Object.entries(clients).map(([name, subject]): Certificate => ({ name, subject, usage: 'clientAuth' })),
  ];
  await Promise.all(wanted.map(certificate => issue(folder, certificate)));
  await openssl(folder, ['genrsa', '-out', 'sa.key', '2048']);
  await openssl(folder, ['rsa', '-in', 'sa.key', '-pubout', '-out', 'sa.pub']);
  for (const client of [...Object.keys(clients), 'kubelet']) await writeKubeconfig(place, client);
}

async function makeAuthority(folder: string, name: string): Promise<void> {
  await makeKey(folder, name);
  const extensions = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,digitalSignature,cRLSign'];
  const facts = ['-key', `${name}.key`, '-days', '30', '-subj', `/CN=faas-test-${name}`, '-out', `${name}.crt`];
  await openssl(folder, ['req', '-x509', '-new', '-sha256', ...facts, ...extensions.flatMap(one => ['-addext', one])]);
}

async function issue(folder: string, { name, subject, usage, alternatives, authority = 'ca' }: Certificate): Promise<void> {
  await makeKey(folder, name);
  const lines = ['basicConstraints=CA:FALSE', 'keyUsage=critical,digitalSignature,keyEncipherment', `extendedKeyUsage=${usage}`];
  if (alternatives !== undefined) lines.push(`subjectAltName=${alternatives}`);
  await writeFile(join(folder, `${name}.ext`), `${lines.join('\n')}\n`);
  await openssl(folder, ['req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`]);
  const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-set_serial', `0x${randomSerial()}`];
  await openssl(folder, [
    ...['x509', '-req', '-sha256', '-days', '30', '-in', `${name}.csr`],
    ...signer,
    ...['-extfile', `${name}.ext`, '-out', `${name}.crt`],
  ]);
}

function randomSerial(): string {
  return crypto.randomUUID().replaceAll('-', '').slice(0, 16);
}

async function makeKey(folder: string, name: string): Promise<void> {
  await openssl(folder, ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`]);
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  await run('openssl', args, { cwd: folder });
}

async function writeKubeconfig(place: NodePlace, client: string): Promise<void> {
  const [authority, certificate, key] = await Promise.all(
    ['ca.crt', `${client}.crt`, `${client}.key`].map(async file => (await readFile(join(place.folder, 'pki', file))).toString('base64')),
  );
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'test', cluster: { server: place.apiServer, 'certificate-authority-data': authority } }],
    users: [{ name: client, user: { 'client-certificate-data': certificate, 'client-key-data': key } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: client } }],
    'current-context': 'test',
  };
  await writeFile(join(place.folder, `${client}.kubeconfig`), JSON.stringify(config), { mode: 0o600 });
}
