import { join } from 'node:path';

/**
 * Where a cluster of one node lives. Its addresses are fixed, since a machine holds one at a time: the node's address is that of the bridge of its pods,
 * because a kubelet refuses loopback; nothing of it leaves the machine.
 */
export interface NodePlace {
  readonly folder: string;
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly apiServer: string;
  readonly apiPort: number;
  readonly apiServiceAddress: string;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
}

/** The machine's end of the cable to the node, and its address: servers of a test that pods shall reach listen here. */
export const hostLink = 'faas-test';
export const hostAddress = '10.244.76.1';
export const uplinkAddress = '10.244.76.2';

/** Of the pods. */
export const bridge = 'pods';
/** Of the network of pods, and of what containers' network plugins keep about it. */
export const podNetwork = 'faas-test';
export const podRange = '10.244.77.0/24';
export const serviceRange = '10.97.0.0/16';
export const dnsAddress = '10.97.0.10';
export const pauseImage = 'faas.test/pause:1';

export function nodePlace(folder: string, ports: { readonly api: number; readonly etcd: number; readonly etcdPeer: number }): NodePlace {
  const nodeAddress = '10.244.77.1';
  return {
    folder,
    nodeName: 'node1',
    nodeAddress,
    apiServer: `https://${nodeAddress}:${ports.api}`,
    apiPort: ports.api,
    apiServiceAddress: '10.97.0.1',
    etcdPort: ports.etcd,
    etcdPeerPort: ports.etcdPeer,
  };
}

export function containerdSocket(place: NodePlace): string {
  return join(place.folder, 'containerd', 'containerd.sock');
}
