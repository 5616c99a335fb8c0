import type { CommandSpec } from '../command.ts';
import { outputFlag, serverFlags } from './flags.ts';

/** Commands about where servers are and how they are there: a part of the command table. */
export const placeCommands: readonly CommandSpec[] = [
  {
    name: 'crds apply',
    summary: 'Create or upgrade the definitions of Context and Function in a cluster',
    args: [{ name: 'folder', meaning: 'With their files; usually those of this version.', required: false }],
    flags: [
      {
        name: 'kubeconfig',
        kind: 'text',
        label: 'path',
        meaning: 'Kubeconfig; otherwise what kubectl would use, or the service account of the pod.',
      },
      { name: 'kube-context', kind: 'text', label: 'name', meaning: 'Context of the kubeconfig.' },
      outputFlag,
    ],
    examples: ['faas crds apply', 'faas crds apply --kubeconfig ~/.kube/prod'],
    load: () => import('./crds-apply.ts'),
  },
  {
    name: 'doctor',
    summary: 'Look at the server, its stores, its functions and the clocks, and say what to do',
    args: [],
    flags: [outputFlag, ...serverFlags],
    examples: ['faas doctor', 'faas doctor --output json'],
    load: () => import('./doctor.ts'),
  },
  {
    name: 'context list',
    summary: 'List the servers that are saved under a name, never their tokens',
    args: [],
    flags: [outputFlag],
    examples: ['faas context list'],
    load: () => import('./context-list.ts'),
  },
  {
    name: 'context add',
    summary: 'Save a server under a name, and use it from now on',
    args: [{ name: 'name', meaning: 'Letters, digits, dots and dashes.', required: true }],
    flags: [
      { name: 'server', kind: 'text', label: 'url', meaning: 'Its admin address.' },
      {
        name: 'token',
        kind: 'text',
        label: 'token',
        meaning: 'Its token; `-` reads it from standard input. Safer in FAAS_TOKEN than on the command line.',
      },
      { name: 'token-file', kind: 'text', label: 'path', meaning: 'File whose first line is its token, read each time it is needed.' },
      outputFlag,
    ],
    examples: [
      'faas context add prod --server https://faas.example.com --token-file ~/.faas-prod',
      'kubectl get secret faas-token -o jsonpath={.data.token} | base64 -d | faas context add kind --server http://127.0.0.1:7070 --token -',
    ],
    load: () => import('./context-add.ts'),
  },
  {
    name: 'context use',
    summary: 'Choose the server that commands ask; `local` is that of the data folder',
    args: [{ name: 'name', meaning: 'As `faas context list` shows it.', required: true }],
    flags: [outputFlag],
    examples: ['faas context use prod', 'faas context use local'],
    load: () => import('./context-use.ts'),
  },
  {
    name: 'context remove',
    summary: 'Forget a saved server',
    args: [{ name: 'name', meaning: 'As `faas context list` shows it.', required: true }],
    flags: [outputFlag],
    examples: ['faas context remove prod'],
    load: () => import('./context-remove.ts'),
  },
];
