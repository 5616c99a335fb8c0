import { wireVersion } from '../../runtime/protocol/messages.ts';
import type { ApiPorts } from './api-ports.ts';
import { VersionAnswer } from './contract.ts';
import { defineRoute, type Route } from './route.ts';

export function versionRoutes(ports: ApiPorts): readonly Route[] {
  const version = defineRoute({
    method: 'GET',
    path: 'version',
    tag: 'server',
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
  return [version];
}
